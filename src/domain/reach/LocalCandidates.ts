/**
 * Which candidates the other side is told.
 */
import * as Endpoint from "../Endpoint.ts"
import * as AddressScope from "./AddressScope.ts"
import * as Candidate from "./Candidate.ts"
import type { NatMapping, Sample } from "./NatMapping.ts"
import { type Situation, sharesPrivate } from "./Situation.ts"

/** So many ports after the last one that a counting NAT gave out are predicted. */
export const predictedPorts = 8

/** What a search has gathered. */
export interface Gathered {
  readonly mapping: NatMapping
  readonly samples: ReadonlyArray<Sample>
  /** A port that the router maps to socket 0. */
  readonly mapped: Endpoint.Endpoint | undefined
}

/**
 * At most `Candidate.maxCandidates`, each endpoint once, the likeliest first: predicted ones, in the order in which they
 * come true; server-reflexive ones; the port mapping; addresses of this machine. Private IPv4 addresses are only told
 * where they mean anything to the other side: they say something about a home.
 */
export const of = (situation: Situation, gathered: Gathered): ReadonlyArray<Candidate.Candidate> => {
  const all = [
    ...predicted(gathered),
    ...reflexive(situation, gathered),
    ...mappedBy(situation, gathered),
    ...situation.addresses
      .filter((address) => isTold(situation, address))
      .map((address) => Candidate.make("host", { address, port: situation.port })),
  ]
  return Candidate.distinct(all).slice(0, Candidate.maxCandidates)
}

const predicted = ({ mapping, samples }: Gathered): ReadonlyArray<Candidate.Candidate> => {
  if (mapping._tag !== "Sequential") return []
  const last = samples.reduce((last, { mapped }) => (mapped.port > last.port ? mapped : last), samples[0]!.mapped)
  return Array.from({ length: predictedPorts }, (_, i) => ({ address: last.address, port: last.port + 1 + i }))
    .filter(({ port }) => Endpoint.isPort(port))
    .map((endpoint) => Candidate.make("predicted", endpoint))
}

/** Where nobody could be asked, the address at which the server sees us, and the port, in case the NAT keeps it. */
const reflexive = (situation: Situation, { samples }: Gathered): ReadonlyArray<Candidate.Candidate> => {
  const { seen, port } = situation
  const endpoints =
    samples.length > 0 ? samples.map(({ mapped }) => mapped) : seen === undefined ? [] : [{ address: seen, port }]
  // Those of a symmetric NAT are good for their address alone.
  return Candidate.distinct(endpoints.map((endpoint) => Candidate.make("reflexive", endpoint)))
    .filter(({ endpoint }) => isReflexive(situation, endpoint.address))
    .slice(0, 2)
}

/** Routers are wrong about their own address more often than about the port: where the server sees us is better known. */
const mappedBy = (situation: Situation, { samples, mapped }: Gathered): ReadonlyArray<Candidate.Candidate> => {
  if (mapped === undefined) return []
  const seen = samples[0]?.mapped.address ?? situation.seen
  const addresses = seen === undefined || Endpoint.isIpv6(seen) ? [mapped.address] : [seen, mapped.address]
  return addresses
    .filter((address) => isTold(situation, address))
    .map((address) => Candidate.make("mapped", { address, port: mapped.port }))
}

const isReflexive = ({ isLocalServer }: Situation, address: string): boolean => {
  const scope = AddressScope.of(address)
  return scope === "global" || scope === "private" || (scope === "loopback" && isLocalServer)
}

const isTold = (situation: Situation, address: string): boolean => {
  switch (AddressScope.of(address)) {
    case "global":
      return true
    case "private":
      return Endpoint.isIpv6(address) || sharesPrivate(situation)
    case "loopback":
      return situation.isLocalServer
    case "link":
    case "none":
      return false
  }
}
