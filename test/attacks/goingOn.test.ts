/**
 * Attacks on a chat that goes on by another call, and on what keeps it running. Each test names the attack and says what
 * the victim did.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Scope } from "effect"
import * as RunningChats from "nomitm/services/peer/RunningChats"
import type { Chat } from "nomitm/services/chat/SealedChat"
import * as CallWorld from "../domain/call/CallWorld.ts"
import { alice, bob, byId, mallory } from "../domain/call/handshakes.ts"
import { promise } from "../services/peer/SealedPeerStage.ts"
import { memoryWorld } from "../services/worlds.ts"

const chat = CallWorld.someCallId("the chat's first call")

describe("attacks on a chat that goes on", () => {
  it("by a server that says, in the other side's place, that it does not know the chat: that is no more than a refusal", () => {
    const world = CallWorld.make(alice, bob)
    const [a] = world.parties
    const code = "No_such_chat"

    // In the place of M2, and in the place of M4.
    const first = world.dial(a, byId(bob), { resumes: chat })
    world.until("Chat")
    world.tell(a, { _tag: "Ended", callId: first, code })
    world.queue.length = 0

    world.parties[1].config = { ...world.parties[1].config, resumable: () => "Known" }
    const second = world.dial(a, byId(bob), { resumes: chat })
    world.serve(world.until("Pass"))
    world.tell(a, { _tag: "Ended", callId: second, code })

    assert.deepStrictEqual(CallWorld.story(a), ["CallFailed Failed", "CallFailed Failed"])
  })

  it.effect(
    "by somebody who calls with the id of a chat with another: that one is still known, and theirs is not",
    () =>
      Effect.gen(function* () {
        const running = RunningChats.make(
          () => undefined,
          () => assert.fail("nothing goes on here"),
        )
        const calm = { adrift: Effect.never } as Partial<Chat> as Chat
        const scopes = [yield* Scope.make(), yield* Scope.make()]
        yield* Scope.provide(running.keep(chat, bob.identity.id, calm), scopes[0]!)
        yield* Scope.provide(running.keep(chat, mallory.identity.id, { ...calm }), scopes[1]!)
        assert.strictEqual(running.isResumable(chat, bob.identity.id), "Known")
        yield* Scope.close(scopes[1]!, Exit.void)
        assert.strictEqual(running.isResumable(chat, bob.identity.id), "Known")
        assert.strictEqual(running.isResumable(chat, mallory.identity.id), "Unknown")
        yield* Scope.close(scopes[0]!, Exit.void)
        assert.strictEqual(running.isResumable(chat, bob.identity.id), "Unknown")
      }),
  )

  promise(memoryWorld)(
    "by a server that keeps silent about who has a name, and says meanwhile that the call is over: both have agreed on it",
    ({ person }) =>
      Effect.gen(function* () {
        let answers = 0
        const bob = yield* person("bob", 3, {
          hears: (text) =>
            text
              .split("\n")
              // At the ring he is told whose name it is; when he has said yes, he is not.
              .filter((line) => !line.startsWith("USER alice ") || ++answers === 1)
              .join("\n"),
        })
        const alice = yield* person("alice", 2, {
          hears: (text) => {
            const started = /^STARTCHAT \S+ \S+ \S+ (\S+)$/m.exec(text)
            return started === null || answers > 2 ? text : `${text}ENDED ${started[1]} Peer_gone\n`
          },
        })
        yield* alice.screen.nextOf("registered")
        yield* bob.screen.nextOf("registered")
        yield* alice.screen.type("/chat bob")
        yield* bob.screen.nextOf("incoming")
        yield* bob.screen.type("/accept")
        yield* alice.screen.nextOf("connected")
        const end = yield* Effect.raceFirst(
          Effect.map(alice.screen.nextOf("closed"), (event) => JSON.stringify(event)),
          Effect.as(Effect.sleep("60 seconds"), "it goes on"),
        )
        assert.strictEqual(end, "it goes on")
      }),
  )
})
