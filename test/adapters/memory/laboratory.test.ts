/**
 * Does every kind of NAT behave as its name says? Asked from the inside, as RFC 5780 does it, over `PeerTransport`; the
 * table is the one that the laboratory of Linux NATs is held to.
 *
 * ```
 *   host -- NAT [-- carrier's NAT] --+-- server, two addresses with two ports each
 * ```
 */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"
import { TestClock } from "effect/testing"
import { type MemoryHost, MemoryNetwork, type NatOptions } from "../../../src/adapters/memory/MemoryNetwork.ts"
import { type LaboratoryKind, laboratoryKinds, natKinds } from "../../../src/adapters/memory/NatKind.ts"
import * as Endpoint from "../../../src/domain/Endpoint.ts"
import type { PeerSocket, PeerTransport } from "../../../src/services/PeerTransport.ts"

const serverAddresses = ["203.0.113.10", "203.0.113.11"]
const targets = serverAddresses.flatMap((address) => [3478, 3479].map((port) => ({ address, port })))

interface Question {
  readonly id: number
  /** From which of the server's four endpoints to answer; the one that was asked without it. */
  readonly from?: number
  /** Where to send something unsolicited first. */
  readonly early?: Endpoint.Endpoint
}

const encode = (value: unknown): Uint8Array => new TextEncoder().encode(JSON.stringify(value))
const decode = (bytes: Uint8Array) => JSON.parse(new TextDecoder().decode(bytes))

const serve = Effect.fnUntraced(function* (network: MemoryNetwork["Service"]) {
  const host = yield* network.host({ address: serverAddresses })
  const sockets: Array<PeerSocket> = []
  for (const target of targets) sockets.push(yield* host.peerTransport.bind(target))
  for (const [index, socket] of sockets.entries()) {
    yield* socket.receive((bytes, source) => {
      const question = decode(bytes) as Question
      if (question.early !== undefined) socket.send(encode({}), question.early)
      sockets[question.from ?? index]!.send(encode({ id: question.id, mapped: source }), source)
    })
  }
})

let questions = 0

/** Where the server sees us; nothing if there is no answer. */
const ask = Effect.fnUntraced(function* (socket: PeerSocket, target: number, question: Omit<Question, "id"> = {}) {
  const id = ++questions
  let mapped: Endpoint.Endpoint | undefined
  yield* socket.receive((bytes) => {
    const answer = decode(bytes)
    if (answer.id === id) mapped = answer.mapped
  })
  socket.send(encode({ id, ...question }), targets[target]!)
  yield* TestClock.adjust(100)
  return mapped
})

/** What kind of NAT is before a host, as `mapping filtering ports-kept early-packet`. */
const probe = Effect.fnUntraced(function* ({ bind }: PeerTransport["Service"]) {
  const socket = yield* bind({ port: 0 })
  const seen = []
  for (const target of targets.keys()) seen.push(yield* ask(socket, target))
  const [first] = seen
  if (first === undefined) return "blocked"
  const texts = seen.map((it) => it && Endpoint.format(it))
  const mapping = new Set(texts).size === 1 ? "EIM" : texts[0] === texts[1] && texts[2] === texts[3] ? "ADM" : "APDM"
  let kept = 0
  for (let i = 0; i < 4; i++) {
    const other = yield* bind({ port: 0 })
    if ((yield* ask(other, 0))?.port === other.local.port) kept += 1
  }
  const filtered = yield* bind({ port: 0 })
  const filtering =
    (yield* ask(filtered, 0, { from: 3 })) !== undefined
      ? "EIF"
      : (yield* ask(filtered, 0, { from: 1 })) !== undefined
        ? "ADF"
        : "APDF"
  const port = 40_000
  yield* ask(socket, 0, { early: { address: first.address, port } })
  const late = yield* ask(yield* bind({ port }), 0)
  const early = kept === 0 ? "-" : late?.port === port ? "kept" : "lost"
  return `${mapping} ${filtering} ${kept}/4 ${early}`
})

const world = Effect.fnUntraced(function* (kind: NatOptions["kind"] | undefined, carrier?: NatOptions["kind"]) {
  const network = yield* MemoryNetwork.make({ link: { latencyMillis: 20 } })
  yield* serve(network)
  const beyond = carrier && (yield* network.nat({ address: "203.0.113.21", kind: carrier }))
  const outside = beyond === undefined ? "203.0.113.20" : "100.64.1.20"
  const isFirewall = kind?.mapping === "none"
  const nat = kind && (yield* network.nat({ address: isFirewall ? [] : outside, kind, nat: beyond }))
  return yield* network.host({ address: nat === undefined || isFirewall ? outside : "192.168.1.10", nat })
})

