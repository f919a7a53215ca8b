/**
 * Whoever leaves a chat says so three times, 50 ms apart: one CLOSE that is lost is no peer that waits twenty seconds.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { inVirtualTime } from "../../virtualTime.ts"
import * as PeerStage from "./PeerStage.ts"

/** The ways to leave. */
const ways: Readonly<Record<string, (alice: PeerStage.Person) => Effect.Effect<unknown>>> = {
  "/close": ({ screen }) => screen.type("/close"),
  "/quit": ({ screen }) => screen.type("/quit"),
  "the end of its input": ({ screen }) => screen.end,
  "Ctrl-C": ({ interrupt }) => interrupt,
}

describe.each(
  (["readme", "original"] as const).flatMap((dialect) =>
    (["through a server", "directly"] as const).map((mode) => ({ dialect, mode })),
  ),
)("who talks $mode in the $dialect dialect", ({ dialect, mode }) => {
  for (const [name, leave] of Object.entries(ways)) {
    it.effect(`and leaves by ${name} says CLOSE three times, 50 ms apart`, () =>
      inVirtualTime(
        Effect.gen(function* () {
          const { alice, farewells } = yield* PeerStage.chat(dialect, mode)
          const leaving = yield* Effect.forkChild(leave(alice), { startImmediately: true })
          yield* Effect.sleep("1 second")
          const [first = 0, ...others] = farewells("alice", 2)
          assert.deepStrictEqual(others, [first + 50, first + 100])
          yield* Fiber.join(leaving)
        }),
      ),
    )

    it.effect(`and leaves by ${name} is heard though two of three are lost`, () =>
      inVirtualTime(
        Effect.gen(function* () {
          const { alice, bob, farewells, network } = yield* PeerStage.chat(dialect, mode)
          yield* network.setLinkFrom(alice.host, bob.host, { loss: 1 })
          yield* Effect.forkChild(leave(alice), { startImmediately: true })
          while (farewells("alice", 2).length < 2) yield* Effect.sleep(1)
          yield* network.setLinkFrom(alice.host, bob.host, { loss: 0 })
          assert.strictEqual((yield* bob.screen.nextOf("closed")).reason, "closed_by_peer")
        }),
      ),
    )
  }

  it.effect("says nothing more to one that has said CLOSE itself", () =>
    inVirtualTime(
      Effect.gen(function* () {
        const { alice, bob, farewells } = yield* PeerStage.chat(dialect, mode)
        yield* bob.screen.type("/close")
        assert.strictEqual((yield* alice.screen.nextOf("closed")).reason, "closed_by_peer")
        yield* Effect.sleep("1 second")
        assert.deepStrictEqual(farewells("alice", 2), [])
      }),
    ),
  )
})

it.effect("who ends a chat can call again at once, while the farewell is still under way", () =>
  inVirtualTime(
    Effect.gen(function* () {
      const { alice, bob } = yield* PeerStage.chat("readme", "through a server")
      yield* alice.screen.type("/close")
      yield* bob.screen.nextOf("closed")
      yield* alice.screen.type("/chat bob")
      assert.strictEqual((yield* alice.screen.nextOf("connected")).peer, "bob")
    }),
  ),
)
