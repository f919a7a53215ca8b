/**
 * Why there is no direct path, or none at all, as far as it is known when a person is told (PROTOCOL.md, section 16.3).
 */
import type { StuckReason } from "../net/StuckReason.ts"
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
  readonly relay: "never" | "Relay_refused" | "Server_lost" | "Peer_gone" | undefined
}

/** None if all is as it was wanted. What one's own side can do something about comes first. */
export const because = (facts: Facts): StuckReason | undefined => {
  const { isRelayOnly, isReached, isPortless, isTold, isHeard, own, other, relay } = facts
  // Not even by the relay, which is there; or the server says itself that their program has left.
  if (!isReached && (relay === undefined || relay === "Peer_gone")) return "Peer_silent"
  if (isRelayOnly || isPortless) {
    if (isReached) return isRelayOnly ? undefined : "No_port"
    return relay === "Relay_refused" ? "Relay_refused" : "No_relay"
  }
  if (own._tag === "Blocked") return "Udp_blocked"
  if (other._tag === "Blocked") return "Peer_udp_blocked"
  if (NatMapping.isSymmetric(own) && NatMapping.isSymmetric(other)) return "Both_random"
  if (isReached) return "No_answer"
  if (relay === "Relay_refused") return "Relay_refused"
  if (relay !== "never") return "No_relay"
  // Heard, and not any more; or never, and it has told nothing either.
  return isHeard || !isTold ? "Peer_silent" : "No_answer"
}
