/**
 * The path of a chat in words: lines that are safe to print.
 */
import type { PathKind } from "./PathKind.ts"
import { oneLine as safe } from "../PrintableText.ts"

/** A round trip time as it is shown: 0.4 ms, 23 ms, 1.2 s. */
export const duration = (millis: number): string => {
  if (millis >= 999.5) return `${(millis / 1000).toFixed(1)} s`
  return millis < 1 ? `${Math.max(0.1, millis).toFixed(1)} ms` : `${Math.round(millis)} ms`
}

/** What the server learns of a chat on its relay. */
const sealed = "sealed end to end, the server sees size and time"

/** What is said when the path has changed. */
export const line = (peer: string, kind: PathKind, address: string, rttMillis: number | undefined): string => {
  const measured = [
    ...(address === "" ? [] : [safe(address)]),
    ...(rttMillis === undefined ? [] : [duration(rttMillis)]),
  ]
  const detail = measured.map((text) => `, ${text}`).join("")
  switch (kind) {
    case "lan":
      return `* In the same network${detail}.`
    case "direct":
      return `* Directly${detail}.`
    case "mapped":
      return `* Directly, by a port that a router opened${detail}.`
    case "relay":
      return `* Over the relay at the server${detail}: ${sealed}.`
    case "none":
      return `* ${safe(peer)} is out of reach: what you type waits, and goes out when there is a path.`
  }
}

/** Where a chat that has begun goes, behind the name of the other side. */
export const beginning = (kind: PathKind | undefined, address: string | undefined): string => {
  switch (kind) {
    case "relay":
      return `, over the relay at the server: ${sealed}`
    case "none":
      return ", who is out of reach at the moment: what you type waits"
    case "lan":
      return ` in the same network${bracketed(address)}`
    case "mapped":
      return ` by a port that a router opened${bracketed(address)}`
    default:
      return bracketed(address)
  }
}

const bracketed = (address: string | undefined): string =>
  address === undefined || address === "" ? "" : ` (${safe(address)})`

/** The path as it stands in front of the input, where there is little room. */
export const status = (kind: PathKind, rttMillis: number | undefined): string => {
  if (kind === "none") return "out of reach"
  return rttMillis === undefined ? kind : `${kind} ${duration(rttMillis)}`
}
