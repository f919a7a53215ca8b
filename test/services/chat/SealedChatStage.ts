/**
 * Two sealed chats on a simulated network, brought together by addresses or by a server that is no more than two joined
 * wires; and all that they sent.
 */
import { Clock, Effect, Exit, Layer, Scope } from "effect"
import type * as Link from "nomitm/adapters/memory/Link"
import { type MemoryHost, MemoryNetwork } from "nomitm/adapters/memory/MemoryNetwork"
import { natKinds } from "nomitm/adapters/memory/NatKind"
import * as EnglishWords from "nomitm/adapters/node/EnglishWords"
import type { RelayPolicy, Way } from "nomitm/services/chat/ChatWay"
import type { News } from "nomitm/services/chat/ChatNews"
import { Cryptography } from "nomitm/services/Cryptography"
import { type PeerSocket, PeerTransport } from "nomitm/services/PeerTransport"
import { PortMapper } from "nomitm/services/PortMapper"
import { Refused } from "nomitm/services/link/RendezvousClient"
import { type Chat, type Options, SealedChat } from "nomitm/services/chat/SealedChat"
import type { Endpoint } from "nomitm/domain/Endpoint"
import * as RecordHeader from "../../../src/domain/record/RecordHeader.ts"
import { bytesOf, primitives } from "../../domain/crypto/primitives.ts"
import { chatKeys } from "../../domain/record/keys.ts"
import * as SleepingMachine from "../SleepingMachine.ts"
import * as JoinedWires from "./JoinedWires.ts"

export type Name = JoinedWires.Name

export const port = 55_000
export const aliceAt = { address: "198.51.100.2", port }
export const bobAt = { address: "198.51.100.3", port }

/** Bytes that nobody has to predict in a test. */
const cryptography = Layer.sync(Cryptography, () => {
  let drawn = 0
  return Cryptography.of({ primitives, randomBytes: (length) => bytesOf(`random ${drawn++}`, length) })
})

/** A datagram by UDP. */
export interface Sent {
  readonly from: Name
  readonly at: number
  readonly datagram: Uint8Array
  readonly to: Endpoint
}

export type ChatOptions = Partial<Omit<Options, "way">>

export interface Agreed {
  readonly relay?: RelayPolicy
  /** Ports were agreed on: the sides may find a direct path. True without it. */
  readonly hasPorts?: boolean
  /** Another label: other keys. */
  readonly keys?: string
}

