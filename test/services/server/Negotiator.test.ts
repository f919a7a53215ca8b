import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Fiber, Layer, Option } from "effect"
import type { ServerMessage } from "nomitm/domain/ServerMessage"
import { Username } from "nomitm/domain/Username"
import { maxTries, Negotiator } from "nomitm/services/server/Negotiator"
import { PortAllocator } from "nomitm/services/PortAllocator"
import type { AskError, Member } from "nomitm/services/server/Registry"

/** A member that is not there: what it is asked and told is recorded. */
const member = (name: string, answer: Effect.Effect<boolean, AskError>) => {
  const gone = Deferred.makeUnsafe<void>()
  const told: Array<ServerMessage> = []
  let asked = 0
  const self: Member = {
    name: Username.make(name),
    address: "192.0.2.1",
    send: (message) => void told.push(message),
    ask: () =>
      Effect.andThen(
        Effect.sync(() => void asked++),
        answer,
      ),
    gone: Deferred.await(gone),
  }
  return { self, told, asked: () => asked, leave: Deferred.succeed(gone, undefined) }
}

/** An allocator that has but one number. */
const onePort = Layer.succeed(PortAllocator, PortAllocator.of({ draw: () => Effect.succeed(50_000) }))
const layer = Negotiator.layer.pipe(Layer.provide(onePort))

describe("a negotiation", () => {
  it.effect("ends after twenty tries, though the same number is drawn again and again", () =>
    Effect.gen(function* () {
      const { call } = yield* Negotiator
      const [alice, bob] = [member("alice", Effect.succeed(false)), member("bob", Effect.succeed(true))]
      const error = yield* Effect.flip(call(alice.self, bob.self))
      assert.strictEqual(error.code, "Too_many_tries")
      assert.deepEqual([alice.asked(), bob.asked()], [maxTries, maxTries])
      assert.deepEqual(bob.told, [{ _tag: "Error", code: "Too_many_tries", about: Option.some(alice.self.name) }])
      assert.deepEqual(alice.told.at(-1), { _tag: "Error", code: "Too_many_tries", about: Option.some(bob.self.name) })
    }).pipe(Effect.provide(layer)),
  )

  it.effect("that is interrupted leaves both free, and tells nobody", () =>
    Effect.gen(function* () {
      const { call } = yield* Negotiator
      const [alice, bob] = [member("alice", Effect.never), member("bob", Effect.never)]
      const calling = yield* Effect.forkChild(call(alice.self, bob.self), { startImmediately: true })
      assert.strictEqual((yield* Effect.flip(call(member("carol", Effect.never).self, bob.self))).code, "Busy")
      yield* Fiber.interrupt(calling)
      assert.deepEqual(bob.told, [])
      const carol = member("carol", Effect.succeed(true))
      const dave = member("dave", Effect.succeed(true))
      assert.deepEqual(yield* call(carol.self, dave.self), { _tag: "Started", port: 50_000 })
      const again = yield* Effect.forkChild(call(bob.self, alice.self), { startImmediately: true })
      assert.isUndefined(again.pollUnsafe())
    }).pipe(Effect.provide(layer)),
  )

  it.effect("ends at once when somebody leaves who has answered already", () =>
    Effect.gen(function* () {
      const { call } = yield* Negotiator
      const [alice, bob] = [member("alice", Effect.succeed(true)), member("bob", Effect.never)]
      const calling = yield* Effect.forkChild(Effect.flip(call(alice.self, bob.self)), { startImmediately: true })
      yield* alice.leave
      assert.strictEqual((yield* Fiber.join(calling)).code, "Peer_gone")
      assert.deepEqual(bob.told, [{ _tag: "Error", code: "Peer_gone", about: Option.some(alice.self.name) }])
    }).pipe(Effect.provide(layer)),
  )
})
