/**
 * Two people without a server, on a simulated network where each datagram can be counted, changed, and added to; or on
 * the sockets of this machine.
 */
import { Clock, Effect, Exit, Fiber, Layer, Option, type Scope } from "effect"
import type * as Link from "nomitm/adapters/memory/Link"
import { type MemoryHost, MemoryNetwork } from "nomitm/adapters/memory/MemoryNetwork"
import * as MemoryScreen from "nomitm/adapters/memory/MemoryScreen"
import type { NatKind } from "nomitm/adapters/memory/NatKind"
import { natKinds } from "nomitm/adapters/memory/NatKind"
import * as EnglishWords from "nomitm/adapters/node/EnglishWords"
import * as Identity from "nomitm/domain/identity/Identity"
import type { PersonId } from "nomitm/domain/identity/PersonId"
import type { PersonName } from "nomitm/domain/PersonName"
import type { Endpoint } from "nomitm/domain/Endpoint"
import type { Policy } from "nomitm/services/peer/Acquaintances"
import { Cryptography } from "nomitm/services/Cryptography"
import { DirectRendezvous, type Opened } from "nomitm/services/peer/DirectRendezvous"
import * as PeerLife from "nomitm/services/peer/PeerLife"
import { type PeerSocket, PeerTransport } from "nomitm/services/PeerTransport"
import { PortMapper } from "nomitm/services/PortMapper"
import { Profile } from "nomitm/services/profile/Profile"
import { SealedChat } from "nomitm/services/chat/SealedChat"
import * as SealedDirectWay from "nomitm/services/peer/SealedDirectWay"
import { bytesOf, primitives } from "../../domain/crypto/primitives.ts"

export const port = 21_000

let drawn = 0
/** Other bytes at each start, the same in each run. */
export const cryptography = Layer.sync(Cryptography, () => {
  const label = drawn++
  let count = 0
  return Cryptography.of({ primitives, randomBytes: (length) => bytesOf(`drawn ${label} ${count++}`, length) })
})

export type Name = "alice" | "bob"

export interface Sent {
  readonly from: Name
  readonly at: number
  readonly datagram: Uint8Array
}

type Handler = (datagram: Uint8Array, from: Endpoint) => void

/** What becomes of a datagram on its way: how it arrives, and how often. */
export type Middle = (datagram: Uint8Array, from: Name) => ReadonlyArray<Uint8Array>

export interface Setting {
  readonly link?: Partial<Link.Link>
  /** Of both sides. */
  readonly nat?: NatKind
  readonly middle?: Middle
}

/** Where each of the two is, and what they say. */
export const make = Effect.fnUntraced(function* ({ link, nat, middle }: Setting = {}) {
  const sent: Array<Sent> = []
  /** How each of the two is told what did not come from the other, though it looks so. */
  const handlers = new Map<Name, Handler>()
  const clock = yield* Clock.Clock
  const network = yield* MemoryNetwork.make({ link: { latencyMillis: 20, ...link } })
  const at: Record<Name, Endpoint> = {
    alice: { address: "198.51.100.2", port },
    bob: { address: "198.51.100.3", port },
  }
  const hosts = new Map<Name, MemoryHost>()
  const home = Effect.fnUntraced(function* (name: Name, inside: string) {
    const { address } = at[name]
    const router = nat && (yield* network.nat({ address, kind: natKinds[nat] }))
    const host = yield* network.host(router ? { address: inside, nat: router } : { address })
    hosts.set(name, host)
    const tapped = (socket: PeerSocket): PeerSocket => ({
      ...socket,
      send: (datagram, to) => {
        sent.push({ from: name, at: clock.currentTimeMillisUnsafe(), datagram: datagram.slice() })
        for (const arriving of middle?.(datagram, name) ?? [datagram]) socket.send(arriving, to)
      },
      receive: (handler) => {
        handlers.set(name, handler)
        return socket.receive(handler)
      },
    })
    const { peerTransport } = host
    return PeerTransport.of({
      ...peerTransport,
      bind: (options) => Effect.map(peerTransport.bind(options), tapped),
    })
  })
  const transports = { alice: yield* home("alice", "192.168.1.10"), bob: yield* home("bob", "192.168.2.10") }
  /** A datagram from where the other is, which the other has not sent. */
  const inject = (to: Name, datagram: Uint8Array): void => handlers.get(to)?.(datagram, at[other(to)])
  return { network, sent, at, transports, inject, hosts: { alice: hosts.get("alice")!, bob: hosts.get("bob")! } }
})

