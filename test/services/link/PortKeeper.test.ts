import { assert, it } from "@effect/vitest"
import { Effect, Exit, Option, Scope } from "effect"
import { MemoryNetwork } from "nomitm/adapters/memory/MemoryNetwork"
import * as PortKeeper from "../../../src/services/link/PortKeeper.ts"

const address = "198.51.100.2"

/** A keeper in a scope of its own, and who else would like to have its ports. */
const setting = Effect.gen(function* () {
  const network = yield* MemoryNetwork.make()
  const { peerTransport } = yield* network.host({ address })
  const scope = yield* Scope.fork(yield* Effect.scope)
  const keeper = yield* Scope.provide(PortKeeper.make(peerTransport, address), scope)
  const isFree = (port: number) => Effect.isSuccess(Effect.scoped(peerTransport.bind({ port, address })))
  return { keeper, isFree, bind: peerTransport.bind, end: Scope.close(scope, Exit.void) }
})

it.effect("one port is kept at a time: the one before is free again", () =>
  Effect.gen(function* () {
    const { keeper, isFree } = yield* setting
    assert.isTrue(yield* keeper.keep(50_001))
    assert.isTrue(yield* keeper.keep(50_001))
    assert.isFalse(yield* isFree(50_001))
    assert.isTrue(yield* keeper.keep(50_002))
    assert.deepEqual([yield* isFree(50_001), yield* isFree(50_002)], [true, false])
    yield* keeper.giveBack
    assert.isTrue(yield* isFree(50_002))
  }),
)

it.effect("a port that somebody else has is neither kept nor taken, and then none is", () =>
  Effect.gen(function* () {
    const { keeper, isFree, bind } = yield* setting
    yield* bind({ port: 50_002, address })
    yield* keeper.keep(50_001)
    assert.isFalse(yield* keeper.keep(50_002))
    assert.isTrue(yield* isFree(50_001))
    assert.isTrue(Option.isNone(yield* keeper.take(50_002)))
  }),
)

it.effect("a port that was taken outlives the keeper, one that is kept does not", () =>
  Effect.gen(function* () {
    const { keeper, isFree, end } = yield* setting
    yield* keeper.keep(50_001)
    const taken = Option.getOrThrow(yield* keeper.take(50_001))
    yield* keeper.keep(50_002)
    yield* end
    assert.deepEqual([yield* isFree(50_001), yield* isFree(50_002)], [false, true])
    yield* taken.release
    assert.isTrue(yield* isFree(50_001))
  }),
)
