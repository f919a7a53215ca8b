/**
 * Two homes and a server on the in-memory network, with a whole peer in each.
 *
 * ```
 *   alice -- NAT [-- carrier's NAT] --+-- server, two addresses with two ports each
 *   bob   -- NAT [-- carrier's NAT] --+
 * ```
 */
import { Effect, Exit, Layer, Scope, Semaphore } from "effect"
import type * as Link from "nomitm/adapters/memory/Link"
import { type MemoryHost, type MemoryNat, MemoryNetwork } from "nomitm/adapters/memory/MemoryNetwork"
import type * as Nat from "nomitm/adapters/memory/Nat"
import { laboratoryKinds } from "nomitm/adapters/memory/NatKind"
import * as NodeServerIdentity from "nomitm/adapters/node/NodeServerIdentity"
import { NameStore } from "nomitm/services/NameStore"
import { PortAllocator } from "nomitm/services/PortAllocator"
import * as ReflexiveLookups from "nomitm/services/server/ReflexiveLookups"
import { RendezvousServer } from "nomitm/services/server/RendezvousServer"
import type { Kind } from "../natlab/pairs.ts"
import * as Chance from "./Chance.ts"
import * as Person from "./Person.ts"
import * as Watch from "./Watch.ts"

const serverAddresses = ["203.0.113.10", "203.0.113.11"] as const
const port = 6969
const identity = NodeServerIdentity.ofKey(NodeServerIdentity.generateKey())

/** Where somebody is: the host, and from the inside out what is before it. */
export interface Home {
  readonly host: MemoryHost
  readonly nats: ReadonlyArray<MemoryNat>
}

export type Place = MemoryHost

export interface World {
  readonly network: Network
  readonly server: MemoryHost
  /** Stops it, and starts it again so many milliseconds later. */
  readonly restartServer: (millis: number) => Effect.Effect<void>
  readonly alice: Person.Person
  readonly bob: Person.Person
  readonly homes: Homes
  /** Somebody may be sent something at these addresses. */
  readonly allow: (addresses: ReadonlyArray<string>) => void
  /** Waits for something that people notice. */
  readonly until: (isSo: () => boolean) => Effect.Effect<void>
}

/** The nets of one person: outside, inside the carrier's network, at home. */
const nets = {
  alice: { outer: "198.51.100", carrier: "100.64.1", inner: "192.168.1" },
  bob: { outer: "192.0.2", carrier: "100.64.2", inner: "10.1.1" },
} as const

/** The first address of somebody, or of their last NAT; another one with another number. */
export const outerAddress = (name: Person.Name, number = 1): string => `${nets[name].outer}.${number}`

type Network = MemoryNetwork["Service"]
export type Homes = Readonly<Record<Person.Name, Home>>

/** A home of this kind. */
const home = (network: Network, name: Person.Name, kind: Kind): Effect.Effect<Home> =>
  Effect.gen(function* () {
    const { outer, carrier, inner } = nets[name]
    if (kind === "cgn") {
      const outside = yield* network.nat({ address: `${outer}.1`, kind: laboratoryKinds["eim-eif"] })
      const nat = yield* network.nat({ address: `${carrier}.2`, kind: laboratoryKinds.portrestr, nat: outside })
      const host = yield* network.host({ name, address: `${inner}.10`, nat })
      return { host, nats: [nat, outside] }
    }
    const config: Nat.Config | undefined = laboratoryKinds[kind]
    if (config === undefined) return { host: yield* network.host({ name, address: `${outer}.1` }), nats: [] }
    if (config.mapping === "none") {
      const nat = yield* network.nat({ address: [], kind: config, name: `${name}'s firewall` })
      return { host: yield* network.host({ name, address: `${outer}.1`, nat }), nats: [nat] }
    }
    const nat = yield* network.nat({ address: `${outer}.1`, kind: config })
    return { host: yield* network.host({ name, address: `${inner}.10`, nat }), nats: [nat] }
  })

/** One of each kind. */
export const pair =
  (a: Kind, b: Kind) =>
  (network: Network): Effect.Effect<Homes> =>
    Effect.all({ alice: home(network, "alice", a), bob: home(network, "bob", b) })

