/**
 * Attacks of a peer that was let in on what looks for a path to it: whom it can aim us at, and what it can have us hold.
 * Each test names the attack and says what the victim did.
 */
import { assert, describe, it } from "@effect/vitest"
import type { Candidate } from "../../src/domain/reach/Candidate.ts"
import type { NatMapping } from "../../src/domain/reach/NatMapping.ts"
import * as Path from "../../src/domain/reach/Path.ts"
import * as Reach from "../../src/domain/reach/Reach.ts"
import * as RemoteCandidates from "../../src/domain/reach/RemoteCandidates.ts"
import * as Spray from "../../src/domain/reach/Spray.ts"
import { hostBehind } from "../domain/reach/NatHosts.ts"
import { type Host, World } from "../domain/reach/ReachWorld.ts"

/** One side alone behind a NAT: the other one is what the test says. */
const victim = (nat: Parameters<typeof hostBehind>[0] = "portRestrictedCone"): Host => {
  const world = new World(hostBehind(nat, 1), hostBehind("portRestrictedCone", 2))
  world.isRelayWorking = false
  world.isCoreWorking = false
  world.alice.on({ _tag: "RelayUp" })
  world.alice.start()
  return world.alice
}

const tell = (host: Host, generation: number, mapping: NatMapping, ...candidates: ReadonlyArray<Candidate>): void =>
  host.on({ _tag: "Told", message: { generation, mapping, candidates } })

const reflexive = (address: string, port: number): Candidate => ({ kind: "reflexive", endpoint: { address, port } })
const peer = "203.0.113.22"
const stranger = "198.51.100.99"
const anyMapping: NatMapping = { _tag: "EndpointIndependent" }

const sentTo = ({ actions }: Host, address: string): number =>
  actions.filter((it) => it._tag === "Send" && it.path._tag === "Direct" && it.path.remote.address === address).length

/** How many sockets are open beside the chat's own. */
const openSockets = ({ actions }: Host): number => {
  let open = new Set<number>()
  for (const action of actions) {
    if (action._tag === "OpenSockets") for (let i = 0; i < action.count; i++) open.add(action.first + i)
    if (action._tag === "CloseSockets") open = new Set([...open].filter((index) => action.keep.includes(index)))
  }
  return open.size
}

describe("attacks of a peer on the search for a path", () => {
  it("that names other ports of a stranger in each message: in one search the stranger gets no more than by two messages", () => {
    const alice = victim()
    const most = RemoteCandidates.strangerChecks * RemoteCandidates.strangerProbes
    alice.world.pass(700)
    // Messages of the same search, and of new ones that are none yet: there is one in five seconds.
    for (const isNew of [false, true]) {
      const { searches } = Reach.report(alice.state)
      for (let i = 0; i < 40; i++) {
        const ports = Array.from({ length: 4 }, (_, n) => 1000 + 4 * i + n)
        tell(alice, isNew ? 2 + i : 1, anyMapping, ...ports.map((port) => reflexive(stranger, port)))
        alice.world.pass(100)
      }
      assert.isAtMost(Reach.report(alice.state).searches, searches + 1)
      assert.isAtMost(sentTo(alice, stranger), Reach.report(alice.state).searches * most)
    }
  })

  it("that lets us search for hours without an end: what a search has opened is closed when the next one begins", () => {
    const alice = victim("symmetric")
    let most = 0
    for (let i = 1; i < 120; i++) {
      // Just before a search would be over.
      tell(alice, i, anyMapping, reflexive(peer, 40_001))
      alice.world.pass(5050)
      most = Math.max(most, openSockets(alice))
    }
    assert.isAtMost(most, Spray.openSockets)
    assert.isAtLeast(most, Spray.openSockets)
  })

  it("that keeps a search alive for ever: what a search may send is used up, and we sleep", () => {
    const alice = victim()
    alice.world.pass(700)
    tell(alice, 1, anyMapping, reflexive(peer, 40_001))
    let counter = 0
    for (let i = 0; i < 1000; i++) {
      const path = Path.direct(0, { address: peer, port: 30_000 + (counter++ % 14) })
      alice.on({ _tag: "Heard", path, frames: [], isNewest: true })
      let steps = 0
      alice.world.pass(100, () => ++steps > 5000)
      assert.isBelow(steps, 5000)
    }
    assert.isAtMost(Reach.report(alice.state).packets, 3000 * Reach.report(alice.state).searches)
    // What is due now is done now: otherwise the timer would never sleep.
    const { now } = alice.world
    const [after] = Reach.step({ randomBytes: (length) => new Uint8Array(length) }, alice.state, { _tag: "Due" }, now)
    assert.isAbove(Reach.dueAt(after), now)
  })
})
