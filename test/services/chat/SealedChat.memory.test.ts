/**
 * A chat that is over leaves nothing behind: on the system's sockets, for what they keep counts too.
 */
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Layer } from "effect"
import * as EnglishWords from "nomitm/adapters/node/EnglishWords"
import * as NodeCryptography from "nomitm/adapters/node/NodeCryptography"
import * as NodePeerTransport from "nomitm/adapters/node/NodePeerTransport"
import { UdpSocket } from "nomitm/adapters/node/UdpSocket"
import { LiveChat } from "nomitm/services/chat/LiveChat"
import { PeerTransport } from "nomitm/services/PeerTransport"
import { PortMapper } from "nomitm/services/PortMapper"
import { SealedChat } from "nomitm/services/chat/SealedChat"
import * as V8 from "node:v8"
import * as Vm from "node:vm"
import { chatKeys } from "../../domain/record/keys.ts"

V8.setFlagsFromString("--expose-gc")
const collect = Vm.runInNewContext("gc") as NodeJS.GCFunction

const services = SealedChat.layer.pipe(
  Layer.provide([EnglishWords.layer, PortMapper.layerNone, NodeCryptography.layer]),
  Layer.provideMerge(NodePeerTransport.layer),
)

/** One chat from its beginning to its end, both sides of it. */
const chat = Effect.fnUntraced(function* (label: string) {
  const [transport, chats] = [yield* PeerTransport, yield* SealedChat]
  const bind = transport.bind({ port: 0, address: "127.0.0.1" })
  const sockets = { alice: yield* bind, bob: yield* bind }
  const keys = chatKeys(label)
  const heard = yield* Deferred.make<string>()
  const open = (name: "alice" | "bob", other: "alice" | "bob") =>
    chats.open({
      keys: keys[name],
      way: { _tag: "Address", socket: sockets[name], remote: sockets[other].local },
      patience: "10 seconds",
      onText: (text) => Deferred.doneUnsafe(heard, Effect.succeed(text)),
    })
  const [alice, bob] = [yield* open("alice", "bob"), yield* open("bob", "alice")]
  yield* Effect.all([alice.opened, bob.opened], { concurrency: "unbounded" })
  yield* alice.say("hello")
  assert.strictEqual(yield* Deferred.await(heard), "hello")
  yield* alice.close
  yield* bob.ended
}, Effect.scoped)

/** Chats at a time. */
const inRound = 50
/** In the first rounds functions are compiled and tables filled: what is left behind is so in each. */
const mostRounds = 16
/** What one side may leave behind, in bytes: an open one has more than ten thousand. */
const leftover = 512

const round = (number: number) =>
  Effect.forEach(
    Array.from({ length: inRound }, (_, i) => `chat ${number}.${i}`),
    chat,
    {
      concurrency: "unbounded",
      discard: true,
    },
  )

/** In bytes, buffers included. */
const heap = Effect.gen(function* () {
  for (let i = 0; i < 3; i++) {
    collect()
    yield* Effect.sleep(10)
  }
  const { external, heapUsed } = process.memoryUsage()
  return heapUsed + external
})

/** One alone may be when something else was given back. */
const lastTwo = (grown: ReadonlyArray<number>): number => (grown.length < 2 ? Infinity : Math.max(...grown.slice(-2)))

describe("a chat that is over", () => {
  it.live(
    "has given back all its memory",
    () =>
      Effect.gen(function* () {
        const grown: Array<number> = []
        let before = yield* heap
        do {
          yield* round(grown.length)
          const after = yield* heap
          grown.push((after - before) / (2 * inRound))
          before = after
        } while (lastTwo(grown) > leftover && grown.length < mostRounds)
        assert.isAtMost(lastTwo(grown), leftover, `bytes a side, round by round: ${grown.map(Math.round).join(", ")}`)
        for (const of of [LiveChat, UdpSocket]) assert.strictEqual(V8.queryObjects(of, { format: "count" }), 0, of.name)
      }).pipe(Effect.provide(services)),
    120_000,
  )
})
