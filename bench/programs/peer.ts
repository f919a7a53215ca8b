/**
 * One side of a chat on a real UDP port, as a program that embeds it has it: hearing texts as they arrive (`plain`)
 * or taking them in a fiber (`fiber`).
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Scope from "effect/Scope"
import * as NodePeerTransport from "../../src/adapters/node/NodePeerTransport.ts"
import { ChatSession } from "../../src/services/chat/ChatSession.ts"
import { PeerTransport } from "../../src/services/PeerTransport.ts"
import { answerWith } from "./peerLoad.ts"

const [way = "", self = "", other = ""] = process.argv.slice(2)

const scope = Scope.makeUnsafe()
const services = Layer.merge(NodePeerTransport.layer, ChatSession.layer)
const run = <A, E>(effect: Effect.Effect<A, E, PeerTransport | ChatSession | Scope.Scope>): Promise<A> =>
  Effect.runPromise(effect.pipe(Effect.provideService(Scope.Scope, scope), Effect.provide(services)))

const socket = await run(PeerTransport.use((transport) => transport.bind({ port: 0, address: "127.0.0.1" })))

const open = Effect.fnUntraced(function* (port: number, onText: (text: string) => void) {
  const sessions = yield* ChatSession
  const chat = yield* sessions.open({
    socket,
    remote: { address: "127.0.0.1", port },
    dialect: "readme",
    self,
    peer: Option.some(other),
    patience: 10_000,
    onText: way === "plain" ? onText : undefined,
  })
  yield* chat.opened
  if (way === "fiber") yield* Effect.forkDetach(Effect.forever(Effect.map(chat.receive, onText)))
  return (text: string) => void chat.sayUnsafe(text)
})

answerWith({
  port: socket.local.port,
  message: (text) => text,
  open: (port, onText) => run(open(port, onText)),
})