/** Two hosts, alice's behind a NAT if wanted. */
export const make = Effect.fnUntraced(function* (link: Partial<Link.Link> = {}, behindNat = false) {
  const sent: Array<Sent> = []
  const network = yield* MemoryNetwork.make({ link: { latencyMillis: 20, jitterMillis: 30, ...link } })
  const nat = yield* network.nat({ address: aliceAt.address, kind: natKinds.portRestrictedCone })
  const hosts = {
    alice: yield* network.host(behindNat ? { address: "192.168.1.10", nat } : { address: "198.51.100.4" }),
    bob: yield* network.host(bobAt),
  }
  const publicly = { alice: behindNat ? aliceAt : { address: "198.51.100.4", port }, bob: bobAt }
  const clock = yield* Clock.Clock

  const tapped = (from: Name, { peerTransport }: MemoryHost): PeerTransport["Service"] => ({
    ...peerTransport,
    bind: (options) =>
      Effect.map(peerTransport.bind(options), (socket): PeerSocket => ({
        ...socket,
        send: (datagram, to, ttl) => {
          sent.push({ from, at: clock.currentTimeMillisUnsafe(), datagram: datagram.slice(), to })
          socket.send(datagram, to, ttl)
        },
      })),
  })
  const transports = { alice: tapped("alice", hosts.alice), bob: tapped("bob", hosts.bob) }
  const open = Effect.fnUntraced(function* (name: Name, options: Pick<Options, "way"> & ChatOptions) {
    const layer = SealedChat.layer.pipe(
      Layer.provide([
        cryptography,
        EnglishWords.layer,
        PortMapper.layerNone,
        Layer.succeed(PeerTransport, transports[name]),
      ]),
    )
    const { open } = yield* Effect.provide(SealedChat, layer)
    return yield* open({ patience: "30 seconds", keys: keys[name], ...options })
  })
  const keys = chatKeys()
  const sockets = { alice: yield* transports.alice.bind({ port }), bob: yield* transports.bob.bind({ port }) }
  const other = (name: Name): Name => (name === "alice" ? "bob" : "alice")

  /** With an address typed by hand. */
  const typed =
    (name: Name) =>
    ({ remote = publicly[other(name)], ...options }: ChatOptions & { readonly remote?: Endpoint } = {}) =>
      open(name, { way: { _tag: "Address", socket: sockets[name], remote }, ...options })

  /** What both sides have agreed on through a server: a way for each of them, and the keys. */
  const agree = Effect.fnUntraced(function* ({ relay = "auto", hasPorts = true, keys: label }: Agreed = {}) {
    const wires = yield* JoinedWires.make()
    const way = (name: Name, policy: RelayPolicy): Way => ({
      _tag: "Server",
      wire: wires.wire[name],
      reflex: Effect.fail(new Refused({ code: "Unavailable" })),
      doubt: () => Effect.void,
      relay: policy,
      isLocalServer: false,
    })
    for (const name of ["alice", "bob"] as const) {
      if (!hasPorts) wires.start(name, undefined, undefined)
      else {
        const socket = yield* transports[name].bind({ port: 0 })
        // The port of the other is another one: where it is, it tells.
        wires.start(name, socket, { ...publicly[other(name)], port: 1 })
      }
    }
    return { ...wires, way, relay, keys: chatKeys(label) }
  })
  type Agreement = Effect.Success<ReturnType<typeof agree>>

  /** Two chats through a server, both open. */
  const meet = Effect.fnUntraced(function* (agreed: Agreed = {}, options: Partial<Record<Name, ChatOptions>> = {}) {
    const agreement = yield* agree(agreed)
    const chat = (name: Name) =>
      open(name, { way: agreement.way(name, agreement.relay), keys: agreement.keys[name], ...options[name] })
    const [alice, bob] = [yield* chat("alice"), yield* chat("bob")]
    yield* bothOpen(alice, bob)
    return { ...agreement, alice, bob }
  })

  /** Two chats by the relay, both open; alice's is on a machine that can sleep. */
  const meetAsleep = Effect.fnUntraced(function* () {
    const machine = yield* SleepingMachine.make
    const agreement = yield* agree({ hasPorts: false })
    const { keys, relay, relayed, way } = agreement
    const alice = yield* open("alice", { way: way("alice", relay), keys: keys.alice }).pipe(
      Effect.provideService(Clock.Clock, machine.clock),
    )
    const bob = yield* open("bob", { way: way("bob", relay), keys: keys.bob })
    yield* bothOpen(alice, bob)
    yield* Effect.sleep("5 seconds")
    /** How many records she has sent. */
    const sent = () => relayed.filter(({ from }) => from === "alice").length
    return { machine, alice, bob, sent }
  })

  /** They go on by another call. */
  const resume = Effect.fnUntraced(function* (chats: Record<Name, Chat>, agreement: Agreement, ...who: Array<Name>) {
    const outer = yield* Effect.scope
    for (const name of who.length === 0 ? (["alice", "bob"] as const) : who) {
      const { keys, relay, way } = agreement
      yield* chats[name].resume({ keys: keys[name], way: way(name, relay) }, yield* Scope.fork(outer))
    }
  })

  return {
    network,
    nat,
    hosts,
    sockets,
    publicly,
    keys,
    sent,
    alice: typed("alice"),
    bob: typed("bob"),
    open,
    agree,
    meet,
    meetAsleep,
    resume,
    /** All UDP between both is lost, or is not. */
    setUdp: (connected: boolean) => network.setLinkBetween(hosts.alice, hosts.bob, { ...link, connected }),
  }
})

export type Stage = Effect.Success<ReturnType<typeof make>>

export const bothOpen = (a: Chat, b: Chat) => Effect.all([a.opened, b.opened], { concurrency: 2 })

export const epochsOf = (datagrams: ReadonlyArray<{ readonly datagram: Uint8Array }>) =>
  new Set(datagrams.map(({ datagram }) => RecordHeader.epoch(datagram)))

export const bad = { loss: 0.3, duplication: 0.1, reordering: 0.2, reorderMillis: 100 }

/** Waits for news of a kind; what comes before is passed over. */
export const newsOf = <Tag extends News["_tag"]>({ tracking }: Chat, tag: Tag) =>
  Effect.repeat(tracking.news, { until: (news) => news._tag === tag }) as Effect.Effect<
    Extract<News, { _tag: Tag }>,
    Effect.Error<typeof tracking.news>
  >

/** Waits until everything goes by such a path. */
export const until = (chat: Chat, kind: string) =>
  Effect.repeat(Effect.sleep(10), { until: () => chat.tracking.path().kind === kind })

/** Says texts from one side, and takes them at the other: each once and in order. */
export const sayAll = (from: Chat, texts: ReadonlyArray<string>) => Effect.forEach(texts, from.say, { discard: true })
export const numbered = (label: string, count: number): ReadonlyArray<string> =>
  Array.from({ length: count }, (_, i) => `${label} ${i}`)
export const take = (chat: Chat, count: number) => Effect.replicateEffect(chat.receive, count)

export const withScope = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.flatMap(Scope.make(), (scope) =>
    Effect.map(Scope.provide(effect, scope), (value) => ({ value, close: Scope.close(scope, Exit.void) })),
  )
