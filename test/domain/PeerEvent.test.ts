import { assert, describe, it } from "@effect/vitest"
import * as Schema from "effect/Schema"
import { PeerEvent } from "../../src/domain/PeerEvent.ts"
import * as PrintableText from "../../src/domain/PrintableText.ts"

const events: ReadonlyArray<PeerEvent> = [
  { event: "listening", host: "0.0.0.0", port: 55000 },
  { event: "registered", name: "alice" },
  { event: "users", users: ["bob", "carol"] },
  { event: "calling", peer: "bob" },
  { event: "connected", peer: "bob", address: "192.0.2.1:55000" },
  { event: "message", from: "bob", text: "hello\nthere" },
  { event: "closed", peer: "bob", reason: "closed" },
  { event: "closed", peer: "bob", reason: "closed_by_peer" },
  { event: "closed", peer: "bob", reason: "timeout" },
  { event: "closed", peer: "bob", reason: "unreachable" },
  {
    event: "users",
    users: ["bob"],
    people: [{ name: "bob", fingerprint: "abcd-efgh", trust: "verified" }],
  },
  { event: "calling", peer: "bob", trust: "introduced" },
  { event: "incoming", peer: "bob", trust: "unknown", fingerprint: "abcd-efgh" },
  { event: "incoming", peer: "bob", trust: "unknown", fingerprint: "abcd-efgh", beside: "carol" },
  { event: "connected", peer: "bob", address: "192.0.2.1:55000", trust: "invited", fingerprint: "abcd-efgh" },
  { event: "message", from: "bob", text: "hello", trust: "verified" },
  { event: "closed", peer: "bob", reason: "closed", trust: "verified" },
  {
    event: "closed",
    peer: "bob",
    reason: "unreachable",
    trust: "verified",
    because: "Relay_unwanted",
    message: "bob could not be reached.",
    hint: "Start again without --relay never.",
  },
  { event: "closed", peer: "bob", reason: "forgotten", hint: "Type /chat bob to call them.", trust: "verified" },
  { event: "sas", peer: "bob", words: ["one", "two", "three"], digits: "0123456789" },
  { event: "safety", peer: "bob", number: "00000 11111" },
  { event: "trust", peer: "bob", trust: "verified" },
  { event: "connected", peer: "bob", kind: "relay", trust: "invited", fingerprint: "abcd-efgh" },
  { event: "path", peer: "bob", kind: "direct", address: "192.0.2.1:55000", rtt_ms: 23.4 },
  { event: "path", peer: "bob", kind: "none", address: "" },
  { event: "stuck", peer: "bob", because: "Both_random", message: "No direct path.", hint: "Try another network." },
  { event: "sent", peer: "bob", id: 1 },
  { event: "delivered", peer: "bob", id: 1 },
  { event: "failed", peer: "bob", id: 2, reason: "timeout", text: "hello" },
  {
    event: "net",
    peer: "bob",
    nat: "endpoint-independent",
    peer_nat: "random",
    candidates: [{ kind: "host", address: "192.0.2.1:55000" }],
    peer_candidates: [],
    searches: 1,
    pairs: 2,
    packets: 30,
    paths: [{ kind: "relay", address: "", alive: true, rtt_ms: 40 }],
    kind: "relay",
    address: "",
    rtt_ms: 40,
    why: "A direct path is being looked for.",
  },
  {
    event: "netcheck",
    server: "192.0.2.1:6969",
    udp: "passes",
    nat: "block",
    address: "192.0.2.7",
    ports: { low: 4096, high: 5119 },
    keeps_ports: false,
    answered: 3,
    asked: 4,
    rtt_ms: 23,
    ipv6: "",
    port_mapping: "",
    advice: ["Calls will be direct."],
  },
  { event: "error", code: "Busy", message: "The other side is busy.", hint: "Try again." },
  { event: "help", commands: [{ usage: "/chat NAME", description: "call somebody" }] },
]

describe("a peer's event with --json", () => {
  it.each(events)("is one object a line, and read back it is the same: $event", (event) => {
    const line = PrintableText.json(event)
    assert.notMatch(line, /[\r\n]/)
    assert.deepStrictEqual(Schema.decodeUnknownSync(PeerEvent)(JSON.parse(line)), event)
  })

  it("has its name in the field event", () =>
    assert.strictEqual(PrintableText.json(events[1]), '{"event":"registered","name":"alice"}'))

  it("is no other: an unknown name or reason, or a port that is none, is refused", () => {
    const decode = Schema.decodeUnknownSync(PeerEvent)
    assert.throws(() => decode({ event: "exploded" }))
    assert.throws(() => decode({ event: "closed", peer: "bob", reason: "boredom" }))
    assert.throws(() => decode({ event: "path", peer: "bob", kind: "magic", address: "" }))
    assert.throws(() => decode({ event: "stuck", peer: "bob", because: "Boredom", message: "", hint: "" }))
    assert.throws(() => decode({ event: "listening", host: "::", port: 0 }))
  })
})
