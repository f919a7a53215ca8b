/**
 * What one seed decides: who sits behind what, how bad the network is, what befalls it, and who says what when.
 */
import type { Link } from "nomitm/adapters/memory/Link"
import * as Random from "../fuzz/random.ts"
import { type Kind, kinds } from "../natlab/pairs.ts"
import type { Name } from "./Person.ts"

/** All times are milliseconds since both were connected. */
export type Disturbance =
  /** Nothing passes any more, neither datagrams nor streams. */
  | { readonly _tag: "Blackout"; readonly at: number; readonly lasts: number; readonly of: Name | "both" }
  /** Only between both of them nothing passes: the server is there. */
  | { readonly _tag: "PathCut"; readonly at: number; readonly lasts: number }
  | { readonly _tag: "ServerRestart"; readonly at: number; readonly lasts: number }
  /** The NAT forgets everything, or the host gets another address where there is none. */
  | { readonly _tag: "NewAddress"; readonly at: number; readonly of: Name }
  /** The NAT forgets everything, and keeps its address. */
  | { readonly _tag: "NatRestart"; readonly at: number; readonly of: Name }
  /** The person goes to another network. */
  | { readonly _tag: "Roaming"; readonly at: number; readonly of: Name }

export interface Said {
  readonly at: number
  readonly by: Name
  readonly bytes: number
}

export interface Plan {
  readonly seed: number
  readonly kinds: Readonly<Record<Name, Kind>>
  readonly link: Partial<Link>
  /** In the order of time. */
  readonly texts: ReadonlyArray<Said>
  readonly disturbances: ReadonlyArray<Disturbance>
}

export const blackoutMillis = 10_000

/** When the last text is said and the last disturbance begins, at most. */
const lastAt = 12_000

const name = (random: Random.Random): Name => random.pick(["alice", "bob"])

const disturbance = (random: Random.Random): Disturbance => {
  const at = random.below(lastAt)
  switch (random.below(8)) {
    case 0:
    case 1:
    case 2:
      return { _tag: "Blackout", at, lasts: blackoutMillis, of: random.pick(["alice", "bob", "both"]) }
    case 3:
      return { _tag: "PathCut", at, lasts: blackoutMillis }
    case 4:
      return { _tag: "ServerRestart", at, lasts: 200 + random.below(4000) }
    case 5:
      return { _tag: "NewAddress", at, of: name(random) }
    case 6:
      return { _tag: "NatRestart", at, of: name(random) }
    default:
      return { _tag: "Roaming", at, of: name(random) }
  }
}

/** Mostly short; rarely what is as long as a text may be. */
const length = (random: Random.Random): number => {
  if (random.chance(0.85)) return 1 + random.below(100)
  return random.chance(0.9) ? random.below(4000) : random.below(65_537)
}

/** Some texts come one by one, and some many at once. */
const texts = (random: Random.Random): ReadonlyArray<Said> => {
  const all: Array<Said> = []
  for (const by of ["alice", "bob"] as const) {
    for (let i = 1 + random.below(6); i > 0; i--) {
      const at = random.below(lastAt)
      for (let burst = random.chance(0.2) ? 2 + random.below(20) : 1; burst > 0; burst--) {
        all.push({ at, by, bytes: length(random) })
      }
    }
  }
  return all.toSorted((a, b) => a.at - b.at)
}

export const of = (seed: number): Plan => {
  // Its own stream: what happens does not hang on how much chance the planning took.
  const random = Random.make(Math.imul(seed, 0x9e3779b1) ^ 0x5bd1e995)
  const isBad = random.chance(0.8)
  return {
    seed,
    kinds: { alice: random.pick(kinds), bob: random.pick(kinds) },
    link: {
      latencyMillis: 1 + random.below(100),
      jitterMillis: random.below(30),
      loss: isBad ? random.below(31) / 100 : 0,
      duplication: isBad ? random.below(21) / 100 : 0,
      reordering: isBad ? random.below(21) / 100 : 0,
      reorderMillis: 1 + random.below(100),
    },
    texts: texts(random),
    disturbances: Array.from({ length: 1 + random.below(3) }, () => disturbance(random)).toSorted(
      (a, b) => a.at - b.at,
    ),
  }
}