const expected: Record<LaboratoryKind, string> = {
  open: "EIM EIF 4/4 kept",
  fw: "EIM APDF 4/4 kept",
  fullcone: "EIM EIF 4/4 kept",
  addrrestr: "EIM ADF 4/4 kept",
  portrestr: "EIM APDF 4/4 kept",
  "portrestr-open": "EIM APDF 4/4 lost",
  eim: "EIM APDF 0/4 -",
  "eim-eif": "EIM EIF 0/4 -",
  symaddr: "ADM APDF 0/4 -",
  symseq: "APDM APDF 0/4 -",
  symblk: "APDM APDF 0/4 -",
  sym: "APDM APDF 0/4 -",
  udpblock: "blocked",
}

const kinds = Object.keys(laboratoryKinds) as ReadonlyArray<LaboratoryKind>

describe("a NAT of the laboratory's kind", () => {
  it.effect.each(kinds)("%s maps, filters and keeps ports as there", (kind) =>
    Effect.gen(function* () {
      const host = yield* world(laboratoryKinds[kind])
      assert.strictEqual(yield* probe(host.peerTransport), expected[kind])
    }).pipe(Random.withSeed(kind)),
  )

  for (const hairpinning of [false, true]) {
    it.effect(`portrestr@eim-eif ${hairpinning ? "with" : "without"} hairpinning shows the carrier's mapping`, () =>
      Effect.gen(function* () {
        const host = yield* world(natKinds.masquerade, { ...natKinds.carrierGrade, hairpinning })
        assert.strictEqual(yield* probe(host.peerTransport), "EIM APDF 0/4 -")
      }).pipe(Random.withSeed("carrier")),
    )
  }
})

describe("two homes behind one carrier's NAT", () => {
  const meet = Effect.fnUntraced(function* (hairpinning: boolean) {
    const network = yield* MemoryNetwork.make({ link: { latencyMillis: 20 } })
    yield* serve(network)
    const carrier = yield* network.nat({ address: "203.0.113.21", kind: { ...natKinds.carrierGrade, hairpinning } })
    const sockets = []
    for (const address of ["100.64.1.21", "100.64.1.22"]) {
      const nat = yield* network.nat({ address, kind: natKinds.masquerade, nat: carrier })
      const host = yield* network.host({ address: "192.168.1.10", nat })
      const socket = yield* host.peerTransport.bind({ port: 5000 })
      sockets.push([socket, (yield* ask(socket, 0))!] as const)
    }
    const [[a, mappedA], [b, mappedB]] = [sockets[0]!, sockets[1]!]
    const from: Array<string> = []
    for (const socket of [a, b]) yield* socket.receive((_, source) => void from.push(Endpoint.format(source)))
    for (let i = 0; i < 3; i++) {
      a.send(encode({}), mappedB)
      b.send(encode({}), mappedA)
      yield* TestClock.adjust(100)
    }
    return [new Set(from), new Set([mappedA, mappedB].map(Endpoint.format))]
  })

  it.effect("meet at its outside where it does hairpinning", () =>
    Effect.gen(function* () {
      const [from, mapped] = yield* meet(true)
      assert.deepStrictEqual(from, mapped)
    }),
  )

  it.effect("do not where it doesn't", () =>
    Effect.gen(function* () {
      assert.strictEqual((yield* meet(false))[0]!.size, 0)
    }),
  )
})

describe("a hop limit", () => {
  const neighbours = Effect.gen(function* () {
    const network = yield* MemoryNetwork.make()
    const heard: Array<string> = []
    const home = Effect.fnUntraced(function* (outside: string, kind: NatOptions["kind"]) {
      const nat = yield* network.nat({ address: outside, kind })
      const bind = Effect.fnUntraced(function* (address: string) {
        const host = yield* network.host({ address, nat })
        const socket = yield* host.peerTransport.bind({ port: 5000 })
        yield* socket.receive((bytes) => void heard.push(`${address} ${decode(bytes)}`))
        return socket
      })
      return { bind, nat }
    })
    return { network, heard, home }
  })

  it.effect("of 4 or 5 opens the sender's own NATs and dies in the public network, where one of 64 passes", () =>
    Effect.gen(function* () {
      const { heard, home } = yield* neighbours
      const a = yield* home("203.0.113.1", natKinds.masquerade)
      const b = yield* home("203.0.113.2", natKinds.fullCone)
      const [alice, bob] = [yield* a.bind("192.168.1.10"), yield* b.bind("192.168.2.10")]
      const atB = { address: "203.0.113.2", port: 5000 }
      const atA = { address: "203.0.113.1", port: 5000 }
      bob.send(encode("opener"), atA, 5)
      alice.send(encode("opener"), atB, 4)
      yield* TestClock.adjust(10)
      assert.deepStrictEqual(heard, [])
      assert.strictEqual((yield* a.nat.state).mappings.size, 1)
      for (const [index, hops] of [1, 7, 8, 9, 64].entries()) alice.send(encode(index), atB, hops)
      bob.send(encode("plain"), atA)
      yield* TestClock.adjust(10)
      // Alice's NAT, six in between, and Bob's: nine are enough, one less is not.
      assert.deepStrictEqual(heard, ["192.168.2.10 3", "192.168.2.10 4", "192.168.1.10 plain"])
    }),
  )

  it.effect("of 1 is enough within one LAN, and none sends nothing", () =>
    Effect.gen(function* () {
      const { heard, home } = yield* neighbours
      const { bind } = yield* home("203.0.113.1", natKinds.masquerade)
      const alice = yield* bind("192.168.1.10")
      yield* bind("192.168.1.11")
      for (const ttl of [1, 0, -1, 256, 1.5]) alice.send(encode(ttl), { address: "192.168.1.11", port: 5000 }, ttl)
      yield* TestClock.adjust(10)
      assert.deepStrictEqual(heard, ["192.168.1.11 1"])
    }),
  )
})

