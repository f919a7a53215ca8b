import { assert, it } from "@effect/vitest"
import { Clock, Effect } from "effect"
import { inVirtualTime } from "../../virtualTime.ts"
import * as SleepingMachine from "../SleepingMachine.ts"
import { bothOpen, make } from "./SealedChatStage.ts"

const asleep = Effect.fnUntraced(function* () {
  const world = yield* make()
  const machine = yield* SleepingMachine.make
  const agreement = yield* world.agree({ hasPorts: false })
  const { keys, relay, way } = agreement
  const alice = yield* world
    .open("alice", { way: way("alice", relay), keys: keys.alice })
    .pipe(Effect.provideService(Clock.Clock, machine.clock))
  const bob = yield* world.open("bob", { way: way("bob", relay), keys: keys.bob })
  yield* bothOpen(alice, bob)
  yield* Effect.sleep("5 seconds")
  return {
    alice,
    bob,
    sleep: () => machine.sleep(180_001),
    sent: () => agreement.relayed.filter(({ from }) => from === "alice").length,
  }
})

it.effect("what is said right after a sleep is not sealed with keys that are too old", () =>
  inVirtualTime(
    Effect.gen(function* () {
      const { alice, sleep, sent } = yield* asleep()
      const before = sent()
      sleep()
      yield* alice.say("with old keys")
      assert.strictEqual(sent(), before)
      assert.isTrue(alice.isAdrift())
    }),
  ),
)

it.effect("a suspended chat is closed without a record of its old keys", () =>
  inVirtualTime(
    Effect.gen(function* () {
      const { alice, bob, sleep, sent } = yield* asleep()
      sleep()
      yield* bob.say("wake up")
      yield* alice.adrift
      const before = sent()
      yield* alice.close
      assert.strictEqual(sent(), before)
    }),
  ),
)
