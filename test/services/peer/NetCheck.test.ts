/**
 * netcheck against a server: what it finds out about the network that it runs in.
 */
import { assert, describe, it } from "@effect/vitest"
import { Context, Duration, Effect, Layer, Random, type Scope } from "effect"
import * as MemoryNetwork from "nomitm/adapters/memory/MemoryNetwork"
import { type LaboratoryKind, laboratoryKinds } from "nomitm/adapters/memory/NatKind"
import * as NodeCryptography from "nomitm/adapters/node/NodeCryptography"
import type { Endpoint } from "nomitm/domain/Endpoint"
import * as NetFindings from "nomitm/domain/net/NetFindings"
import { NetCheck } from "nomitm/services/peer/NetCheck"
import { PortMapper, PortMappingError } from "nomitm/services/PortMapper"
import { LinkLost } from "nomitm/services/link/RendezvousClient"
import { RendezvousTransport } from "nomitm/services/RendezvousTransport"
import { inVirtualTime } from "../../virtualTime.ts"
import * as Stage from "../server/SecureStage.ts"
import { type Host, identity, memoryWorld, worlds } from "../worlds.ts"

const mapperOf = (map: PortMapper["Service"]["map"]) => Layer.succeed(PortMapper, PortMapper.of({ map }))

/** Checks from a host; its trust is that of somebody who has the pin. */
const check = <E = never>(
  host: Host,
  server: { readonly host: string; readonly port: number },
  options: {
    readonly localAddress?: string
    readonly mapper?: Layer.Layer<PortMapper>
    readonly trust?: () => Effect.Effect<void, E>
  } = {},
) =>
  Effect.flatMap(NetCheck, ({ run }) => {
    const { localAddress, trust = () => Effect.void } = options
    return run({ server: { host: server.host, port: server.port }, localAddress, trust })
  }).pipe(
    Effect.provide(
      NetCheck.layer.pipe(Layer.provide([host, NodeCryptography.layer, options.mapper ?? PortMapper.layerNone])),
    ),
  )

const told = (findings: NetFindings.NetFindings) => NetFindings.toEvent("the server", findings)

for (const world of worlds) {
  describe(`netcheck ${world.name}`, () => {
    const server = world.address(1)
    const alice = world.address(2)

    world.test("where there is no NAT: UDP passes, and the address is the machine's own", (host) =>
      Effect.gen(function* () {
        const at = yield* Stage.startServer(server, host(1), { lookups: {} })
        const findings = yield* check(host(2), at, { localAddress: alice })
        const { port } = findings.local
        assert.deepInclude(told(findings), {
          event: "netcheck",
          udp: "passes",
          nat: "none",
          answered: 2,
          asked: 2,
          address: `${alice}:${port}`,
          keeps_ports: true,
          port_mapping: "",
        })
        assert.isTrue(findings.rttMillis !== undefined && findings.rttMillis >= 0)
      }),
    )

    world.test("at a server without lookups it is not known, and said so", (host) =>
      Effect.gen(function* () {
        const at = yield* Stage.startServer(server, host(1))
        const findings = yield* check(host(2), at, { localAddress: alice })
        assert.deepInclude(told(findings), { udp: "unknown", nat: "unknown", address: "", answered: 0, asked: 0 })
      }),
    )

    world.test("whoever is not the right server is asked nothing", (host) =>
      Effect.gen(function* () {
        const at = yield* Stage.startServer(server, host(1), { lookups: {} })
        const refused = yield* Effect.flip(
          check(host(2), at, { localAddress: alice, trust: () => Effect.fail("not the one" as const) }),
        )
        assert.strictEqual(refused, "not the one")
      }),
    )
  })
}

/** Where a server with two addresses is in the simulated internet, and a host behind a NAT of this kind. */
const behind = <A>(
  kind: LaboratoryKind,
  use: (host: Host, server: { readonly host: string; readonly port: number }) => Effect.Effect<A, unknown, Scope.Scope>,
  link: { readonly latencyMillis: number; readonly loss?: number } = { latencyMillis: 20 },
  seed = 1,
) =>
  Effect.gen(function* () {
    const network = yield* MemoryNetwork.MemoryNetwork.make({ link })
    const place = yield* network.host({ address: ["198.51.100.1", "198.51.100.2"] })
    const server = yield* Stage.startServer("198.51.100.1", place.layer, { lookups: { alternate: "198.51.100.2" } })
    const nat = laboratoryKinds[kind]
    const home = nat && (yield* network.nat({ address: "203.0.113.5", kind: nat }))
    const alice = yield* network.host(home ? { address: "192.168.1.10", nat: home } : { address: "203.0.113.5" })
    return yield* use(alice.layer, server)
  }).pipe(Random.withSeed(seed))

const findsOf = (kind: LaboratoryKind) =>
  inVirtualTime(behind(kind, (host, server) => Effect.map(check(host, server), told)))

