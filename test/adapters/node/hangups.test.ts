import { assert, it } from "@effect/vitest"
import { Effect } from "effect"
import { onHangup } from "nomitm/adapters/node/hangups"

const until = (what: () => boolean) =>
  Effect.gen(function* () {
    for (let i = 0; i < 2000 && !what(); i++) yield* Effect.sleep(10)
    assert.isTrue(what())
  })

it.live("a signal to read everything again does that, each time, and does not end a server", () =>
  Effect.gen(function* () {
    let ended = 0
    let reloads = 0
    // What the command does without it.
    const end = (): void => void (ended += 1)
    process.on("SIGHUP", end)
    yield* Effect.scoped(
      Effect.gen(function* () {
        yield* onHangup(Effect.sync(() => void (reloads += 1)))
        for (const times of [1, 2]) {
          process.kill(process.pid, "SIGHUP")
          yield* until(() => reloads === times)
        }
        assert.strictEqual(ended, 0)
      }),
    )
    process.kill(process.pid, "SIGHUP")
    yield* until(() => ended === 1)
    assert.strictEqual(reloads, 2)
    process.off("SIGHUP", end)
  }),
)
