/**
 * People with their peers on the in-memory network, where each datagram can be counted or lost.
 */
import { Effect, Exit, Fiber, Layer, Option, Scope } from "effect"
import { type MemoryHost, MemoryNetwork, type NetworkEvent } from "nomitm/adapters/memory/MemoryNetwork"
import * as MemoryScreen from "nomitm/adapters/memory/MemoryScreen"
import type { Dialect } from "nomitm/domain/Dialect"
import * as PeerMessage from "nomitm/domain/PeerMessage"
import type { Username } from "nomitm/domain/Username"
import { ChatSession } from "nomitm/services/chat/ChatSession"
import { type Options, Peer } from "nomitm/services/peer/Peer"
import { PortAllocator } from "nomitm/services/PortAllocator"
import { RendezvousClient } from "nomitm/services/link/RendezvousClient"
import { RendezvousServer } from "nomitm/services/server/RendezvousServer"

export const address = (n: number): string => `198.51.100.${n}`

export interface Person {
  readonly screen: MemoryScreen.MemoryScreen
  readonly host: MemoryHost
  /** Waits for the end; the exit code, or none when it was interrupted. */
  readonly exit: Effect.Effect<Option.Option<number>>
  readonly interrupt: Effect.Effect<void>
}

/** An empty network, and what is sent in it. */
export const make = Effect.fnUntraced(function* (dialect: Dialect) {
  const outer = yield* Effect.scope
  const events: Array<NetworkEvent> = []
  const network = yield* MemoryNetwork.make({
    link: { latencyMillis: 20 },
    observe: (event) => void events.push(event),
  })
  const serverHost = yield* network.host({ address: address(1) })
  let running = yield* Scope.fork(outer)

  /** A server of ours at `address(1)`, port 6969. */
  const startServer = Effect.gen(function* () {
    running = yield* Scope.fork(outer)
    yield* Layer.buildWithScope(
      RendezvousServer.layer({ address: address(1), port: 6969, dialect }).pipe(
        Layer.provide([serverHost.layer, PortAllocator.layer()]),
      ),
      running,
    )
  })

  /** Somebody at `address(n)`, registered at that server or as `via` says. */
  const person = Effect.fnUntraced(function* (
    name: string,
    n: number,
    options: { readonly interactive?: boolean; readonly via?: Options["via"] } = {},
  ) {
    const screen = yield* MemoryScreen.make({ interactive: options.interactive ?? true })
    const host = yield* network.host({ address: address(n) })
    const fiber = yield* Effect.flatMap(Peer, (peer) =>
      peer.run({
        name: name as Username,
        dialect,
        localAddress: address(n),
        via: options.via ?? { _tag: "Server", server: { host: address(1), port: 6969 } },
      }),
    ).pipe(
      Effect.provide(
        Peer.layer.pipe(
          Layer.provide([RendezvousClient.layer, ChatSession.layer, screen.layer]),
          Layer.provide(host.layer),
        ),
      ),
      Effect.match({ onSuccess: () => 0, onFailure: ({ exitCode }) => exitCode }),
      Effect.forkScoped({ startImmediately: true }),
    )
    return {
      screen,
      host,
      exit: Effect.map(Fiber.await(fiber), (exit) => (Exit.isSuccess(exit) ? Option.some(exit.value) : Option.none())),
      interrupt: Fiber.interrupt(fiber),
    } satisfies Person
  })

  /** When somebody sent CLOSE. No other message has its length. */
  const farewells = (name: string, n: number): ReadonlyArray<number> => {
    const bytes = PeerMessage.encode(dialect, { _tag: "Close", from: name }).length
    return events
      .filter((event) => event.event === "Sent" && event.from.address === address(n) && event.bytes === bytes)
      .map(({ at }) => at)
  }

  return {
    network,
    serverHost,
    startServer,
    stopServer: Effect.suspend(() => Scope.close(running, Exit.void)),
    person,
    farewells,
  }
})

/** alice and bob talk: through a server, or directly. */
export const chat = Effect.fnUntraced(function* (
  dialect: Dialect,
  mode: "through a server" | "directly",
  options: { readonly interactive?: boolean } = {},
) {
  const stage = yield* make(dialect)
  const direct = (n: number): Options["via"] => ({
    _tag: "Direct",
    remote: { host: address(n), port: 21_000 },
    localPort: 21_000,
  })
  const isDirect = mode === "directly"
  if (!isDirect) yield* stage.startServer
  const alice = yield* stage.person("alice", 2, { ...options, ...(isDirect ? { via: direct(3) } : {}) })
  const bob = yield* stage.person("bob", 3, isDirect ? { via: direct(2) } : {})
  if (!isDirect) {
    yield* alice.screen.nextOf("registered")
    yield* bob.screen.nextOf("registered")
    yield* alice.screen.type("/chat bob")
  }
  yield* alice.screen.nextOf("connected")
  yield* bob.screen.nextOf("connected")
  return { ...stage, alice, bob }
})
