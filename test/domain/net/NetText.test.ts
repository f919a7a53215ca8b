import { assert, describe, it } from "@effect/vitest"
import type * as NatMapping from "../../../src/domain/reach/NatMapping.ts"
import * as NetFindings from "../../../src/domain/net/NetFindings.ts"
import * as PeerEventText from "../../../src/domain/PeerEventText.ts"
import type { PeerEvent } from "../../../src/domain/PeerEvent.ts"
import * as arbitraries from "../arbitraries.ts"

const seen = "203.0.113.5"
const findings: NetFindings.NetFindings = {
  seen,
  asked: 4,
  samples: [],
  local: { addresses: ["192.168.1.10", "127.0.0.1"], port: 40_000 },
  keepsPorts: true,
  rttMillis: 23,
  portMapping: undefined,
}
const at = (...ports: ReadonlyArray<number>): ReadonlyArray<NatMapping.Sample> =>
  ports.map((port, target) => ({ target, mapped: { address: seen, port } }))
const told = (of: Partial<NetFindings.NetFindings>) =>
  PeerEventText.lines(NetFindings.toEvent("chat.example.org:6969", { ...findings, ...of }))

describe("what netcheck found", () => {
  it("behind an ordinary router: one port for everybody, which is kept", () =>
    assert.deepStrictEqual(told({ samples: at(40_000, 40_000, 40_000, 40_000) }), [
      "* chat.example.org:6969 sees you at 203.0.113.5:40000.",
      "  UDP           passes (4 of 4 lookups answered, 23 ms there and back)",
      "  NAT           one port for everybody: easy to reach (it keeps port numbers)",
      "  IPv6          none",
      "  Port mapping  none",
      "* Calls will be direct with everybody whose network lets UDP pass.",
    ]))

  it("behind a NAT of a new port each time: no port is said to be the one, and which range they are from", () => {
    const block = { samples: at(4100, 4900, 4500, 4300), keepsPorts: false }
    assert.deepStrictEqual(told(block).slice(0, 3), [
      "* chat.example.org:6969 sees you at 203.0.113.5.",
      "  UDP           passes (4 of 4 lookups answered, 23 ms there and back)",
      "  NAT           a new port each time, out of one range: can mostly be reached (it changes port numbers, 4096 to 5119)",
    ])
    assert.include(NetFindings.toEvent("x", { ...findings, ...block }), {
      nat: "block",
      keeps_ports: false,
      address: seen,
    })
  })

  it("on a machine without a NAT, with IPv6", () => {
    const local = { addresses: [seen, "fd00::1", "2001:db8::1"], port: 40_000 }
    assert.deepStrictEqual(told({ samples: at(40_000, 40_000), asked: 2, local }).slice(2), [
      "  NAT           none, the address is that of the machine",
      "  IPv6          2001:db8::1",
      "  Port mapping  none",
      "* Calls will be direct with everybody whose network lets UDP pass.",
      "* With people who have IPv6 too, calls are direct that way, past all NATs.",
    ])
  })

  it("at a server that no NAT is in front of: it promises nothing that this one can't know", () => {
    const at = (address: string) =>
      told({
        seen: address,
        samples: [{ target: 0, mapped: { address, port: 40_000 } }],
        local: { addresses: [address], port: 40_000 },
        asked: 2,
      }).at(-1)
    for (const address of ["127.0.0.1", "127.0.0.2", "::1"])
      assert.include(at(address), "* The server is on this machine")
    for (const address of ["192.168.1.10", "10.0.0.2", "100.64.0.7", "fd00::1", "fe80::1%eth0"])
      assert.include(at(address), "* You and the server are in one private network")
    for (const address of [seen, "2001:db8::1"]) assert.notInclude(at(address), "can't see")
  })

  it("where no UDP passes, and where that can't be told", () => {
    const [, blocked, nat] = told({ keepsPorts: false, rttMillis: undefined })
    assert.strictEqual(blocked, "  UDP           is blocked (0 of 4 lookups answered)")
    assert.strictEqual(nat, "  NAT           no UDP passes: can't be reached directly")
    assert.deepStrictEqual(told({ seen: undefined, asked: 0, rttMillis: undefined }).slice(0, 3), [
      "* chat.example.org:6969 answers, and does not say where it sees you.",
      "  UDP           not known whether it passes (the server answers no lookups)",
      "  NAT           not known",
    ])
  })

  it("of a port that the router opens, and of one that only another NAT beyond it can reach", () => {
    const samples = at(1111, 22_222, 33_333, 44_444)
    const open = told({ samples, portMapping: { address: seen, port: 50_000 } })
    assert.include(open, "  Port mapping  203.0.113.5:50000")
    assert.include(open, "* Calls will be direct with everybody whose network lets UDP pass.")
    for (const address of ["100.64.0.7", "10.0.0.2", "192.168.0.2"]) {
      const inner = told({ samples, portMapping: { address, port: 50_000 } })
      assert.include(inner.at(-1), "another NAT is beyond it")
    }
  })
})

