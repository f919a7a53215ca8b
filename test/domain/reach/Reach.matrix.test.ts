import { assert, describe, it } from "@effect/vitest"
import * as Reach from "../../../src/domain/reach/Reach.ts"
import * as Search from "../../../src/domain/reach/Search.ts"
import { hostBehind, type Kind, kinds, symmetric } from "./NatHosts.ts"
import { World } from "./ReachWorld.ts"

/** docs/decisions/0014: what no search makes direct. */
const canBeDirect = (a: Kind, b: Kind): boolean => {
  if (a === "datagramsBlocked" || b === "datagramsBlocked") return false
  if (!symmetric.has(a) || !symmetric.has(b)) return true
  return a === b && (a === "sequentialSymmetric" || a === "narrowSymmetric")
}

const pairs = kinds.flatMap((a, i) => kinds.slice(i).map((b) => [a, b] as const))
const reachable = pairs.filter(([a, b]) => canBeDirect(a, b))
const seeds = [1, 2, 3]

const isDirect = ({ alice, bob }: World): boolean =>
  [alice, bob].every(({ kind }) => kind === "lan" || kind === "direct" || kind === "mapped")

interface Meeting {
  readonly world: World
  readonly isDirect: boolean
  /** From the port on until both sides send directly. */
  readonly millis: number
  /** What the side that sent more sent in its search. */
  readonly packets: number
}

const meet = (a: Kind, b: Kind, seed: number, loss = 0): Meeting => {
  const world = new World(hostBehind(a, 1), hostBehind(b, 2), seed)
  world.loss = loss
  world.meet().pass(10_000, () => isDirect(world))
  const found = isDirect(world)
  const millis = world.now - 60
  if (!found) world.pass(5000)
  const packets = Math.max(...[world.alice, world.bob].map(({ state }) => Reach.report(state).packets))
  return { world, isDirect: found, millis, packets }
}

const name = (a: Kind, b: Kind, seed: number): string => `${a} and ${b}, seed ${seed}`

describe("two sides", () => {
  it("reach each other directly through every pair of NATs that lets anybody", () => {
    for (const [a, b] of reachable) {
      for (const seed of seeds) {
        const { isDirect, millis, packets } = meet(a, b, seed)
        assert.isTrue(isDirect, name(a, b, seed))
        const isEasy = !symmetric.has(a) && !symmetric.has(b)
        // A round trip is 40 ms; to the server and to the other side through it 80 ms.
        assert.isBelow(millis, isEasy ? 400 : 5000, name(a, b, seed))
        assert.isAtMost(packets, isEasy ? 20 : Search.maxPackets, name(a, b, seed))
      }
    }
  })

  it("stay on the relay where nothing else is possible, say so once, and do not send many records for nothing", () => {
    for (const [a, b] of pairs.filter(([a, b]) => !canBeDirect(a, b))) {
      const { world, packets } = meet(a, b, 1)
      const isBlocked = a === "datagramsBlocked" || b === "datagramsBlocked"
      for (const { actions, kind } of [world.alice, world.bob]) {
        assert.strictEqual(kind, "relay", name(a, b, 1))
        const stuck = actions.flatMap((action) => (action._tag === "Stuck" ? [action.because] : []))
        assert.strictEqual(stuck.length, 1)
        assert.include(isBlocked ? ["Udp_blocked", "Peer_udp_blocked"] : ["Both_random"], stuck[0])
      }
      assert.isAtMost(packets, 250, name(a, b, 1))
    }
  })

  it("reach each other where one datagram in ten is lost", () => {
    for (const [a, b] of reachable) {
      assert.isTrue(meet(a, b, 1, 0.1).isDirect, name(a, b, 1))
    }
  })

  it("need no server address but one where mappings do not depend on it", () => {
    for (const [a, b] of reachable.filter(([a, b]) => !symmetric.has(a) && !symmetric.has(b))) {
      const world = new World(hostBehind(a, 1), hostBehind(b, 2), 1).meet(2)
      world.pass(1000)
      assert.isTrue(isDirect(world), name(a, b, 1))
    }
  })
})
