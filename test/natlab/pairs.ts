/**
 * Every pair of NATs: the matrix of the kinds that `natlab.py` knows, and a home behind a carrier's NAT.
 */
import type { Group, PathKind, Scenario } from "./Scenario.ts"

export const kinds = [
  "open",
  "fw",
  "fullcone",
  "addrrestr",
  "portrestr",
  "portrestr-open",
  "eim",
  "eim-eif",
  "cgn",
  "symaddr",
  "symseq",
  "symblk",
  "sym",
  "udpblock",
] as const
export type Kind = (typeof kinds)[number]

/** Their mapping is not endpoint-independent: what one destination sees says nothing, or little, about another. */
const symmetric: ReadonlySet<Kind> = new Set<Kind>(["symaddr", "symseq", "symblk", "sym"])

/** Two of the same kind of these reach each other: the next port is known, or is one of few. */
const predictable: ReadonlySet<Kind> = new Set<Kind>(["symseq", "symblk"])

/** The sites of one side; a home behind a carrier's NAT is two. */
const sites = (name: "a" | "b", kind: Kind): ReadonlyArray<string> => {
  const carrier = name === "a" ? "ca" : "cb"
  return kind === "cgn" ? [`${carrier}=eim-eif`, `${name}=portrestr@${carrier}`] : [`${name}=${kind}`]
}

const group = (a: Kind, b: Kind): Group => {
  if (a === "udpblock" || b === "udpblock") return "UDP blocked"
  const count = [a, b].filter((kind) => symmetric.has(kind)).length
  return count === 0 ? "no symmetric side" : count === 1 ? "one symmetric side" : "two symmetric sides"
}

/** Where the chat may end: on the relay only where nothing else is sure to be possible. */
const paths = (a: Kind, b: Kind): ReadonlyArray<PathKind> => {
  switch (group(a, b)) {
    case "UDP blocked":
      return ["relay"]
    case "two symmetric sides":
      return a === b && predictable.has(a) ? ["direct"] : ["direct", "relay"]
    default:
      // Two public addresses of one network are as good as a LAN.
      return a === "open" && b === "open" ? ["direct", "lan"] : ["direct"]
  }
}

const pair = (a: Kind, b: Kind): Scenario => ({
  name: `${a} × ${b}`,
  group: group(a, b),
  sites: [...sites("a", a), ...sites("b", b)],
  paths: paths(a, b),
})

/** All 105, each once. */
export const pairs: ReadonlyArray<Scenario> = kinds.flatMap((a, i) => kinds.slice(i).map((b) => pair(a, b)))