const net: Extract<PeerEvent, { readonly event: "net" }> = {
  event: "net",
  peer: "bob",
  nat: "endpoint-independent",
  peer_nat: "random",
  candidates: [
    { kind: "host", address: "192.168.1.10:40000" },
    { kind: "reflexive", address: "203.0.113.5:40000" },
  ],
  peer_candidates: [],
  searches: 1,
  pairs: 1,
  packets: 412,
  paths: [
    { kind: "direct", address: "198.51.100.7:41213", alive: true, rtt_ms: 23 },
    { kind: "relay", address: "", alive: false },
  ],
  kind: "direct",
  address: "198.51.100.7:41213",
  rtt_ms: 23,
  why: "Of the direct paths it was the first that worked.",
}

describe("what /net shows", () => {
  it("is the path in use and why, both NATs, where each may be, and what was tried", () =>
    assert.deepStrictEqual(PeerEventText.lines(net), [
      "* Directly, 198.51.100.7:41213, 23 ms.",
      "  Of the direct paths it was the first that worked.",
      "  Your NAT: one port for everybody: easy to reach.",
      "  That of bob: a new port each time, at random: hard to reach.",
      "  You may be at: 192.168.1.10:40000 (host), 203.0.113.5:40000 (reflexive).",
      "  bob may be at: none.",
      "  Tried: 1 pair with 412 datagrams in one search.",
      "  Works: direct 23 ms 198.51.100.7:41213",
      "  Worked: relay",
    ]))

  it("is no table of nothing where no direct path was looked for", () =>
    assert.deepStrictEqual(
      PeerEventText.lines({
        ...net,
        kind: "relay",
        address: "",
        searches: 0,
        why: "Nothing else was wanted: --relay always.",
        paths: [{ kind: "relay", address: "", alive: true, rtt_ms: 23 }],
      }),
      [
        "* Over the relay at the server, 23 ms: sealed end to end, the server sees size and time.",
        "  Nothing else was wanted: --relay always.",
        "  Works: relay 23 ms",
      ],
    ))

  it("is short, however much there is to show", () => {
    const many = Array.from({ length: 1000 }, (_, i) => ({ kind: "host" as const, address: `192.0.2.1:${i + 1}` }))
    const paths = many.map(({ address }) => ({ kind: "direct" as const, address, alive: true }))
    const lines = PeerEventText.lines({ ...net, candidates: many, peer_candidates: many, paths })
    assert.isAtMost(lines.length, 15)
    for (const line of lines) assert.isAtMost(line.length, 300)
    assert.isTrue(lines[4]!.endsWith(" … and 992 more."))
  })

  it.prop(
    "is safe to print, whatever the other side calls itself",
    [arbitraries.text],
    ([peer]) => {
      for (const line of PeerEventText.lines({ ...net, peer, why: peer })) {
        assert.match(line, /^(?:\*| ) [^\p{Cc}\p{Cs}\p{Zl}\p{Zp}]*$/u)
      }
    },
    { arbitrary: { runs: 200, size: 40 } },
  )
})
