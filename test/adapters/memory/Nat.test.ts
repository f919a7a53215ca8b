import { assert, describe, it } from "@effect/vitest"
import * as Arbitrary from "effect/Arbitrary"
import * as Schema from "effect/Schema"
import * as Nat from "../../../src/adapters/memory/Nat.ts"
import { natKinds } from "../../../src/adapters/memory/NatKind.ts"
import * as Endpoint from "../../../src/domain/Endpoint.ts"

const outside = "203.0.113.5"
const at = (address: string, port: number): Endpoint.Endpoint => ({ address, port })
const alice = at("192.168.1.10", 5000)
const bob = at("192.168.1.11", 5000)
const server = at("198.51.100.1", 3478)

/** A NAT to talk to, which keeps its state. */
const nat = (config: Nat.Config, addresses: ReadonlyArray<string> = [outside]) => {
  const state = Nat.make(config, addresses)
  return {
    state,
    send: (source: Endpoint.Endpoint, destination: Endpoint.Endpoint, now = 0, chance = 0.5) =>
      Nat.outbound(state, { source, destination }, now, () => chance),
    receive: (source: Endpoint.Endpoint, destination: Endpoint.Endpoint, now = 0) =>
      Nat.inbound(state, { source, destination }, now),
  }
}

/** How the source looks from outside, or why the packet did not get there. */
const sourceOf = (verdict: Nat.Verdict): string =>
  verdict._tag === "Forward" && verdict.to === "Outside" ? Endpoint.format(verdict.packet.source) : outcome(verdict)

/** Whom it reached inside, or why nobody. */
const outcome = (verdict: Nat.Verdict): string =>
  verdict._tag === "Forward" ? `${verdict.to} ${Endpoint.format(verdict.packet.destination)}` : verdict.reason

describe("port assignment", () => {
  it("keeps the port while it is free, and takes one of the pool then", () => {
    const { send } = nat(natKinds.portRestrictedCone)
    assert.strictEqual(sourceOf(send(alice, server)), `${outside}:5000`)
    assert.strictEqual(sourceOf(send(bob, server, 0, 0)), `${outside}:1024`)
  })

  it("counts, from the first port of the pool to the last and again", () => {
    const pool = { order: "sequential", first: 20_000, last: 20_002 } as const
    const { send } = nat({ ...natKinds.sequentialSymmetric, ports: { ...natKinds.sequentialSymmetric.ports, pool } })
    const ports = [1, 2, 3].map((port) => sourceOf(send(alice, at("198.51.100.1", port))))
    assert.deepStrictEqual(ports, [`${outside}:20000`, `${outside}:20001`, `${outside}:20002`])
    assert.strictEqual(outcome(send(alice, at("198.51.100.1", 4))), "NoPortLeft")
    assert.strictEqual(sourceOf(send(alice, at("198.51.100.1", 4), 120_000)), `${outside}:20000`)
  })

  it("with overloading keeps the port for every remote endpoint that nobody else has it for", () => {
    const { send, receive } = nat(natKinds.masquerade)
    const other = at("198.51.100.2", 3478)
    assert.strictEqual(sourceOf(send(alice, server)), `${outside}:5000`)
    assert.strictEqual(sourceOf(send(alice, other)), `${outside}:5000`)
    assert.strictEqual(sourceOf(send(bob, server, 0, 0)), `${outside}:1024`)
    assert.strictEqual(sourceOf(send(bob, at("198.51.100.3", 1))), `${outside}:5000`)
    assert.strictEqual(outcome(receive(at("198.51.100.3", 1), at(outside, 5000))), "Inside 192.168.1.11:5000")
    assert.strictEqual(outcome(receive(other, at(outside, 5000))), "Inside 192.168.1.10:5000")
  })
})

