/**
 * A candidate (RFC 8445, section 5.1.1): an endpoint where a side may be reached, and how it knows of it.
 */
import * as Endpoint from "../Endpoint.ts"

export type CandidateKind =
  /** An address of the machine itself. */
  | "host"
  /** Where a server sees it: server-reflexive. */
  | "reflexive"
  /** A port that its router maps for it. */
  | "mapped"
  /** Where a NAT that counts will map it next. */
  | "predicted"

export interface Candidate {
  readonly kind: CandidateKind
  readonly endpoint: Endpoint.Endpoint
}

/** So many candidates a side has at most. */
export const maxCandidates = 16

export const make = (kind: CandidateKind, { address, port }: Endpoint.Endpoint): Candidate => ({
  kind,
  endpoint: { address, port },
})

/** The first of those that name one endpoint. */
export const distinct = (candidates: ReadonlyArray<Candidate>): ReadonlyArray<Candidate> => {
  const seen = new Set<string>()
  return candidates.filter(({ endpoint }) => {
    const text = Endpoint.format(endpoint)
    return seen.has(text) ? false : seen.add(text)
  })
}

export const equals = (a: Candidate, b: Candidate): boolean =>
  a.kind === b.kind && Endpoint.equals(a.endpoint, b.endpoint)
