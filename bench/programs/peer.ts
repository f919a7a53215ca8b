/**
 * One side of a chat: `ChatSession` on a real UDP port, driven as a program that embeds it would.
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Scope from "effect/Scope"
import * as NodePeerTransport from "../../src/adapters/node/NodePeerTransport.ts"
import { type Chat, ChatSession } from "../../src/services/ChatSession.ts"
import { type PeerSocket, PeerTransport } from "../../src/services/PeerTransport.ts"
import { answer } from "./answer.ts"
import type { Load } from "./barePeer.ts"

const [self = "", other = ""] = process.argv.slice(2)

const life = Layer.merge(NodePeerTransport.layer, ChatSession.layer)
const run = <A, E>(effect: Effect.Effect<A, E, PeerTransport | ChatSession | Scope.Scope>): Promise<A> =>
  Effect.runPromise(Effect.provide(Effect.provideService(effect, Scope.Scope, scope), life))
const scope = Scope.makeUnsafe()

const socket: PeerSocket = await run(
  Effect.flatMap(PeerTransport, (transport) => transport.bind({ port: 0, address: "127.0.0.1" })),
)
let chat: Chat

const open = (port: number) =>
  Effect.gen(function* () {
    chat = yield* (yield* ChatSession).open({
      socket,
      remote: { address: "127.0.0.1", port },
      dialect: "readme",
      self,
      peer: Option.some(other),
      patience: 10_000,
    })
    yield* chat.opened
  })

let returnEvery = 1

/** Sends back each text, or each of so many. */
const sendBack = Effect.gen(function* () {
  for (let received = 1; ; received++) {
    const text = yield* chat.receive
    if (received % returnEvery === 0) yield* chat.say(text)
  }
})

const roundTrips = Effect.fnUntraced(function* ({ text, count }: Load) {
  const micros = new Float64Array(count)
  for (let i = 0; i < count; i++) {
    const sentAt = performance.now()
    yield* chat.say(text)
    yield* chat.receive
    micros[i] = (performance.now() - sentAt) * 1000
  }
  return [...micros]
})

/** At most `window` texts are under way: none is lost, and what is counted has arrived. */
const oneWay = Effect.fnUntraced(function* ({ text, count, window, returnEvery }: Load) {
  const startedAt = performance.now()
  let underWay = 0
  for (let sent = 0; sent < count || underWay > 0;) {
    if (underWay < window && sent < count) {
      yield* chat.say(text)
      sent += 1
      underWay += 1
    } else {
      yield* chat.receive
      underWay -= returnEvery
    }
  }
  return (count / (performance.now() - startedAt)) * 1000
})

answer({
  port: () => socket.local.port,
  open: (port: number) => run(open(port)),
  sendBack: () => {
    void Effect.runPromise(sendBack)
  },
  every: (count: number) => {
    returnEvery = count
  },
  roundTrips: (load: Load) => Effect.runPromise(roundTrips(load)),
  oneWay: (load: Load) => Effect.runPromise(oneWay(load)),
})
