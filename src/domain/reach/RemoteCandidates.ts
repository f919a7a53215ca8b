/**
 * Which of the other side's candidates are ever probed, in which order, and how often. The other side may be hostile, and
 * name whom it wants to be knocked at.
 */
import * as Endpoint from "../Endpoint.ts"
import * as AddressScope from "./AddressScope.ts"
import * as Candidate from "./Candidate.ts"
import { isLan, mayProbe, type Situation, sharesPrivate } from "./Situation.ts"

/** Whoever has no part in it, but is named, gets at most so many records to one endpoint … */
export const strangerProbes = 6
/** … and at so many endpoints of one IPv4 address, or one /64. */
export const strangerEndpoints = 4
/** In one search so many endpoints of it are checked, however often others are named, or the same once more. */
export const strangerChecks = 2 * strangerEndpoints
/** The other side itself, at the address the server sees or in our own network, is asked for about five seconds. */
export const probes = 20

export interface Probed extends Candidate.Candidate {
  /** How many records it gets at most. */
  readonly most: number
}

const order: Readonly<Record<Candidate.CandidateKind, number>> = { predicted: 0, reflexive: 1, mapped: 2, host: 3 }

/**
 * Those that are probed: predicted ones before anything else goes through a NAT that counts, and in their order. Where
 * the other side has not told any, where the server sees it is one.
 */
export const of = (situation: Situation): ReadonlyArray<Probed> => {
  const { remote, observed } = situation
  const told = remote?.candidates ?? [Candidate.make("reflexive", observed)]
  const sorted = Candidate.distinct(told)
    .slice(0, Candidate.maxCandidates)
    .filter((candidate) => isProbed(situation, candidate))
    .toSorted((a, b) => order[a.kind] - order[b.kind])
  const strangers = new Map<string, number>()
  const probed: Array<Probed> = []
  for (const candidate of sorted) {
    const { address } = candidate.endpoint
    if (isPeer(situation, address)) {
      probed.push({ ...candidate, most: probes })
      continue
    }
    const customer = Endpoint.customer(address)
    const count = (strangers.get(customer) ?? 0) + 1
    strangers.set(customer, count)
    if (count <= strangerEndpoints) probed.push({ ...candidate, most: strangerProbes })
  }
  return probed
}

/** How many records an address gets that a record came from. */
export const probesOf = (situation: Situation, address: string): number =>
  isPeer(situation, address) ? probes : strangerProbes

const isProbed = (situation: Situation, { endpoint }: Candidate.Candidate): boolean =>
  mayProbe(situation, endpoint) &&
  (AddressScope.of(endpoint.address) !== "private" || Endpoint.isIpv6(endpoint.address) || sharesPrivate(situation))

/** Whether the address is the other side's by more than its own word. */
export const isPeer = (situation: Situation, address: string): boolean =>
  Endpoint.customer(address) === Endpoint.customer(situation.observed.address) || isLan(situation, address)
