/**
 * Why there is no direct path, or none at all, as far as it is known when a person is told (PROTOCOL.md, section 16.3).
 */
import type { StuckReason } from "../net/StuckReason.ts"
import type { Direct, RelayLost } from "../net/Unreached.ts"
import * as NatMapping from "./NatMapping.ts"

/** So long after a search began it is said, in milliseconds … */
export const afterMillis = 2000
/** … or when spraying is over, and at the latest then, in milliseconds. */
export const sprayMillis = 6000
/** The pause before it is looked again whether it is over, in milliseconds. */
export const againMillis = 250

export interface Facts {
  /** Whether a direct path is not even wanted. */
  readonly isRelayOnly: boolean
  /** Whether there is any path. */
  readonly isReached: boolean
  /** Whether one of the sides has no socket for this. */
  readonly isPortless: boolean
  /** Whether the other side has told where it is. */
  readonly isTold: boolean
  /** Whether anything was ever heard from it. */
  readonly isHeard: boolean
  readonly own: NatMapping.NatMapping
  readonly other: NatMapping.NatMapping
  /** Why there is no relay. */
  readonly relay: "never" | RelayLost | undefined
}

/** What is in the way of a direct path, whether there is another or not. */
export const direct = ({ isPortless, own, other }: Pick<Facts, "isPortless" | "own" | "other">): Direct => {
  if (isPortless) return "No_port"
  if (own._tag === "Blocked") return "Udp_blocked"
  if (other._tag === "Blocked") return "Peer_udp_blocked"
  return NatMapping.isSymmetric(own) && NatMapping.isSymmetric(other) ? "Both_random" : "No_answer"
}

/** None if all is as it was wanted. What one's own side can do something about comes first. */
export const because = (facts: Facts): StuckReason | undefined => {
  const { isRelayOnly, isReached, isPortless, isTold, isHeard, relay } = facts
  // Not even by the relay, which is there; or the server says itself that their program has left.
  if (!isReached && (relay === undefined || relay === "Peer_gone")) return "Peer_silent"
  if (isRelayOnly || isPortless) {
    if (isReached) return isRelayOnly ? undefined : "No_port"
    if (relay === "never") return "Relay_unwanted"
    return relay === "Relay_refused" ? "Relay_refused" : "No_relay"
  }
  const known = direct(facts)
  if (known !== "No_answer" || isReached) return known
  if (relay === "Relay_refused") return "Relay_refused"
  if (relay !== "never") return "No_relay"
  // Heard, and not any more; or never, and it has told nothing either.
  return isHeard || !isTold ? "Peer_silent" : "No_answer"
}
