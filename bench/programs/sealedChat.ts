/**
 * A sealed chat with another process on loopback, as a program that embeds it has it: what there is of `SealedChat` in the
 * bench is here.
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
import { type PeerSocket, PeerTransport } from "../../src/services/PeerTransport.ts"
import { PortMapper } from "../../src/services/PortMapper.ts"
import { type Chat, SealedChat } from "../../src/services/chat/SealedChat.ts"

const services = SealedChat.layer.pipe(
  Layer.provide([EnglishWords.layer, PortMapper.layerNone]),
  Layer.provideMerge([NodePeerTransport.layer, NodeCryptography.layer]),
)
type Services = Layer.Success<typeof services>

/** What runs ends with the process. */
const scope = Scope.makeUnsafe()
const context = await Effect.runPromise(Layer.buildWithScope(services, scope))
const run = <A, E>(effect: Effect.Effect<A, E, Services | Scope.Scope>): Promise<A> =>
  Effect.runPromise(effect.pipe(Effect.provideService(Scope.Scope, scope), Effect.provideContext(context)))

/** Of the two people, who have one each, however many chats. */
const secrets = [new Uint8Array(32).fill(1), new Uint8Array(32).fill(2)] as const

export const bind = (): Promise<PeerSocket> =>
  run(PeerTransport.use((transport) => transport.bind({ port: 0, address: "127.0.0.1" })))

export interface Options {
  readonly socket: PeerSocket
  readonly remotePort: number
  readonly isInitiator: boolean
  /** Both sides' secret of this chat, 32 bytes. */
  readonly root: Uint8Array
  readonly onText: (text: string) => void
}

/** Done when both sides are there. */
export const open = (options: Options): Promise<Chat> => run(opened(options))

const opened = Effect.fnUntraced(function* ({ socket, remotePort, isInitiator, root, onText }: Options) {
  const [chats, { primitives }] = [yield* SealedChat, yield* Cryptography]
  const [own, other] = isInitiator ? secrets : secrets.toReversed()
  const chat = yield* chats.open({
    way: { _tag: "Address", socket, remote: { address: "127.0.0.1", port: remotePort } },
    keys: {
      ...ChatKeys.ofRoot(primitives, root, isInitiator),
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
  return chat
})
