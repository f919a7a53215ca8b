import { assert, describe, it } from "@effect/vitest"
import type { Candidate } from "../../../src/domain/reach/Candidate.ts"
import type { NatMapping } from "../../../src/domain/reach/NatMapping.ts"
import * as Path from "../../../src/domain/reach/Path.ts"
import * as Reach from "../../../src/domain/reach/Reach.ts"
import * as RemoteCandidates from "../../../src/domain/reach/RemoteCandidates.ts"
import * as Search from "../../../src/domain/reach/Search.ts"
import * as Spray from "../../../src/domain/reach/Spray.ts"
import { hostBehind } from "./NatHosts.ts"
import { type Host, World } from "./ReachWorld.ts"

/** One side alone: the other one, and the server, say what the test wants. */
const alone = (): Host => {
  const world = new World(hostBehind("portRestrictedCone", 1), hostBehind("portRestrictedCone", 2))
  world.isRelayWorking = false
  world.isCoreWorking = false
  world.alice.on({ _tag: "RelayUp" })
  world.alice.start()
  return world.alice
}

const tell = (host: Host, generation: number, mapping: NatMapping, ...candidates: ReadonlyArray<Candidate>): void =>
  host.on({ _tag: "Told", message: { generation, mapping, candidates } })

const to = ({ actions }: Host, address: string) =>
  actions.filter((it) => it._tag === "Send" && it.path._tag === "Direct" && it.path.remote.address === address)

const reflexive = (address: string, port = 40_001): Candidate => ({ kind: "reflexive", endpoint: { address, port } })
const peer = "203.0.113.22"
const stranger = "198.51.100.99"
const question = (byte: number): Reach.PathFrame => ({ _tag: "PathChallenge", data: new Uint8Array(8).fill(byte) })

describe("whoever copies records and sends them from many addresses", () => {
  it("gets one record for one, and only four addresses are asked anything", () => {
    const alice = alone()
    for (let i = 0; i < 200; i++) {
      const before = alice.actions.length
      const path = Path.direct(0, { address: `198.51.100.${i}`, port: 1000 })
      alice.on({ _tag: "Heard", path, frames: [question(i)], isNewest: true })
      const sent = alice.actions.slice(before).filter(({ _tag }) => _tag === "Send")
      assert.strictEqual(sent.length, 1)
    }
    const asked = alice.actions.filter(
      (it) => it._tag === "Send" && it.path._tag === "Direct" && it.frames.some(({ _tag }) => _tag === "PathChallenge"),
    )
    assert.strictEqual(asked.length, Reach.maxStrangers)
    alice.world.pass(20_000)
    assert.strictEqual(to(alice, "198.51.100.7").length, 1)
  })

  it("makes us ask nothing with what is not the newest record", () => {
    const alice = alone()
    const path = Path.direct(0, { address: stranger, port: 1000 })
    alice.on({ _tag: "Heard", path, frames: [], isNewest: false })
    assert.deepStrictEqual(to(alice, stranger), [])
  })

  it("does not become a path by an answer to what another path was asked", () => {
    const alice = alone()
    const [a, b] = [1000, 1001].map((port) => Path.direct(0, { address: stranger, port }))
    alice.on({ _tag: "Heard", path: a!, frames: [], isNewest: true })
    const sent = to(alice, stranger)[0]
    const data = sent?._tag === "Send" && sent.frames[0]?._tag === "PathChallenge" ? sent.frames[0].data : undefined
    assert.isDefined(data)
    alice.on({ _tag: "Heard", path: b!, frames: [{ _tag: "PathResponse", data: data! }], isNewest: true })
    assert.strictEqual(alice.kind, "relay")
    alice.on({ _tag: "Heard", path: a!, frames: [{ _tag: "PathResponse", data: data! }], isNewest: true })
    assert.strictEqual(alice.kind, "direct")
  })
})