export interface Options {
  readonly seed: number
  readonly link: Partial<Link.Link>
  readonly homes: (network: Network) => Effect.Effect<Homes>
  /** The server's addresses where they are not the usual ones. */
  readonly server?: ReadonlyArray<string>
}

/** Server and peers, registered; all ends with the scope. */
export const make = Effect.fnUntraced(function* ({ seed, link, homes, server = serverAddresses }: Options) {
  const outer = yield* Effect.scope
  const network = yield* MemoryNetwork.make({ link })
  const serverHost = yield* network.host({ name: "server", address: server })
  const built = yield* homes(network)
  const cryptography = Chance.cryptography(seed)

  const names = yield* Layer.build(NameStore.layerMemory)
  let running: Scope.Closeable | undefined
  const startServer = Effect.gen(function* () {
    running = yield* Scope.fork(outer)
    const [address = "", alternate] = server
    yield* Layer.buildWithScope(
      RendezvousServer.layerSecure({ address, port, dialect: "readme", tls: identity, plaintext: false }).pipe(
        Layer.provide(ReflexiveLookups.layer({ address, ports: [port, port + 1], alternate })),
        Layer.provide([PortAllocator.layer(), Layer.succeedContext(names), serverHost.layer, cryptography]),
      ),
      running,
    ).pipe(Effect.orDie)
  })
  const stopServer = Effect.suspend(() => (running === undefined ? Effect.void : Scope.close(running, Exit.void)))
  const oneRestart = yield* Semaphore.make(1)
  yield* startServer

  const waiting = new Set<() => void>()
  const onNews = (): void => {
    for (const look of waiting) look()
  }
  const allowed = new Set<string>(server)
  const allow = (addresses: ReadonlyArray<string>): void => addresses.forEach((address) => allowed.add(address))
  for (const { host, nats } of Object.values(built)) {
    allow(yield* host.addresses)
    for (const nat of nats) allow((yield* nat.state).addresses)
  }
  const said: Readonly<Record<Person.Name, Array<string>>> = { alice: [], bob: [] }
  const person = (name: Person.Name, salt: number): Effect.Effect<Person.Person, never, Scope.Scope> =>
    Person.make({
      name,
      host: built[name].host,
      watch: { ...Watch.make(), addresses: allowed },
      server: { host: server[0]!, port, pins: [identity.serverKey] },
      cryptography: Chance.cryptography(seed + salt),
      heard: said[name === "alice" ? "bob" : "alice"],
      said: said[name],
      onNews,
    })
  const alice = yield* person("alice", 0x10000000)
  const bob = yield* person("bob", 0x20000000)
  return {
    network,
    server: serverHost,
    restartServer: (millis) =>
      stopServer.pipe(Effect.andThen(Effect.sleep(millis)), Effect.andThen(startServer), oneRestart.withPermits(1)),
    alice,
    bob,
    homes: built,
    allow,
    until: (isSo) =>
      Effect.callback((resume) => {
        const look = (): void => {
          if (!isSo()) return
          waiting.delete(look)
          resume(Effect.void)
        }
        waiting.add(look)
        look()
        return Effect.sync(() => void waiting.delete(look))
      }),
  } satisfies World
})

/** alice calls bob, who says yes, and both are connected. */
export const connect = Effect.fnUntraced(function* ({ alice, bob, until }: World) {
  yield* until(() => alice.registeredAt < Infinity && bob.registeredAt < Infinity)
  yield* alice.type("/chat bob")
  yield* until(() => alice.connectedAt < Infinity && bob.connectedAt < Infinity)
})

/** What both were shown, in the order of time. */
export const shown = ({ alice, bob }: World): ReadonlyArray<string> =>
  [...alice.shown, ...bob.shown].toSorted((a, b) => Number.parseFloat(a) - Number.parseFloat(b))

/** What must not happen, and did. */
export const problems = ({ alice, bob }: World): ReadonlyArray<string> =>
  [alice, bob].flatMap((person) => person.problems.concat(person.watch.problems))
