/**
 * Whether a client trusts the server it has reached: decided after the TLS handshake, before a byte is sent
 * (PROTOCOL.md, section 14).
 *
 * ```
 * the address has pins ──▶ one of them is the server's key? ── no ──▶ Refuse Server_pin_mismatch
 * a key is remembered  ──▶ it is the server's?              ── no ──▶ Refuse Server_key_changed
 * a certificate chain that is valid for the host            ────────▶ Trusted, and nothing is remembered
 * a person is there                                         ────────▶ AskPerson, once; a yes is remembered
 * otherwise                                                 ────────▶ Refuse Server_unknown
 * ```
 *
 * The first that applies decides. So a remembered key is not replaced because some authority vouches for another, nor by
 * an address with a pin that somebody sent: that one is trusted where it is given, and the memory stays.
 */
import * as Bytes from "./crypto/Bytes.ts"
import { type HostPort, formatHostPort } from "./Endpoint.ts"
import { exitCodes, make as problem, type Problem } from "./Problem.ts"
import { formatKey } from "./ServerAddress.ts"

export interface Encounter {
  /** The key the server has proven to have: SHA-256 of its SubjectPublicKeyInfo. */
  readonly serverKey: Uint8Array
  /** Whether its certificate chain is valid for the host. */
  readonly webPki: boolean
  /** The pins of the address. */
  readonly pins: ReadonlyArray<Uint8Array>
  /** The key remembered for this host and port. */
  readonly remembered: Uint8Array | undefined
  /** Whether a person can be asked. */
  readonly isInteractive: boolean
}

export interface Refuse {
  readonly _tag: "Refuse"
  readonly code: "Server_key_changed" | "Server_pin_mismatch" | "Server_unknown"
  /** Fingerprints of the keys it should have had: none if nothing is known about it. */
  readonly old: ReadonlyArray<string>
  /** The fingerprint of the key it has. */
  readonly new: string
}

export type Decision =
  | { readonly _tag: "Trusted" }
  /** Trusted, and the key is to be remembered for this host and port. */
  | { readonly _tag: "TrustedAndRemember" }
  /** To be shown to the person with the question; after a yes, remember the key. */
  | { readonly _tag: "AskPerson"; readonly fingerprint: string }
  | Refuse

const trusted: Decision = { _tag: "Trusted" }

export const decide = ({ serverKey, webPki, pins, remembered, isInteractive }: Encounter): Decision => {
  const isServers = (key: Uint8Array): boolean => Bytes.equals(key, serverKey)
  const fingerprint = formatKey(serverKey)
  if (pins.length > 0) {
    if (!pins.some(isServers)) {
      return { _tag: "Refuse", code: "Server_pin_mismatch", old: pins.map(formatKey), new: fingerprint }
    }
    // Where an authority vouches, keys may change; where none does, the address is needed only once.
    return remembered === undefined && !webPki ? { _tag: "TrustedAndRemember" } : trusted
  }
  if (remembered !== undefined) {
    if (isServers(remembered)) return trusted
    return { _tag: "Refuse", code: "Server_key_changed", old: [formatKey(remembered)], new: fingerprint }
  }
  if (webPki) return trusted
  if (isInteractive) return { _tag: "AskPerson", fingerprint }
  return { _tag: "Refuse", code: "Server_unknown", old: [], new: fingerprint }
}

/** What to tell about a refusal. Nothing was sent to the server. */
export const explain = (refusal: Refuse, { host, port }: HostPort): Problem => {
  const server = formatHostPort(host, port)
  const say = (message: string, hint: string): Problem => problem(refusal.code, message, hint, exitCodes.authentication)
  switch (refusal.code) {
    case "Server_key_changed":
      return say(
        `The key of ${server} has changed: it was ${refusal.old.join(",")}, and now it is ${refusal.new}. ` +
          "Somebody may be in the middle.",
        `Ask whoever runs it. If the change is theirs, connect to nomitm://${server}#${refusal.new}.`,
      )
    case "Server_pin_mismatch":
      return say(
        `${server} does not have the key that its address names: expected ${refusal.old.join(" or ")}, got ${refusal.new}. ` +
          "Somebody may be in the middle.",
        "Ask whoever gave you the address for the current one.",
      )
    case "Server_unknown":
      return say(
        `Nothing is known about the key of ${server}: ${refusal.new}.`,
        `Compare it with what the server printed when it started; if it is the same, connect to nomitm://${server}#${refusal.new}.`,
      )
  }
}
