/**
 * What `nomitm netcheck` finds out about the network it runs in, and how it is told.
 */
import * as Endpoint from "../Endpoint.ts"
import * as NetAdvice from "./NetAdvice.ts"
import type { PeerEvent } from "../PeerEvent.ts"
import * as AddressScope from "../reach/AddressScope.ts"
import * as NatMapping from "../reach/NatMapping.ts"
import * as NetReport from "./NetReport.ts"

export interface NetFindings {
  /** The address that the server sees; none if it does not say. */
  readonly seen: string | undefined
  /** How many lookup ports the server has; 0 if it answers no lookups. */
  readonly asked: number
  /** Where they saw one socket of ours; none for those that did not answer. */
  readonly samples: ReadonlyArray<NatMapping.Sample>
  /** This machine's addresses, and the port of that socket. */
  readonly local: { readonly addresses: ReadonlyArray<string>; readonly port: number }
  /** Whether each socket that was tried kept its port number. */
  readonly keepsPorts: boolean
  /** Milliseconds there and back; none without an answer. */
  readonly rttMillis: number | undefined
  /** What the router opened, as it says itself; none if it opens nothing, or was not asked. */
  readonly portMapping: Endpoint.Endpoint | undefined
}

export const udp = ({ asked, samples }: NetFindings): "passes" | "blocked" | "unknown" =>
  samples.length > 0 ? "passes" : asked > 0 ? "blocked" : "unknown"

export const mapping = (findings: NetFindings): NatMapping.NatMapping =>
  udp(findings) === "blocked" ? NatMapping.blocked : NatMapping.classify(findings.samples, findings.local)

/** By the address that it sees: one that means nothing elsewhere does not come from elsewhere. */
const whereServerIs = (seen: string): "here" | "near" | "beyond" => {
  switch (AddressScope.of(seen)) {
    case "loopback":
      return "here"
    case "link":
    case "private":
      return "near"
    default:
      return "beyond"
  }
}

/** @param server how the server was named */
export const toEvent = (server: string, findings: NetFindings): Extract<PeerEvent, { readonly event: "netcheck" }> => {
  const { seen = "", asked, samples, local, keepsPorts, rttMillis, portMapping } = findings
  const found = mapping(findings)
  const [first] = samples
  const ipv6 = local.addresses.find((address) => Endpoint.isIpv6(address) && AddressScope.of(address) === "global")
  const isBeyond = portMapping !== undefined && AddressScope.of(portMapping.address) !== "global"
  return {
    event: "netcheck",
    server,
    udp: udp(findings),
    nat: NetReport.natKind(found),
    address: first === undefined || NatMapping.isSymmetric(found) ? seen : Endpoint.format(first.mapped),
    ...(found._tag === "Block" ? { ports: { low: found.low, high: found.high } } : {}),
    keeps_ports: samples.length > 0 && keepsPorts,
    answered: samples.length,
    asked,
    ...(rttMillis === undefined ? {} : { rtt_ms: rttMillis }),
    ipv6: ipv6 ?? "",
    port_mapping: portMapping === undefined ? "" : Endpoint.format(portMapping),
    advice: NetAdvice.of({
      udp: udp(findings),
      nat: NetReport.natKind(found),
      server: whereServerIs(first?.mapped.address ?? seen),
      isVague: asked === 2,
      hasIpv6: ipv6 !== undefined,
      portMapping: portMapping === undefined ? "none" : isBeyond ? "inner" : "open",
    }),
  }
}