describe("time", () => {
  it("ends a mapping that nothing was sent through, and what is received does not keep it", () => {
    const { send, receive, state } = nat(natKinds.portRestrictedCone)
    send(alice, server)
    assert.strictEqual(outcome(receive(server, at(outside, 5000), 119_999)), "Inside 192.168.1.10:5000")
    assert.strictEqual(outcome(receive(server, at(outside, 5000), 120_000)), "NoMapping")
    assert.strictEqual(state.mappings.size, 0)
    send(alice, server, 200_000)
    send(alice, server, 300_000)
    assert.strictEqual(outcome(receive(server, at(outside, 5000), 419_999)), "Inside 192.168.1.10:5000")
  })

  it("is renewed by inbound packets where the NAT does so", () => {
    const { send, receive } = nat({ ...natKinds.portRestrictedCone, inboundRefresh: true })
    send(alice, server)
    receive(server, at(outside, 5000), 100_000)
    assert.strictEqual(outcome(receive(server, at(outside, 5000), 219_999)), "Inside 192.168.1.10:5000")
    assert.strictEqual(outcome(receive(at("198.51.100.1", 1), at(outside, 5000), 219_999)), "Filtered")
  })

  it("is over for all mappings with a restart", () => {
    const { send, state } = nat(natKinds.symmetric)
    send(alice, server)
    const restarted = Nat.restart(state, ["203.0.113.6"])
    assert.strictEqual(restarted.mappings.size, 0)
    assert.deepStrictEqual(restarted.addresses, ["203.0.113.6"])
  })
})

describe("hairpinning", () => {
  it("shows an inside host the external endpoint of another", () => {
    const { send } = nat({ ...natKinds.portRestrictedCone, filtering: "endpoint-independent", hairpinning: true })
    send(alice, server)
    const verdict = send(bob, at(outside, 5000), 0, 0)
    assert.strictEqual(outcome(verdict), "Inside 192.168.1.10:5000")
    assert.deepStrictEqual(verdict._tag === "Forward" && verdict.packet.source, at(outside, 1024))
  })

  it("passes the filter like anything else, and is missing from most NATs", () => {
    const hairpinning = nat({ ...natKinds.portRestrictedCone, hairpinning: true })
    hairpinning.send(alice, server)
    assert.strictEqual(outcome(hairpinning.send(bob, at(outside, 5000), 0, 0)), "Filtered")
    assert.strictEqual(outcome(hairpinning.send(alice, at(outside, 1024))), "Inside 192.168.1.11:5000")
    const { send } = nat(natKinds.fullCone)
    send(alice, server)
    assert.strictEqual(outcome(send(bob, at(outside, 5000))), "NoHairpinning")
  })
})

describe("a firewall", () => {
  it("leaves endpoints as they are and lets answers in only", () => {
    const { send, receive } = nat(natKinds.firewall, [])
    const host = at("2001:db8:1::10", 5000)
    const remote = at("2001:db8:2::20", 5000)
    assert.strictEqual(outcome(receive(remote, host)), "NoMapping")
    assert.strictEqual(sourceOf(send(host, remote)), "[2001:db8:1::10]:5000")
    assert.strictEqual(outcome(receive(remote, host)), "Inside [2001:db8:1::10]:5000")
    assert.strictEqual(outcome(receive(at("2001:db8:2::20", 5001), host)), "Filtered")
  })

  it("is what a NAT is for a family it has no address of", () => {
    const { send, receive } = nat(natKinds.symmetric)
    const host = at("2001:db8:1::10", 5000)
    const remote = at("2001:db8:2::20", 5000)
    assert.strictEqual(sourceOf(send(host, remote)), "[2001:db8:1::10]:5000")
    assert.strictEqual(outcome(receive(remote, host)), "Inside [2001:db8:1::10]:5000")
  })

  it("may let no UDP through at all", () => {
    const { send, receive } = nat(natKinds.datagramsBlocked)
    assert.strictEqual(outcome(send(alice, server)), "DatagramsBlocked")
    assert.strictEqual(outcome(receive(server, at(outside, 5000))), "DatagramsBlocked")
  })
})

