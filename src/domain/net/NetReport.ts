/**
 * What is known of the ways to somebody, as people and scripts are told it.
 */
import * as Endpoint from "../Endpoint.ts"
import type { NatKind } from "./NatKind.ts"
import type { PeerEvent } from "../PeerEvent.ts"
import * as StuckReason from "./StuckReason.ts"
import type { Candidate } from "../reach/Candidate.ts"
import type { NatMapping } from "../reach/NatMapping.ts"
import * as Path from "../reach/Path.ts"
import type { Report, Why } from "../reach/Reach.ts"

const natKinds: Record<NatMapping["_tag"], NatKind> = {
  Unknown: "unknown",
  None: "none",
  EndpointIndependent: "endpoint-independent",
  AddressDependent: "address-dependent",
  Sequential: "sequential",
  Block: "block",
  Random: "random",
  Blocked: "blocked",
}

export const natKind = ({ _tag }: NatMapping): NatKind => natKinds[_tag]

/** Where a path leads; empty for the relay, or none. */
export const addressOf = (path: Path.Path | undefined): string =>
  path?._tag === "Direct" ? Endpoint.format(path.remote) : ""

/** @param peer the other side, as it is shown */
export const event = (peer: string, report: Report): PeerEvent => {
  const { own, other, searches, pairs, packets, active, kind, why } = report
  const rtt = active && report.paths.find(({ path, isAlive }) => isAlive && Path.equals(path, active))?.rttMillis
  return {
    event: "net",
    peer,
    nat: natKind(own.mapping),
    peer_nat: natKind(other.mapping),
    candidates: own.candidates.map(shown),
    peer_candidates: other.candidates.map(shown),
    searches,
    pairs,
    packets,
    paths: report.paths.map(({ path, kind, rttMillis, isAlive }) => ({
      kind,
      address: addressOf(path),
      alive: isAlive,
      ...(rttMillis === undefined ? {} : { rtt_ms: rttMillis }),
    })),
    kind,
    address: addressOf(active),
    ...(rtt === undefined ? {} : { rtt_ms: rtt }),
    why: words(why, peer),
  }
}

const shown = ({ kind, endpoint }: Candidate) => ({ kind, address: Endpoint.format(endpoint) })

const words = (why: Why, peer: string): string => {
  switch (why) {
    case "same_network":
      return "Both of you are in one network."
    case "first_proven":
      return "Of the direct paths it was the first that was proven."
    case "port_mapped":
      return "A router was asked to open a port."
    case "searching":
      return "A direct path is being looked for."
    case "relay_only":
      return "Nothing else was wanted: --relay always."
    default: {
      const { message, hint } = StuckReason.explain(why, peer)
      return `${message} ${hint}`
    }
  }
}
