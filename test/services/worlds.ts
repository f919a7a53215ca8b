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
import { simulate } from "../simulate.ts"

/** The transports of one host. */
export type Host = Layer.Layer<PeerTransport | RendezvousTransport>

export interface World {
  readonly name: string
  /** The address of a host: 1 is the server's, others are the clients'. */
  readonly address: (host: number) => string
  /** A test in this world; `host(n)` is the one with `address(n)`. */
  readonly test: (
    name: string,
    program: (host: (n: number) => Host) => Effect.Effect<void, unknown, Scope.Scope>,
  ) => void
}

const nodeLayer = Layer.mergeAll(NodePeerTransport.layer, NodeRendezvousTransport.layer)

export const nodeWorld: World = {
  name: "on the sockets of this machine",
  address: (host) => `127.0.0.${host}`,
  test: (name, program) => it.live(name, () => program(() => nodeLayer)),
}

export const memoryWorld: World = {
  name: "on the in-memory network",
  address: (host) => `198.51.100.${host}`,
  test: (name, program) =>
    it.effect(name, () =>
      simulate(
        Effect.gen(function* () {
          const network = yield* MemoryNetwork.MemoryNetwork.make({ link: { latencyMillis: 20 } })
          const hosts = new Map<number, Host>()
          for (let n = 1; n < 10; n++) {
            hosts.set(n, (yield* network.host({ address: memoryWorld.address(n) })).layer)
          }
          return yield* program((n) => hosts.get(n)!)
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
  test: (name, program) => world.test(name, (host) => program((n) => Layer.flatMap(host(n), secured))),
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
