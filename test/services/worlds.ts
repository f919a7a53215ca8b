/**
 * Where the same tests run: on the sockets of this machine in real time, and on the in-memory network under TestClock.
 */
import { it } from "@effect/vitest"
import { Context, Effect, Layer, type Scope } from "effect"
import * as MemoryNetwork from "nomitm/adapters/memory/MemoryNetwork"
import * as NodePeerTransport from "nomitm/adapters/node/NodePeerTransport"
import * as NodeRendezvousTransport from "nomitm/adapters/node/NodeRendezvousTransport"
import * as NodeServerIdentity from "nomitm/adapters/node/NodeServerIdentity"
import type { PeerTransport } from "nomitm/services/PeerTransport"
import { RendezvousTransport } from "nomitm/services/RendezvousTransport"
import { inVirtualTime } from "../virtualTime.ts"

/** The transports of one host. */
export type Host = Layer.Layer<PeerTransport | RendezvousTransport>

/** What happens to the network of one host, in a world where that can be. */
export interface Mishaps {
  /** Pulls the cable, or puts it back: streams stand still meanwhile. */
  readonly setUp: (host: number, up: boolean) => Effect.Effect<void>
  /** Resets all connections of a host. */
  readonly cutStreams: (host: number) => Effect.Effect<void>
  /** Lets no datagram pass between two hosts, or lets them again; streams pass. */
  readonly setUdp: (a: number, b: number, passes: boolean) => Effect.Effect<void>
  /** Lets what goes from one host to another take so long, in milliseconds. */
  readonly setLatency: (a: number, b: number, millis: number) => Effect.Effect<void>
}

export interface World {
  readonly name: string
  /** The address of a host: 1 is the server's, others are the clients'. */
  readonly address: (host: number) => string
  /** A test in this world; `host(n)` is the one with `address(n)`. */
  readonly test: (
    name: string,
    program: (host: (n: number) => Host, mishaps: Mishaps | undefined) => Effect.Effect<void, unknown, Scope.Scope>,
  ) => void
}

const nodeLayer = Layer.mergeAll(NodePeerTransport.layer, NodeRendezvousTransport.layer)

/**
 * Two files run at a time, and what one of them draws as UDP ports the other one draws, too: each has addresses of its own.
 */
const ownNetwork = `127.1.${process.env["VITEST_POOL_ID"] ?? 0}`

export const nodeWorld: World = {
  name: "on the sockets of this machine",
  address: (host) => `${ownNetwork}.${host}`,
  test: (name, program) => it.live(name, () => program(() => nodeLayer, undefined)),
}

export const memoryWorld: World = {
  name: "on the in-memory network",
  address: (host) => `198.51.100.${host}`,
  test: (name, program) =>
    it.effect(name, () =>
      inVirtualTime(
        Effect.gen(function* () {
          const network = yield* MemoryNetwork.MemoryNetwork.make({ link: { latencyMillis: 20 } })
          const hosts = new Map<number, MemoryNetwork.MemoryHost>()
          for (let n = 1; n < 10; n++) {
            hosts.set(n, yield* network.host({ address: memoryWorld.address(n) }))
          }
          return yield* program((n) => hosts.get(n)!.layer, {
            setUp: (n, up) => hosts.get(n)!.setUp(up),
            cutStreams: (n) => network.cutStreams(hosts.get(n)!),
            setUdp: (a, b, passes) =>
              network.setLinkBetween(hosts.get(a)!, hosts.get(b)!, { latencyMillis: 20, loss: passes ? 0 : 1 }),
            setLatency: (a, b, millis) => network.setLinkFrom(hosts.get(a)!, hosts.get(b)!, { latencyMillis: millis }),
          })
        }),
      ),
    ),
}

export const worlds: ReadonlyArray<World> = [nodeWorld, memoryWorld]

/** What every server of the worlds over TLS is. */
export const identity = NodeServerIdentity.ofKey(NodeServerIdentity.generateKey())

/** The same world, where servers and clients of `RendezvousTransport` speak TLS without having asked for it. */
const overTls = (world: World): World => ({
  ...world,
  name: `${world.name} over TLS`,
  test: (name, program) =>
    world.test(name, (host, mishaps) => program((n) => Layer.flatMap(host(n), secured), mishaps)),
})

const secured = (transports: Context.Context<PeerTransport | RendezvousTransport>): Host => {
  const { listen, connect } = Context.get(transports, RendezvousTransport)
  return Layer.succeedContext(
    Context.add(transports, RendezvousTransport, {
      listen: (options) => listen({ tls: identity, ...options }),
      connect: (options) => connect({ security: "Tls", ...options }),
    }),
  )
}

export const tlsWorlds: ReadonlyArray<World> = worlds.map(overTls)
