import { assert, describe, it } from "@effect/vitest"
import * as Endpoint from "../../../src/domain/Endpoint.ts"
import type { Candidate } from "../../../src/domain/reach/Candidate.ts"
import * as LocalCandidates from "../../../src/domain/reach/LocalCandidates.ts"
import type { NatMapping } from "../../../src/domain/reach/NatMapping.ts"
import * as RemoteCandidates from "../../../src/domain/reach/RemoteCandidates.ts"
import type { Situation } from "../../../src/domain/reach/Situation.ts"

const situation: Situation = {
  isLocalServer: false,
  observed: { address: "203.0.113.22", port: 40_001 },
  seen: "203.0.113.21",
  addresses: ["192.168.1.10", "2001:db8:1::10", "fd00::10", "127.0.0.1", "fe80::1", "169.254.3.4"],
  port: 40_001,
  targets: 4,
  remote: undefined,
}

const show = ({ kind, endpoint }: Candidate): string => `${kind} ${Endpoint.format(endpoint)}`

const told = (changes: Partial<Situation>, mapping: NatMapping["_tag"] = "EndpointIndependent", ports = [50_000]) =>
  LocalCandidates.of(
    { ...situation, ...changes },
    {
      mapping: { _tag: mapping } as NatMapping,
      samples: ports.map((port, target) => ({ target, mapped: { address: "203.0.113.21", port } })),
      mapped: undefined,
    },
  ).map(show)

describe("the other side is told", () => {
  it("where the server sees us, and global and unique local IPv6 addresses", () => {
    assert.deepStrictEqual(told({}), [
      "reflexive 203.0.113.21:50000",
      "host [2001:db8:1::10]:40001",
      "host [fd00::10]:40001",
    ])
  })

  it("private IPv4 addresses only if it comes out at the same address", () => {
    assert.include(told({ seen: "203.0.113.22" }), "host 192.168.1.10:40001")
    assert.notInclude(told({}), "host 192.168.1.10:40001")
  })

  it("loopback only if the server is on this machine", () => {
    assert.include(told({ isLocalServer: true }), "host 127.0.0.1:40001")
    assert.notInclude(told({ seen: "203.0.113.22" }), "host 127.0.0.1:40001")
  })

  it("the next eight ports of a NAT that counts, first and in order", () => {
    const all = told({}, "Sequential", [20_002, 20_000, 20_003, 20_001])
    const predicted = Array.from({ length: 8 }, (_, i) => `predicted 203.0.113.21:${20_004 + i}`)
    assert.deepStrictEqual(all.slice(0, 8), predicted)
    assert.isTrue(told({}, "Sequential", [65_530, 65_531]).every((it) => !it.includes(":65536")))
  })

  it("the address the server sees and the port as it is here, if nobody could be asked", () => {
    assert.strictEqual(told({}, "Unknown", [])[0], "reflexive 203.0.113.21:40001")
  })

  it("at most sixteen, each endpoint once", () => {
    const addresses = Array.from({ length: 40 }, (_, i) => `2001:db8::${(i % 30) + 1}`)
    const all = told({ addresses }, "Sequential", [20_000, 20_001])
    assert.strictEqual(all.length, 16)
    assert.strictEqual(new Set(all).size, 16)
  })
})

const probed = (candidates: ReadonlyArray<Candidate>, changes: Partial<Situation> = {}) =>
  RemoteCandidates.of({
    ...situation,
    ...changes,
    remote: { generation: 1, mapping: { _tag: "Unknown" }, candidates },
  })

const host = (address: string, port = 40_001): Candidate => ({ kind: "host", endpoint: { address, port } })

describe("of what the other side tells is probed", () => {
  it("nothing that is multicast, broadcast, unspecified, link-local or reserved", () => {
    const addresses = [
      "224.0.0.1",
      "255.255.255.255",
      "0.0.0.0",
      "169.254.1.1",
      "240.0.0.1",
      "ff02::1",
      "::",
      "fe80::2",
    ]
    assert.deepStrictEqual(
      probed(
        addresses.map((address) => host(address)),
        { seen: "203.0.113.22" },
      ),
      [],
    )
    assert.deepStrictEqual(probed([host("192.168.1.255"), host("192.168.1.0")], { seen: "203.0.113.22" }), [])
  })

  it("no address of ours", () => {
    const own = [host("192.168.1.10"), host("192.168.1.10", 53), host("2001:db8:1::10"), host("127.0.0.1", 53)]
    assert.deepStrictEqual(probed(own, { seen: "203.0.113.22" }), [])
  })

  it("nothing in our own network, if the other side is not in it", () => {
    assert.deepStrictEqual(probed([host("192.168.1.1", 53), host("10.0.0.1")]), [])
    assert.strictEqual(probed([host("192.168.1.11")], { seen: "203.0.113.22" }).length, 1)
  })

  it("another port of this machine only if the server is on it", () => {
    const both = [host("127.0.0.1", 40_002), host("127.0.0.1", 40_001)]
    assert.deepStrictEqual(probed(both, { isLocalServer: true }).map(show), ["host 127.0.0.1:40002"])
    assert.deepStrictEqual(probed(both), [])
  })

  it("predicted ports first and in order, then where it is seen, mapped ports, hosts", () => {
    const at = (kind: Candidate["kind"], port: number): Candidate => ({
      kind,
      endpoint: { address: "203.0.113.22", port },
    })
    const all = [at("host", 1), at("mapped", 2), at("predicted", 9), at("reflexive", 3), at("predicted", 10)]
    assert.deepStrictEqual(
      probed(all).map(({ endpoint }) => endpoint.port),
      [9, 10, 3, 2, 1],
    )
  })

  it("of a stranger's address a few ports, a few times", () => {
    const all = Array.from({ length: 16 }, (_, i) => host("198.51.100.99", 1000 + i))
    const some = probed(all)
    assert.strictEqual(some.length, RemoteCandidates.strangerEndpoints)
    assert.isTrue(some.every(({ most }) => most === RemoteCandidates.strangerProbes))
  })

  it("where the server sees it, as long as it has told nothing", () => {
    assert.deepStrictEqual(RemoteCandidates.of(situation).map(show), ["reflexive 203.0.113.22:40001"])
  })
})