export type Stage = Effect.Success<ReturnType<typeof make>>

export const other = (name: Name): Name => (name === "alice" ? "bob" : "alice")

/** Opens a socket's way to an address, as somebody with the keys of this label. */
export const open = Effect.fnUntraced(function* (
  socket: PeerSocket,
  remote: Endpoint,
  label: string,
  highestSerial: (id: PersonId) => number | undefined = () => undefined,
) {
  const now = Math.floor((yield* Clock.currentTimeMillis) / 1000)
  const identity = Identity.fromSeed(primitives, bytesOf(`seed of ${label}`, 32), { now })
  const rendezvous = yield* Effect.provide(DirectRendezvous, Layer.provide(DirectRendezvous.layer, cryptography))
  return yield* rendezvous.open({ socket, remote, self: { identity, name: label as PersonName }, highestSerial })
})

/** One of the two begins. */
export const begin = (
  { transports, at }: Stage,
  name: Name,
  label: string = name,
): Effect.Effect<Opened & { readonly bound: PeerSocket }, never, Scope.Scope> =>
  Effect.gen(function* () {
    const bound = yield* Effect.orDie(transports[name].bind({ port }))
    return { ...(yield* open(bound, at[other(name)], label)), bound }
  })

export interface PersonOptions {
  readonly policy?: Policy
  readonly expected?: PersonId | undefined
  /** Whose keys; the name's without it. */
  readonly label?: string
  readonly interactive?: boolean
  readonly profile?: Profile["Service"]
}

export const idOf = (label: string): PersonId =>
  Identity.fromSeed(primitives, bytesOf(`seed of ${label}`, 32), { now: 0 }).id

export const profileOf = (label: string) =>
  Effect.provide(
    Profile,
    Profile.layerMemory({ seed: bytesOf(`seed of ${label}`, 32) }).pipe(Layer.provide(cryptography)),
  )

/** Somebody's whole peer at the address of one of the two. */
export const person = Effect.fnUntraced(function* (
  transport: PeerTransport["Service"],
  at: { readonly remote: Endpoint; readonly localPort?: number; readonly localAddress?: string },
  name: string,
  options: PersonOptions = {},
) {
  const screen = yield* MemoryScreen.make({ interactive: options.interactive ?? true })
  const profile = options.profile ?? (yield* profileOf(options.label ?? name))
  const way = {
    name: name as PersonName,
    remote: { host: at.remote.address, port: at.remote.port },
    localPort: at.localPort ?? port,
    localAddress: at.localAddress,
    expected: options.expected,
    policy: options.policy ?? "ask",
  }
  const fiber = yield* PeerLife.live(name, (report) => SealedDirectWay.make(way, report)).pipe(
    Effect.provide(
      Layer.mergeAll(DirectRendezvous.layer, SealedChat.layer).pipe(
        Layer.provide([EnglishWords.layer, PortMapper.layerNone]),
        Layer.provideMerge(Layer.merge(cryptography, Layer.succeed(PeerTransport, transport))),
        Layer.merge(Layer.merge(Layer.succeed(Profile, profile), screen.layer)),
      ),
    ),
    Effect.match({ onSuccess: () => 0, onFailure: ({ exitCode }) => exitCode }),
    Effect.forkScoped({ startImmediately: true }),
  )
  return {
    screen,
    profile,
    exit: Effect.map(Fiber.await(fiber), (exit) => (Exit.isSuccess(exit) ? Option.some(exit.value) : Option.none())),
    interrupt: Fiber.interrupt(fiber),
  }
})

export type Person = Effect.Success<ReturnType<typeof person>>
