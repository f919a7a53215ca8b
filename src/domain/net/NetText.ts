/**
 * What is known of a network, and of the ways to somebody, in words: lines that are safe to print.
 */
import type { NatKind } from "./NatKind.ts"
import * as PathText from "./PathText.ts"
import type { PeerEvent } from "../PeerEvent.ts"
import { oneLine as safe } from "../PrintableText.ts"

/** What a NAT is like, to end a sentence that begins with where it is. */
export const nat = (kind: NatKind): string => {
  switch (kind) {
    case "unknown":
      return "not known"
    case "none":
      return "none, the address is that of the machine"
    case "endpoint-independent":
      return "one port for everybody: easy to reach"
    case "address-dependent":
      return "another port for each address: can be reached"
    case "sequential":
      return "a new port each time, one after the other: can mostly be reached"
    case "block":
      return "a new port each time, out of one range: can mostly be reached"
    case "random":
      return "a new port each time, at random: hard to reach"
    case "blocked":
      return "no UDP passes: can't be reached directly"
  }
}

type Net = Extract<PeerEvent, { readonly event: "net" }>
type Netcheck = Extract<PeerEvent, { readonly event: "netcheck" }>

/** How many candidates and paths are shown at a time. */
const shown = 8

const listed = (all: ReadonlyArray<{ readonly kind: string; readonly address: string }>): string => {
  if (all.length === 0) return "none"
  const more = all.length > shown ? ` … and ${all.length - shown} more` : ""
  return all
    .slice(0, shown)
    .map(({ kind, address }) => `${safe(address)} (${kind})`)
    .join(", ")
    .concat(more)
}

const times = (count: number, what: string): string => `${count} ${what}${count === 1 ? "" : "s"}`

export const net = (event: Net): ReadonlyArray<string> => {
  const peer = safe(event.peer)
  const { searches, pairs, packets, paths } = event
  // Who has not searched knows none of this.
  const found = [
    `  Your NAT: ${nat(event.nat)}.`,
    `  That of ${peer}: ${nat(event.peer_nat)}.`,
    `  You may be at: ${listed(event.candidates)}.`,
    `  ${peer} may be at: ${listed(event.peer_candidates)}.`,
    `  Tried: ${times(pairs, "pair")} with ${times(packets, "datagram")} in ${searches === 1 ? "one search" : `${searches} searches`}.`,
  ]
  return [
    PathText.line(event.peer, event.kind, event.address, event.rtt_ms),
    ...(event.why === "" ? [] : [`  ${safe(event.why)}`]),
    ...(searches === 0 ? [] : found),
    ...paths.slice(0, shown).map(({ kind, address, alive, rtt_ms }) => {
      const to = address === "" ? "" : ` ${safe(address)}`
      return `  ${alive ? "Works" : "Worked"}: ${PathText.status(kind, rtt_ms)}${to}`
    }),
  ]
}

const passes = { passes: "passes", blocked: "is blocked", unknown: "not known whether it passes" } as const

export const netcheck = (event: Netcheck): ReadonlyArray<string> => {
  const { udp, answered, asked, ipv6, port_mapping: mapping, rtt_ms: rtt, ports } = event
  const time = rtt === undefined ? "" : `, ${PathText.duration(rtt)} there and back`
  const lookups = asked === 0 ? "the server answers no lookups" : `${answered} of ${asked} lookups answered${time}`
  const kept = event.keeps_ports ? "it keeps port numbers" : "it changes port numbers"
  const range = ports === undefined ? "" : `, ${ports.low} to ${ports.high}`
  const details = event.nat === "none" || udp !== "passes" ? "" : ` (${kept}${range})`
  return [
    event.address === ""
      ? `* ${safe(event.server)} answers, and does not say where it sees you.`
      : `* ${safe(event.server)} sees you at ${safe(event.address)}.`,
    `  UDP           ${passes[udp]} (${lookups})`,
    `  NAT           ${nat(event.nat)}${details}`,
    `  IPv6          ${ipv6 === "" ? "none" : safe(ipv6)}`,
    `  Port mapping  ${mapping === "" ? "none" : safe(mapping)}`,
    ...event.advice.map((line) => `* ${safe(line)}`),
  ]
}
