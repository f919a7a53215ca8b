/**
 * A wire in the network in memory: the same scripts, without a socket.
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import { type MemoryHost, MemoryNetwork } from "../../src/adapters/memory/MemoryNetwork.ts"
import { isIpv6 } from "../../src/domain/Endpoint.ts"
import { type Connection, RendezvousTransport } from "../../src/services/RendezvousTransport.ts"
import { type Script, turn, type Wire } from "./Wire.ts"

/** So many turns of the event loop without a byte: nothing is under way. */
const quietTurns = 60

/** Where the program is. */
const addresses = { ipv4: "192.0.2.1", ipv6: "2001:db8::1" }

export const make: Effect.Effect<Wire, never, Scope.Scope> = Effect.gen(function* () {
  const scope = yield* Effect.scope
  const network = yield* MemoryNetwork.make()
  const program = yield* network.host({ address: [addresses.ipv4, addresses.ipv6] })
  const hosts = new Map<string, MemoryHost>()
  const scripts: Array<Script> = []

  const hostAt = Effect.fnUntraced(function* (from: string) {
    const host = hosts.get(from) ?? (yield* network.host({ address: from }))
    hosts.set(from, host)
    return host
  })

  const adopt = Effect.fnUntraced(function* (connection: Connection, reset: Effect.Effect<void>) {
    let received = Buffer.alloc(0)
    let over = false
    yield* connection.receive.pipe(
      Effect.tap((bytes) => Effect.sync(() => void (received = Buffer.concat([received, bytes])))),
      Effect.forever,
      Effect.catchTag("ConnectionClosed", ({ reason }) => Effect.sync(() => void (over = reason === "Ended"))),
      Effect.forkIn(scope, { startImmediately: true }),
    )
    const script: Script = {
      // Connections take text: what is no UTF-8 arrives as it would be read.
      send: (bytes) =>
        Effect.forEach(
          Buffer.from(bytes)
            .toString("utf8")
            .match(/[^]{1,16384}/g) ?? [],
          (text) =>
            Effect.andThen(
              connection.drained,
              Effect.sync(() => connection.send(text)),
            ),
          { discard: true },
        ),
      finish: connection.end,
      reset,
      received: () => received,
      ended: () => over,
    }
    scripts.push(script)
    return script
  })

  const connect: Wire["connect"] = Effect.fnUntraced(function* (port, from) {
    const host = yield* hostAt(from)
    const to = isIpv6(from) ? addresses.ipv6 : addresses.ipv4
    const connection = yield* Effect.orDie(host.rendezvousTransport.connect({ host: to, port }))
    return yield* adopt(connection, network.cutStreams(host))
  })

  const listen = Effect.gen(function* () {
    const at = "192.0.2.2"
    const host = yield* hostAt(at)
    const listener = yield* Effect.orDie(host.rendezvousTransport.listen({ address: at, port: 0 }))
    const accepted: Array<Script> = []
    yield* listener
      .serve((connection) =>
        Effect.andThen(
          Effect.tap(adopt(connection, network.cutStreams(host)), (script) =>
            Effect.sync(() => void accepted.push(script)),
          ),
          Effect.never,
        ),
      )
      .pipe(Effect.forkScoped({ startImmediately: true }))
    return { endpoint: listener.local, accepted }
  })

  const settle = Effect.gen(function* () {
    let before = ""
    for (let quiet = 0; quiet < quietTurns; quiet++) {
      yield* turn
      const now = scripts.map((script) => `${script.received().length} ${script.ended()}`).join(", ")
      if (now !== before) quiet = 0
      before = now
    }
  })

  return {
    transport: Layer.succeed(RendezvousTransport, program.rendezvousTransport),
    bind: "::",
    connect,
    listen,
    settle,
  }
})
