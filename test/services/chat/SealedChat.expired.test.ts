import { assert, it } from "@effect/vitest"
import { Effect } from "effect"
import { inVirtualTime } from "../../virtualTime.ts"
import { make } from "./SealedChatStage.ts"

/** A sleep that the keys just do not outlive. */
const sleepMillis = 180_001

it.effect("what is said right after a sleep is not sealed with keys that are too old", () =>
  inVirtualTime(
    Effect.gen(function* () {
      const { machine, alice, sent } = yield* (yield* make()).meetAsleep()
      const before = sent()
      machine.sleep(sleepMillis)
      yield* alice.say("with old keys")
      assert.strictEqual(sent(), before)
      assert.isTrue(alice.isAdrift())
    }),
  ),
)

it.effect("a suspended chat is closed without a record of its old keys", () =>
  inVirtualTime(
    Effect.gen(function* () {
      const { machine, alice, bob, sent } = yield* (yield* make()).meetAsleep()
      machine.sleep(sleepMillis)
      yield* bob.say("wake up")
      yield* alice.adrift
      const before = sent()
      yield* alice.close
      assert.strictEqual(sent(), before)
    }),
  ),
)