describe("netcheck behind NATs of the in-memory network", () => {
  it.effect.each([
    ["open", "none", true],
    ["fullcone", "endpoint-independent", true],
    ["addrrestr", "endpoint-independent", true],
    ["portrestr", "endpoint-independent", true],
    ["portrestr-open", "endpoint-independent", true],
    ["eim", "endpoint-independent", false],
    ["eim-eif", "endpoint-independent", false],
    ["symaddr", "address-dependent", false],
    ["symseq", "sequential", false],
    ["symblk", "block", false],
    ["sym", "random", false],
  ] as const)("says of %s that it is %s, and whether it keeps ports", ([kind, nat, keepsPorts]) =>
    Effect.gen(function* () {
      const { udp, answered, asked, rtt_ms, ...event } = yield* findsOf(kind)
      assert.deepStrictEqual([udp, answered, asked], ["passes", 4, 4])
      assert.strictEqual(event.nat, nat)
      assert.strictEqual(event.keeps_ports, keepsPorts)
      assert.match(event.address, /^203\.0\.113\.5/)
      assert.isTrue(rtt_ms !== undefined && rtt_ms >= 40 && rtt_ms < 100)
      assert.isNotEmpty(event.advice)
    }),
  )

  it.effect("says that UDP is blocked where it is, after seconds and not minutes", () =>
    Effect.gen(function* () {
      const [took, findings] = yield* inVirtualTime(
        behind("udpblock", (host, server) => Effect.timed(check(host, server))),
      )
      assert.isBelow(Duration.toSeconds(took), 5)
      const event = told(findings)
      assert.deepInclude(event, { udp: "blocked", nat: "blocked", answered: 0, asked: 4, address: "203.0.113.5" })
      assert.include(event.advice[0], "No UDP passes here")
    }),
  )

  it.effect("asks again what was lost", () =>
    Effect.gen(function* () {
      let answered = 0
      for (let run = 0; run < 10; run++) {
        const link = { latencyMillis: 20, loss: 0.2 }
        const use = (host: Host, server: { readonly host: string; readonly port: number }) =>
          Effect.map(check(host, server), told)
        answered += (yield* inVirtualTime(behind("portrestr", use, link, run))).answered
      }
      // One question of five gets lost, and one answer of five: of a single round 0.64 would be left, of three 0.95.
      assert.isAtLeast(answered, 33)
    }),
  )

  it.effect("asks the router for a port where there is a NAT, and tells how far it reaches", () =>
    Effect.gen(function* () {
      const asked: Array<number> = []
      let released = 0
      const mapper = (endpoint: Endpoint) =>
        mapperOf((port) =>
          Effect.acquireRelease(
            Effect.sync(() => {
              asked.push(port)
              return endpoint
            }),
            () => Effect.sync(() => void released++),
          ),
        )
      const open = yield* inVirtualTime(
        behind("sym", (host, server) => check(host, server, { mapper: mapper({ address: "203.0.113.5", port: 7 }) })),
      )
      assert.deepStrictEqual(asked, [open.local.port])
      assert.strictEqual(released, 1)
      assert.deepInclude(told(open), { nat: "random", port_mapping: "203.0.113.5:7" })
      assert.deepStrictEqual(told(open).advice, ["Calls will be direct with everybody whose network lets UDP pass."])
      yield* inVirtualTime(
        behind("open", (host, server) => check(host, server, { mapper: mapper({ address: "203.0.113.5", port: 7 }) })),
      )
      assert.lengthOf(asked, 1)
      const none = mapperOf(() => Effect.fail(new PortMappingError({ reason: "NoRouter" })))
      const closed = yield* inVirtualTime(behind("sym", (host, server) => check(host, server, { mapper: none })))
      assert.strictEqual(told(closed).port_mapping, "")
    }),
  )
})

/** A server that says these lines to whoever connects, and reads what it is told without an answer. */
const says = (...lines: ReadonlyArray<string>) =>
  inVirtualTime(
    Effect.gen(function* () {
      const network = yield* MemoryNetwork.MemoryNetwork.make({ link: { latencyMillis: 20 } })
      const place = yield* network.host({ address: memoryWorld.address(1) })
      const alice = yield* network.host({ address: memoryWorld.address(2) })
      const transport = Context.get(yield* Layer.build(place.layer), RendezvousTransport)
      const listener = yield* transport.listen({ address: memoryWorld.address(1), port: 0, tls: identity })
      yield* Effect.forkScoped(
        listener.serve((connection) => {
          for (const line of lines) connection.send(`${line}\n`)
          return Effect.never
        }),
      )
      const { address, port } = listener.local
      return yield* Effect.result(check(alice.layer, { host: address, port }))
    }),
  )

describe("netcheck at a server that does not do what it should", () => {
  it.effect("takes no answer for an answer in time", () =>
    Effect.gen(function* () {
      for (const lines of [[], ["HELLO nomitm/1"], ["HELLO nomitm/2"]]) {
        const result = yield* says(...lines)
        assert.deepStrictEqual(result._tag === "Failure" && result.failure, new LinkLost({ reason: "Silent" }))
      }
    }),
  )

  it.effect("gives up on one that talks on and on, of something else", () =>
    Effect.gen(function* () {
      const result = yield* says(...Array.from({ length: 10_000 }, () => "PONG"))
      assert.deepStrictEqual(result._tag === "Failure" && result.failure, new LinkLost({ reason: "NotAServer" }))
    }),
  )

  it.effect("passes on why it is refused, and knows one that is older than lookups", () =>
    Effect.gen(function* () {
      const full = yield* says("ERROR Server_full")
      assert.include(full._tag === "Failure" ? full.failure : {}, { _tag: "Refused", code: "Server_full" })
      const older = yield* says("HELLO nomitm/1", "ERROR Operation_unknown")
      assert.include(older._tag === "Success" ? older.success : {}, { asked: 0, seen: undefined })
    }),
  )

  it.effect("lets it send datagrams nowhere but where it may be", () =>
    Effect.gen(function* () {
      const token = "A".repeat(22)
      const key = "A".repeat(43)
      const result = yield* says("HELLO nomitm/1", `REFLEX ${token} ${key} 203.0.113.5 6969 6970 224.0.0.1`)
      assert.include(result._tag === "Success" ? result.success : {}, { asked: 2, seen: "203.0.113.5" })
    }),
  )
})
