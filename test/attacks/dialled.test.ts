/**
 * Attacks on whom a chat is with: whoever was dialled, and nobody who got in between.
 */
import { assert, describe } from "@effect/vitest"
import { Effect } from "effect"
import { callAs, promise as promiseIn } from "../services/peer/SealedPeerStage.ts"
import { type World, worlds } from "../services/worlds.ts"

describe.each(worlds.map((world) => ({ world, name: world.name })))(
  "somebody whose calls are taken unasked $name",
  ({ world }: { world: World }) => {
    const promise = promiseIn(world)

    promise("and who delays the port until another is dialled: does not get that one's chat", (stage) =>
      Effect.gen(function* () {
        const alice = yield* stage.person("alice", 2, { policy: "anyone" })
        const bob = yield* stage.person("bob", 3)
        for (const { screen } of [alice, bob]) yield* screen.nextOf("registered")
        const mallory = yield* callAs(stage, { registered: "mallory", says: "mallory", callee: alice, n: 4 })
        yield* Effect.sleep(200)
        yield* alice.screen.type("/chat bob")
        yield* alice.screen.type("for bob")
        yield* bob.screen.nextOf("incoming")
        yield* Effect.forkScoped(mallory.agree)
        yield* Effect.sleep(200)
        yield* bob.screen.type("/accept")
        yield* alice.screen.nextOf("calling")
        assert.deepInclude(yield* alice.screen.next, { event: "connected", peer: "bob" })
        assert.strictEqual((yield* bob.screen.nextOf("message")).text, "for bob")
      }),
    )
  },
)
