/**
 * One side of a sealed chat on a real UDP port, as a program that embeds it has it: hearing texts as they arrive.
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"
import * as EnglishWords from "../../src/adapters/node/EnglishWords.ts"
import * as NodeCryptography from "../../src/adapters/node/NodeCryptography.ts"
import * as NodePeerTransport from "../../src/adapters/node/NodePeerTransport.ts"
import * as ChatKeys from "../../src/domain/call/ChatKeys.ts"
import type { PersonName } from "../../src/domain/PersonName.ts"
import { Cryptography } from "../../src/services/Cryptography.ts"
import { PeerTransport } from "../../src/services/PeerTransport.ts"
import { SealedChat } from "../../src/services/SealedChat.ts"
import { answerWith } from "./peerLoad.ts"

const isInitiator = process.argv[3] === "near"

const scope = Scope.makeUnsafe()
const services = Layer.merge(
  NodePeerTransport.layer,
  SealedChat.layer.pipe(Layer.provide(EnglishWords.layer), Layer.provideMerge(NodeCryptography.layer)),
)
const run = <A, E>(effect: Effect.Effect<A, E, PeerTransport | SealedChat | Cryptography | Scope.Scope>): Promise<A> =>
  Effect.runPromise(effect.pipe(Effect.provideService(Scope.Scope, scope), Effect.provide(services)))

const socket = await run(PeerTransport.use((transport) => transport.bind({ port: 0, address: "127.0.0.1" })))

const open = Effect.fnUntraced(function* (port: number, onText: (text: string) => void) {
  const [chats, { primitives }] = [yield* SealedChat, yield* Cryptography]
  const secrets = [new Uint8Array(32).fill(1), new Uint8Array(32).fill(2)] as const
  const [own, other] = isInitiator ? secrets : secrets.toReversed()
  const chat = yield* chats.open({
    socket,
    remote: { address: "127.0.0.1", port },
    keys: {
      ...ChatKeys.ofRoot(primitives, new Uint8Array(32).fill(3), isInitiator),
      callId: new Uint8Array(16),
      isInitiator,
      h: new Uint8Array(32),
      self: { staticSecret: own! },
      peer: { staticKey: primitives.x25519.publicKey(other!), name: "other" as PersonName },
    },
    patience: 10_000,
    onText,
  })
  yield* chat.opened
  return (text: string) => void chat.sayUnsafe(text)
})

answerWith({
  port: socket.local.port,
  message: (text) => text,
  open: (port, onText) => run(open(port, onText)),
})
