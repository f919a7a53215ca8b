import { assert, describe, it } from "@effect/vitest"
import { Effect, Option, Result } from "effect"
import { MemoryNetwork } from "nomitm/adapters/memory/MemoryNetwork"
import { maxTextBytes } from "nomitm/domain/PeerMessage"
import { type Chat, ChatSession } from "nomitm/services/chat/ChatSession"
import { inVirtualTime } from "../../virtualTime.ts"

const port = 55_000
const aliceAt = { address: "198.51.100.2", port }
const bobAt = { address: "198.51.100.3", port }

/** Alice talks to Bob, who hears each text as it arrives. */
const setting = Effect.fnUntraced(function* (onText: (text: string, bob: Chat) => void) {
  const network = yield* MemoryNetwork.make({ link: { latencyMillis: 20 } })
  const [a, b] = [yield* network.host(aliceAt), yield* network.host(bobAt)]
  const { open } = yield* Effect.provide(ChatSession, ChatSession.layer)
  const alice = yield* open({
    socket: yield* a.peerTransport.bind({ port }),
    self: "alice",
    remote: bobAt,
    peer: Option.some("bob"),
    dialect: "readme",
    patience: "5 seconds",
  })
  const bob: Chat = yield* open({
    socket: yield* b.peerTransport.bind({ port }),
    self: "bob",
    remote: aliceAt,
    peer: Option.some("alice"),
    dialect: "readme",
    patience: "5 seconds",
    onText: (text) => onText(text, bob),
  })
  return { alice, bob }
})

describe("a program that hears texts as they arrive", () => {
  it.effect("answers each in the same moment, and nothing waits in receive", () =>
    inVirtualTime(
      Effect.gen(function* () {
        const { alice, bob } = yield* setting((text, bob) => void bob.sayUnsafe(`${text} to you`))
        yield* Effect.all([alice.opened, bob.opened])
        for (const text of ["hello", "good evening"]) {
          yield* alice.say(text)
          assert.strictEqual(yield* alice.receive, `${text} to you`)
        }
        yield* alice.close
        yield* bob.ended
        assert.strictEqual((yield* Effect.flip(bob.receive)).ending, "closed_by_peer")
      }),
    ),
  )

  it.effect("is told what can't be said", () =>
    inVirtualTime(
      Effect.gen(function* () {
        const { alice, bob } = yield* setting(() => {})
        const failure = (text: string) => Option.getOrUndefined(Result.getFailure(bob.sayUnsafe(text)))
        assert.strictEqual(failure("too early")?._tag, "NotOpen")
        yield* Effect.all([alice.opened, bob.opened])
        assert.strictEqual(failure("x".repeat(maxTextBytes)), undefined)
        assert.deepInclude(failure("x".repeat(maxTextBytes + 1)), { _tag: "TextTooLong", bytes: maxTextBytes + 1 })
      }),
    ),
  )
})