describe("a hostile peer", () => {
  it("that sends many answers in one record has the first of them looked for, among all that we have asked", () => {
    const alice = alone()
    const path = Path.direct(0, { address: peer, port: 1000 })
    const hear = (...frames: ReadonlyArray<Reach.PathFrame>) => {
      const before = alice.actions.length
      alice.on({ _tag: "Heard", path, frames, isNewest: true })
      const sent = alice.actions.slice(before).find(({ _tag }) => _tag === "Send")
      return sent?._tag === "Send" ? sent.frames.find(({ _tag }) => _tag === "PathChallenge") : undefined
    }
    const asked = hear(question(1))
    assert.strictEqual(asked?._tag, "PathChallenge")
    const answer = (data: Uint8Array): Reach.PathFrame => ({ _tag: "PathResponse", data })
    const madeUp = Array.from({ length: 100 }, (_, i) => answer(new Uint8Array(8).fill(i)))
    const { data } = asked as { readonly data: Uint8Array }
    hear(...madeUp, answer(data))
    assert.strictEqual(alice.kind, "relay")
    hear(answer(data), ...madeUp)
    assert.strictEqual(alice.kind, "direct")
  })

  it("that names a stranger as all of its candidates gets a few records sent there", () => {
    const alice = alone()
    const all = Array.from({ length: 16 }, (_, i) => reflexive(stranger, 1000 + i))
    tell(alice, 1, { _tag: "Random" }, ...all)
    alice.world.pass(59_000)
    assert.isAtMost(to(alice, stranger).length, RemoteCandidates.strangerEndpoints * RemoteCandidates.strangerProbes)
  })

  it("that searches anew all the time gets no more than a search every five seconds", () => {
    const alice = alone()
    for (let i = 1; i <= 300; i++) {
      tell(alice, i, { _tag: "Random" }, reflexive(stranger, 1000 + i))
      alice.world.pass(100)
    }
    assert.isAtMost(Reach.report(alice.state).searches, 7)
    // Thirty seconds.
    assert.isAtMost(to(alice, stranger).length, 600)
  })

  it("that, with a server that allows it, has the chat go on twice a second gets a stranger no more than its share", () => {
    const alice = alone()
    const seconds = 30
    for (let round = 0; round < 2 * seconds; round++) {
      const config = { isInitiator: true, relay: "auto", isLocalServer: false } as const
      if (round > 0) alice.on({ _tag: "Resumed", config })
      alice.on({ _tag: "RelayUp" })
      const candidates = Array.from({ length: 4 }, (_, i) => reflexive(stranger, 1000 + 4 * round + i))
      tell(alice, 1, { _tag: "EndpointIndependent" }, ...candidates)
      alice.start(0)
      alice.world.pass(500)
    }
    const times = 1 + (seconds * 1000) / Search.pauseMillis
    const most = times * RemoteCandidates.strangerChecks * RemoteCandidates.strangerProbes
    assert.isAtMost(to(alice, stranger).length, most)
  })

  it("cannot have its own port guessed at a stranger's: only where the server sees it is sprayed", () => {
    const alice = alone()
    tell(alice, 1, { _tag: "Random" }, reflexive(stranger))
    alice.world.pass(10_000)
    assert.isAtMost(Reach.report(alice.state).packets, RemoteCandidates.strangerProbes)
  })

  it("and a server that names a stranger cannot either: the peer has to name it too", () => {
    const alice = alone()
    tell(alice, 1, { _tag: "Random" }, { kind: "host", endpoint: { address: peer, port: 40_001 } })
    alice.world.pass(10_000)
    assert.isAtMost(to(alice, peer).length, RemoteCandidates.probes)
  })
})

describe("spraying", () => {
  const sprayed = (mapping: NatMapping, millis = 20_000): Host => {
    const alice = alone()
    alice.world.pass(100)
    tell(alice, 1, mapping, reflexive(peer))
    alice.world.pass(millis)
    return alice
  }

  it("tries each port once, and stops", () => {
    const alice = sprayed({ _tag: "Random" })
    const ports = to(alice, peer).map((it) =>
      it._tag === "Send" && it.path._tag === "Direct" ? it.path.remote.port : 0,
    )
    const tried = ports.filter((port) => port !== 40_001)
    assert.isAtLeast(tried.length, Spray.maxProbes - 1)
    assert.strictEqual(new Set(tried).size, tried.length)
    assert.isAtMost(ports.length, Spray.maxProbes + RemoteCandidates.probes)
  })

  it("keeps to the block of the other side's NAT", () => {
    const alice = sprayed({ _tag: "Block", low: 4096, high: 5119 })
    const ports = to(alice, peer).map((it) =>
      it._tag === "Send" && it.path._tag === "Direct" ? it.path.remote.port : 0,
    )
    assert.isTrue(ports.every((port) => port === 40_001 || (port >= 4096 && port <= 5119)))
    assert.strictEqual(new Set(ports).size, 1025)
  })

  it("comes once a minute, and never beyond 3,000 records a search", () => {
    const alice = sprayed({ _tag: "Random" }, 5000)
    for (let i = 2; i < 10; i++) {
      tell(alice, i, { _tag: "Random" }, reflexive(peer))
      alice.world.pass(6000)
      assert.isAtMost(alice.state.search?.packets ?? 0, Search.maxPackets)
    }
    const { at } = to(alice, peer)[0]!
    const inMinute = to(alice, peer).filter((it) => it.at - at < 50_000)
    assert.isAtMost(inMinute.length, Spray.maxProbes + 10 * RemoteCandidates.probes)
  })

  it("does not begin where both NATs are symmetric, or none is", () => {
    for (const [a, b] of [
      ["symmetric", "addressSymmetric"],
      ["portRestrictedCone", "portRestrictedCone"],
    ] as const) {
      const world = new World(hostBehind(a, 1), hostBehind(b, 2)).meet()
      world.isCoreWorking = false
      world.pass(20_000)
      for (const host of [world.alice, world.bob]) {
        assert.isTrue(host.actions.every(({ _tag }) => _tag !== "OpenSockets"))
        assert.isAtMost(Reach.report(host.state).packets, 100)
      }
    }
  })

  it("closes what it opened but for the path that was found", () => {
    const world = new World(hostBehind("symmetric", 1), hostBehind("portRestrictedCone", 2)).meet()
    world.pass(10_000)
    const { alice } = world
    assert.strictEqual(alice.kind, "direct")
    const path = Reach.active(alice.state)
    const closed = alice.actions.findLast((it) => it._tag === "CloseSockets")
    assert.deepStrictEqual(closed?.keep, [0, path?._tag === "Direct" ? path.socket : -1])
  })
})