describe("an unsolicited packet", () => {
  it.effect("takes the port of an exposed masquerade only for its source, and only for a while", () =>
    Effect.gen(function* () {
      const host = yield* world({ ...natKinds.exposedMasquerade, timeoutMillis: 30_000 })
      const asking = yield* host.peerTransport.bind({ port: 5000 })
      yield* ask(asking, 0, { early: { address: "203.0.113.20", port: 6000 } })
      const socket = yield* host.peerTransport.bind({ port: 6000 })
      assert.notStrictEqual((yield* ask(socket, 0))!.port, 6000)
      assert.strictEqual((yield* ask(socket, 1))!.port, 6000)
      yield* TestClock.adjust(31_000)
      assert.strictEqual((yield* ask(socket, 0))!.port, 6000)
    }),
  )

  it.effect("through an own opening takes nothing away", () =>
    Effect.gen(function* () {
      const host = yield* world(natKinds.exposedMasquerade)
      const socket = yield* host.peerTransport.bind({ port: 6000 })
      yield* ask(socket, 0, { early: { address: "203.0.113.20", port: 6000 } })
      assert.strictEqual((yield* ask(socket, 0))!.port, 6000)
    }),
  )
})

describe("IPv6 behind a NAT for IPv4", () => {
  it.effect("meets a stateful firewall, whatever the NAT lets in", () =>
    Effect.gen(function* () {
      const network = yield* MemoryNetwork.make()
      const nat = yield* network.nat({ address: "203.0.113.20", kind: natKinds.fullCone })
      const host = yield* network.host({ address: ["192.168.1.10", "2001:db8:1::10"], nat })
      const [one, two] = ["2001:db8::10", "2001:db8::11"]
      const socket = yield* host.peerTransport.bind({ port: 5000 })
      const heard: Array<string> = []
      yield* socket.receive((_, from) => void heard.push(from.address))
      for (const address of [one, two]) {
        const other = yield* (yield* network.host({ address })).peerTransport.bind({ port: 3478 })
        if (address === one) socket.send(encode({}), { address, port: 3478 })
        other.send(encode({}), { address: "2001:db8:1::10", port: 5000 })
      }
      yield* TestClock.adjust(10)
      assert.deepStrictEqual(heard, [one])
    }),
  )
})

describe("a port mapping", () => {
  it.effect("lets everybody in until its scope closes, and is what the host sends from", () =>
    Effect.gen(function* () {
      const network = yield* MemoryNetwork.make({ link: { latencyMillis: 2 } })
      yield* serve(network)
      const nat = yield* network.nat({ address: "203.0.113.20", kind: natKinds.symmetric, mapsPorts: true })
      const host = yield* network.host({ address: "192.168.1.10", nat })
      const socket = yield* host.peerTransport.bind({ port: 5000 })
      const stranger = yield* (yield* network.host({ address: "203.0.113.30" })).peerTransport.bind({ port: 1 })
      let heard = 0
      const external = { address: "203.0.113.20", port: 5000 }
      const knock = Effect.gen(function* () {
        yield* socket.receive(() => void (heard += 1))
        stranger.send(encode({}), external)
        yield* TestClock.adjust(10)
      })
      yield* Effect.gen(function* () {
        assert.deepStrictEqual(yield* host.portMapper.map(5000), external)
        yield* knock
        assert.strictEqual(heard, 1)
        assert.deepStrictEqual(yield* ask(socket, 0), external)
      }).pipe(Effect.scoped)
      yield* knock
      assert.strictEqual(heard, 1)
    }),
  )

  it.effect("is not to be had from a router that maps none, or without one", () =>
    Effect.gen(function* () {
      const reason = (host: MemoryHost) =>
        Effect.map(Effect.flip(Effect.scoped(host.portMapper.map(5000))), (error) => error.reason)
      assert.strictEqual(yield* reason(yield* world(natKinds.masquerade)), "NoAnswer")
      assert.strictEqual(yield* reason(yield* world(undefined)), "NoRouter")
    }),
  )
})
