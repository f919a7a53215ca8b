/**
 * The decoders of what a search for a path reads, from the other side, the server and the router (see `decoders`).
 */
import { assert } from "@effect/vitest"
import * as Option from "effect/Option"
import * as Bytes from "../../src/domain/crypto/Bytes.ts"
import * as Endpoint from "../../src/domain/Endpoint.ts"
import * as NatPmp from "../../src/domain/portmap/NatPmp.ts"
import * as Pcp from "../../src/domain/portmap/Pcp.ts"
import * as Upnp from "../../src/domain/portmap/Upnp.ts"
import { make as candidate, maxCandidates } from "../../src/domain/reach/Candidate.ts"
import * as CandidateMessage from "../../src/domain/reach/CandidateMessage.ts"
import * as Lookup from "../../src/domain/reach/Lookup.ts"
import { primitives } from "../domain/crypto/primitives.ts"
import type { Decoder } from "./decoders.ts"

const encoder = new TextEncoder()
const tolerant = new TextDecoder("utf-8", { ignoreBOM: true })
const ipv4 = { address: "192.0.2.7", port: 40_000 }
const ipv6 = { address: "2001:db8::7", port: 65_535 }

const assertIpv4 = (address: string): void => {
  assert.notInclude(address, ":")
  assert.strictEqual(Endpoint.canonicalAddress(address)._tag, "Some")
}
const assertUint = (value: number, bits: number): void =>
  assert.isTrue(Number.isInteger(value) && value >= 0 && value < 2 ** bits)

const candidates: Decoder = {
  name: "candidates",
  seeds: [
    CandidateMessage.encode({ generation: 1, mapping: { _tag: "Unknown" }, candidates: [] }),
    CandidateMessage.encode({
      generation: 65_535,
      mapping: { _tag: "Block", low: 40_000, high: 40_063 },
      candidates: [candidate("host", ipv6), candidate("reflexive", ipv4), candidate("mapped", ipv4)],
    }),
    CandidateMessage.encode({
      generation: 7,
      mapping: { _tag: "Sequential" },
      candidates: Array.from({ length: maxCandidates }, (_, n) => candidate("predicted", { ...ipv4, port: n + 1 })),
    }),
  ],
  read: (bytes) => void CandidateMessage.decode(bytes),
  check: (bytes) => {
    const message = CandidateMessage.decode(bytes)
    if (message === undefined) return
    assert.isAtMost(message.candidates.length, maxCandidates)
    for (const { endpoint } of message.candidates) {
      assert.isTrue(Endpoint.isUnicast(endpoint.address) && Endpoint.isPort(endpoint.port), Endpoint.format(endpoint))
    }
    assertUint(message.generation, 16)
    // What is left out is not written again.
    const written = CandidateMessage.encode(message)
    assert.isAtMost(written.length, bytes.length)
    assert.deepStrictEqual(CandidateMessage.decode(written), message)
  },
}

const keys = Lookup.keys(primitives, new Uint8Array(32).fill(3))
const token = new Uint8Array(Lookup.tokenBytes).fill(1)
const transaction = new Uint8Array(Lookup.transactionBytes).fill(2)
const request = Lookup.encodeRequest(primitives, keys, { token, transaction })
const replies = [ipv4, ipv6].map((from) => Lookup.encodeReply(primitives, keys, transaction, from))
const isOneOf = (bytes: Uint8Array, genuine: ReadonlyArray<Uint8Array>): boolean =>
  genuine.some((one) => one.length === bytes.length && one.every((byte, i) => byte === bytes[i]))

const lookups: Decoder = {
  name: "lookups over UDP, and their answers",
  seeds: [request, ...replies],
  read: (bytes) => {
    Lookup.tokenOf(bytes)
    Lookup.openRequest(primitives, keys, bytes)
    Lookup.openReply(primitives, keys, transaction, bytes)
  },
  check: (bytes) => {
    const asked = Lookup.openRequest(primitives, keys, bytes)
    assert.strictEqual(asked !== undefined, isOneOf(bytes, [request]))
    if (asked !== undefined) assert.deepStrictEqual([Lookup.tokenOf(bytes), asked], [token, transaction])
    const seen = Lookup.openReply(primitives, keys, transaction, bytes)
    assert.strictEqual(seen !== undefined, isOneOf(bytes, replies))
    assert.isTrue(Lookup.tokenOf(bytes) === undefined || Lookup.transactionOf(bytes) === undefined)
    if (seen === undefined) return
    assert.deepStrictEqual(Lookup.encodeReply(primitives, keys, transaction, seen), Bytes.concat(bytes))
  },
}

const nonce = new Uint8Array(Pcp.nonceBytes).fill(9)
const internalPort = 50_001
const mapping = { nonce, internalPort }