describe("whatever happens", () => {
  const integer = (minimum: number, maximum: number) =>
    Arbitrary.schema(Schema.Int.check(Schema.isBetween({ minimum, maximum })))
  const dependence = Arbitrary.schema(
    Schema.Literals(["endpoint-independent", "address-dependent", "address-and-port-dependent"]),
  )
  const flag = Arbitrary.schema(Schema.Boolean)
  /** Few hosts, few ports and little time: they meet often. */
  const event = Arbitrary.all({
    out: flag,
    inside: integer(0, 3),
    remote: integer(0, 5),
    pause: integer(0, 400),
    external: integer(0, 7),
    chance: integer(0, 7),
  })
  const behaviour = Arbitrary.all({
    mapping: dependence,
    filtering: dependence,
    preserving: flag,
    overloading: flag,
    sequential: flag,
    few: flag,
  })
  const thorough = { arbitrary: { runs: 1000, size: 80 } }

  const insides = [alice, bob, at("192.168.1.10", 1026), at("192.168.1.11", 1027)]
  const remotes = [1, 2, 3].flatMap((host) => [at(`198.51.100.${host}`, 1), at(`198.51.100.${host}`, 2)])
  const timeoutMillis = 1000

  const matches = (dependence: Nat.Dependence, a: Endpoint.Endpoint, b: Endpoint.Endpoint): boolean =>
    dependence === "endpoint-independent" ||
    (a.address === b.address && (dependence === "address-dependent" || a.port === b.port))

  interface Sent {
    readonly inside: Endpoint.Endpoint
    readonly remote: Endpoint.Endpoint
    readonly external: Endpoint.Endpoint
    readonly at: number
  }

  it.prop(
    "maps and filters as RFC 4787 defines its behaviour, with a bounded table",
    [behaviour, Arbitrary.array(event, { maxLength: 60 })],
    ([{ mapping, filtering, preserving, overloading, sequential, few }, events]) => {
      const config: Nat.Config = {
        ...natKinds.symmetric,
        mapping,
        filtering,
        timeoutMillis,
        maxSessions: few ? 5 : 1000,
        ports: {
          preserving,
          overloading,
          pool: { order: sequential ? "sequential" : "random", first: 1024, last: 1031 },
        },
      }
      const { send, receive, state } = nat(config)
      const log: Array<Sent> = []
      let now = 0
      for (const { out, inside, remote, pause, external, chance } of events) {
        now += pause
        const [host, peer] = [insides[inside]!, remotes[remote]!]
        const alive = log.filter((sent) => sent.at + timeoutMillis > now)
        if (out) {
          const verdict = send(host, peer, now, chance / 8)
          if (verdict._tag === "Dropped") {
            assert.include(few ? ["TableFull", "NoPortLeft"] : ["NoPortLeft"], verdict.reason)
            continue
          }
          const source = verdict.packet.source
          for (const sent of alive) {
            const same = Endpoint.equals(sent.inside, host) && matches(mapping, sent.remote, peer)
            if (same) assert.deepStrictEqual(source, sent.external)
            else if (!overloading) assert.notDeepEqual(source, sent.external)
            else if (matches(mapping, sent.remote, peer)) assert.notDeepEqual(source, sent.external)
          }
          log.push({ inside: host, remote: peer, external: source, at: now })
        } else {
          const target = at(outside, external < 2 ? [5000, 1026][external]! : 1024 + external)
          const verdict = receive(peer, target, now)
          const admitting = alive.filter(
            (sent) => Endpoint.equals(sent.external, target) && matches(filtering, sent.remote, peer),
          )
          if (verdict._tag === "Dropped") assert.deepStrictEqual(admitting, [])
          else {
            const reached = verdict.packet.destination
            assert.isTrue(admitting.some((sent) => Endpoint.equals(sent.inside, reached)))
          }
        }
        const held = [...state.mappings.values()].map((it) => it.sessions.size)
        assert.strictEqual(
          held.reduce((sum, size) => sum + size, 0),
          state.sessions,
        )
        assert.isAtMost(state.sessions, config.maxSessions)
        assert.isAtMost(state.external.size, state.mappings.size)
      }
    },
    thorough,
  )
})
