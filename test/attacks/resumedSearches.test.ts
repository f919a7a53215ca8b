/** Finding: a chat that goes on again and again searches as often, and each search has all that one may send. */
import { assert, describe, it } from "@effect/vitest"
import type { Candidate } from "../../src/domain/reach/Candidate.ts"
import * as Reach from "../../src/domain/reach/Reach.ts"
import * as RemoteCandidates from "../../src/domain/reach/RemoteCandidates.ts"
import { hostBehind } from "../domain/reach/NatHosts.ts"
import { World } from "../domain/reach/ReachWorld.ts"

const stranger = "198.51.100.99"
const config = { isInitiator: true, relay: "auto", isLocalServer: false } as const

describe("a peer, with a server that takes all its calls, that has a chat go on twice a second", () => {
  it("gets no more than a search every five seconds, and a stranger no more than its share of each", () => {
    const world = new World(hostBehind("portRestrictedCone", 1), hostBehind("portRestrictedCone", 2))
    world.isRelayWorking = false
    world.isCoreWorking = false
    const { alice } = world
    const candidates = (round: number): ReadonlyArray<Candidate> =>
      Array.from({ length: 4 }, (_, i) => ({
        kind: "reflexive",
        endpoint: { address: stranger, port: 1000 + 4 * round + i },
      }))
    const seconds = 30
    for (let round = 0; round < 2 * seconds; round++) {
      if (round > 0) alice.on({ _tag: "Resumed", config })
      alice.on({ _tag: "RelayUp" })
      const message = { generation: 1, mapping: { _tag: "EndpointIndependent" }, candidates: candidates(round) } as const
      alice.on({ _tag: "Told", message })
      alice.start(0)
      world.pass(500)
    }
    const sent = alice.actions.filter(
      (it) => it._tag === "Send" && it.path._tag === "Direct" && it.path.remote.address === stranger,
    )
    const searches = 1 + (seconds * 1000) / Reach.searchPauseMillis
    const most = searches * RemoteCandidates.strangerChecks * RemoteCandidates.strangerProbes
    assert.isAtMost(Reach.report(alice.state).searches, searches, `searches; ${sent.length} records to the stranger`)
    assert.isAtMost(sent.length, most)
  })
})