/** What a router says to a request: the request's own bytes, but for some. */
const answer = (asked: Uint8Array, ...changes: ReadonlyArray<readonly [at: number, byte: number]>): Uint8Array => {
  const bytes = asked.slice()
  for (const [at, byte] of changes) bytes[at] = byte
  return bytes
}
const pcpRequest = Pcp.encodeMap({ ...mapping, client: "10.0.0.2", suggested: ipv4, lifetime: 600 })
const natPmpGrant = Bytes.concat(
  Uint8Array.of(0, 129, 0, 0, 0, 0, 0, 1, internalPort >>> 8, internalPort & 0xff, 0x9c, 0x40),
  Uint8Array.of(0, 0, 2, 88),
)

const binaryMappings: Decoder = {
  name: "what routers answer to PCP and NAT-PMP",
  seeds: [
    answer(pcpRequest, [1, 129]),
    answer(pcpRequest, [1, 129], [3, 8]),
    answer(pcpRequest, [1, 129], [3, 1]),
    Uint8Array.of(0, 128, 0, 0, 0, 0, 0, 1, 192, 0, 2, 7),
    Uint8Array.of(0, 129, 0, 2, 0, 0, 0, 1),
    natPmpGrant,
  ],
  read: (bytes) => {
    Pcp.decodeMap(bytes, mapping)
    NatPmp.decodeExternalAddress(bytes)
    NatPmp.decodeMap(bytes, internalPort)
  },
  check: (bytes) => {
    const pcp = Pcp.decodeMap(bytes, mapping)
    if (typeof pcp === "object") {
      assertIpv4(pcp.external.address)
      assertUint(pcp.external.port, 16)
      assertUint(pcp.lifetime, 32)
      assert.deepStrictEqual(Bytes.concat(bytes.subarray(24, 36)), nonce)
    } else assert.include([undefined, "Refused", "Unsupported"], pcp)
    const external = NatPmp.decodeExternalAddress(bytes)
    if (external !== undefined && external !== "Refused") assertIpv4(external)
    const mapped = NatPmp.decodeMap(bytes, internalPort)
    if (typeof mapped === "object") {
      assertUint(mapped.port, 16)
      assertUint(mapped.lifetime, 32)
    } else assert.include([undefined, "Refused"], mapped)
    // One answer is to one question.
    assert.isAtMost([pcp, external, mapped].filter((read) => read !== undefined && read !== "Unsupported").length, 1)
  },
}

const router = "192.168.1.1"
const described: Upnp.Place = { address: router, port: 5000, path: "/rootDesc.xml" }
const service = (url: string, version: number) =>
  `<service><serviceType>urn:schemas-upnp-org:service:WANIPConnection:${version}</serviceType>` +
  `<serviceId>x</serviceId><controlURL>${url}</controlURL></service>`

const assertPlace = ({ address, port, path }: Upnp.Place): void => {
  assert.strictEqual(address, router)
  assert.isTrue(Endpoint.isPort(port))
  assert.match(path, /^\/[\x21-\x7e]{0,1024}$/)
}

const textMappings: Decoder = {
  name: "what routers answer to UPnP",
  seeds: [
    `HTTP/1.1 200 OK\r\nCACHE-CONTROL: max-age=120\r\nLOCATION: http://${router}:5000/rootDesc.xml\r\n\r\n`,
    `HTTP/1.0 200 OK\r\nLocation:http://${router}\r\n\r\n`,
    `<root><device><serviceList>${service("/ctl/IPConn", 1)}${service("ctl/2", 2)}</serviceList></device></root>`,
    service(`http://${router}:80/ctl`, 1),
    "<s:Envelope><s:Body><u:x><NewExternalIPAddress>192.0.2.7</NewExternalIPAddress></u:x></s:Body></s:Envelope>",
    "<s:Fault><detail><UPnPError><errorCode>718</errorCode></UPnPError></detail></s:Fault>",
    "<service><serviceType><controlURL></",
  ].map((text) => encoder.encode(text)),
  read: (bytes) => {
    const given = tolerant.decode(bytes)
    Upnp.location(given, router)
    Upnp.control(given, described)
    Upnp.externalAddress(given)
    Upnp.isConflict(given)
  },
  check: (bytes) => {
    const given = tolerant.decode(bytes)
    // Nobody but the router is ever asked, and nothing but a path of one line.
    const place = Upnp.location(given, router)
    if (place !== undefined) assertPlace(place)
    const control = Upnp.control(given, described)
    if (control !== undefined) {
      assertPlace(control.place)
      assert.match(control.service, /^urn:schemas-upnp-org:service:WAN(IP|PPP)Connection:[12]$/)
    }
    const address = Upnp.externalAddress(given)
    if (address !== undefined) assert.strictEqual(Option.getOrUndefined(Endpoint.canonicalAddress(address)), address)
    if (Upnp.isConflict(given)) assert.include(given, "<errorCode>")
  },
}

export const reachDecoders: ReadonlyArray<Decoder> = [candidates, lookups, binaryMappings, textMappings]
