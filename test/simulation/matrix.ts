/**
 * Every pair of NATs, and places that are more than a pair: the laboratory's scenarios, on the in-memory network.
 */
import { Effect } from "effect"
import type { MemoryNetwork, NatOptions } from "nomitm/adapters/memory/MemoryNetwork"
import type * as Nat from "nomitm/adapters/memory/Nat"
import { laboratoryKinds } from "nomitm/adapters/memory/NatKind"
import { kinds, pairs as inLaboratory } from "../natlab/pairs.ts"
import type { PathKind } from "../natlab/Scenario.ts"
import type { Scenario } from "./Scenario.ts"
import * as World from "./World.ts"

type Network = MemoryNetwork["Service"]

/** All 105, each once. */
export const pairs: ReadonlyArray<Scenario> = kinds.flatMap((a, i) =>
  kinds.slice(i).map((b) => {
    const name = `${a} × ${b}`
    const scenario = inLaboratory.find((scenario) => scenario.name === name)
    if (scenario === undefined) throw new Error(`the laboratory does not know ${name}`)
    return { name, group: scenario.group, paths: scenario.paths, homes: World.pair(a, b) }
  }),
)

const group = "special places"

/** Two hosts behind one NAT. */
const together =
  (nat: Omit<NatOptions, "address">, isolated = false) =>
  (network: Network): Effect.Effect<World.Homes> =>
    Effect.gen(function* () {
      const shared = yield* network.nat({ address: World.outerAddress("alice"), ...nat })
      const alice = yield* network.host({ name: "alice", address: "192.168.1.10", nat: shared })
      const bob = yield* network.host({ name: "bob", address: "192.168.1.11", nat: shared })
      if (isolated) yield* network.setLinkBetween(alice, bob, { connected: false })
      return { alice: { host: alice, nats: [shared] }, bob: { host: bob, nats: [shared] } }
    })

/** Two homes behind one carrier's NAT. */
const neighbours =
  (kind: Nat.Config) =>
  (network: Network): Effect.Effect<World.Homes> =>
    Effect.gen(function* () {
      const carrier = yield* network.nat({ address: World.outerAddress("alice"), kind })
      const behind = Effect.fnUntraced(function* (name: "alice" | "bob", number: number) {
        const router = { address: `100.64.1.${number}`, kind: laboratoryKinds.portrestr, nat: carrier }
        const nat = yield* network.nat(router)
        const host = yield* network.host({ name, address: `192.168.${number}.10`, nat })
        // A carrier lets its customers reach each other by way of its NAT only.
        return { host, nats: [nat, carrier] }
      })
      const homes = { alice: yield* behind("alice", 2), bob: yield* behind("bob", 3) }
      yield* network.setLinkBetween(homes.alice.host, homes.bob.host, { connected: false })
      return homes
    })

interface Apart {
  readonly kind: Nat.Config
  readonly outside: string | ReadonlyArray<string>
  readonly inside: string | ReadonlyArray<string>
  readonly mapsPorts?: boolean
}

/** A host behind a NAT each. */
const apart =
  (alice: Apart, bob: Apart) =>
  (network: Network): Effect.Effect<World.Homes> => {
    const home = Effect.fnUntraced(function* (name: "alice" | "bob", { kind, outside, inside, mapsPorts }: Apart) {
      const nat = yield* network.nat({ name: `${name}'s NAT`, address: outside, kind, mapsPorts })
      return { host: yield* network.host({ name, address: inside, nat }), nats: [nat] }
    })
    return Effect.all({ alice: home("alice", alice), bob: home("bob", bob) })
  }

const [outsideAlice, outsideBob] = [World.outerAddress("alice"), World.outerAddress("bob")]
const place = (
  name: string,
  homes: Scenario["homes"],
  paths: ReadonlyArray<PathKind>,
  more: Pick<Scenario, "address" | "server" | "one"> = {},
): Scenario => ({ name, group, homes, paths, ...more })

const { portrestr, sym, eim, "eim-eif": eimEif, fw } = laboratoryKinds

export const places: ReadonlyArray<Scenario> = [
  place("one LAN", together({ kind: portrestr }), ["lan"], { address: "192.168.1." }),
  place("one LAN behind a random NAT", together({ kind: sym }), ["lan"], { address: "192.168.1." }),
  place("one NAT that hairpins, no LAN path", together({ kind: { ...eim, hairpinning: true } }, true), ["direct"]),
  place("one NAT without hairpin, no LAN path", together({ kind: portrestr }, true), ["relay"]),
  place("one carrier's NAT that hairpins", neighbours({ ...eimEif, hairpinning: true }), ["direct"]),
  place("one carrier's NAT without hairpin", neighbours(eimEif), ["relay"]),
  place(
    "two homes with equal private addresses",
    apart(
      { kind: portrestr, outside: outsideAlice, inside: "192.168.1.10" },
      { kind: portrestr, outside: outsideBob, inside: "192.168.1.10" },
    ),
    ["direct"],
  ),
  place(
    "IPv6 behind stateful firewalls",
    apart(
      { kind: sym, outside: outsideAlice, inside: ["192.168.1.10", "2001:db8:1::10"] },
      { kind: sym, outside: outsideBob, inside: ["10.1.1.10", "2001:db8:2::10"] },
    ),
    ["direct"],
    { address: "[2001:db8:" },
  ),
  place(
    "IPv6 alone, behind stateful firewalls",
    apart({ kind: fw, outside: [], inside: "2001:db8:1::10" }, { kind: fw, outside: [], inside: "2001:db8:2::10" }),
    ["direct"],
    { address: "[2001:db8:", server: ["2001:db8:9::10", "2001:db8:9::11"] },
  ),
  place(
    "a port mapping at a random NAT, and another random NAT",
    apart(
      { kind: sym, outside: outsideAlice, inside: "192.168.1.10", mapsPorts: true },
      { kind: sym, outside: outsideBob, inside: "10.1.1.10" },
    ),
    // Whose router it is takes it for direct: they send to a port that nobody was asked for.
    ["mapped", "direct"],
    { one: "mapped" },
  ),
]
