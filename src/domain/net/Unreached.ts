/**
 * Why a chat never began: each side chooses for itself whether the relay may carry it, and all that the other learns of
 * that is what does not come.
 */
import { type Explanation, relayUnwanted, type StuckReason } from "./StuckReason.ts"

/** What was in the way of a direct path. */
export type Direct = Extract<StuckReason, "Udp_blocked" | "Peer_udp_blocked" | "Both_random" | "No_port" | "No_answer">

/** Why there is no relay any more. `Call_ended`: the other side has ended the call, and with it the relay for it. */
export type RelayLost = "Relay_refused" | "Server_lost" | "Peer_gone" | "Call_ended"

/** @param code with which the call has ended, or that the connection is gone */
export const relayLost = (code: string): RelayLost => {
  if (code === "Peer_gone") return code
  return code === "Failed" ? "Call_ended" : "Server_lost"
}

/** What one side knows when it gives up. */
export interface Unreached {
  readonly because: StuckReason
  readonly direct: Direct
  /** Whether the own side lets the relay carry a chat. */
  readonly relay: "auto" | "never" | "always"
  /** Why there was none at the end. */
  readonly relayLost: RelayLost | undefined
}

const direct: Record<Direct, string> = {
  Udp_blocked: "UDP does not pass where you are",
  Peer_udp_blocked: "UDP does not pass where they are",
  Both_random: "the NATs of both of you give out port numbers that can't be guessed",
  No_port: "no direct path was looked for",
  No_answer: "no direct path was found",
}

/**
 * What to tell a person.
 *
 * @param peer the other side, as it is shown
 */
export const explain = (unreached: Unreached, peer: string): Explanation => {
  const { why, hint } = words(unreached)
  return { message: `${peer} could not be reached: ${why}.`, hint }
}

const words = (unreached: Unreached): { readonly why: string; readonly hint: string } => {
  const { relay, relayLost } = unreached
  const noDirect = direct[unreached.direct]
  if (relay === "never") {
    return unreached.direct === "No_port"
      ? relayUnwanted
      : {
          why: `${noDirect}, and you do not want the relay (--relay never)`,
          hint: "Start again without --relay never, or on another network.",
        }
  }
  const isAlone = relay === "always"
  const elsewise = isAlone ? "Start again without --relay always" : "Try another network"
  switch (relayLost) {
    case "Peer_gone":
      return { why: "their program has left the server", hint: "Call again when they are back." }
    case "Server_lost":
      return {
        why: isAlone ? "the server is out of reach" : `${noDirect}, and the server is out of reach`,
        hint: "Call again when you are online.",
      }
    case "Relay_refused":
      return {
        why: isAlone
          ? "the server relays nothing, and you want nothing but the relay (--relay always)"
          : `${noDirect}, and the server relays nothing`,
        hint: `${elsewise}, or a server that relays.`,
      }
    // They have given up a moment before.
    case "Call_ended":
    case undefined:
      return {
        why: isAlone
          ? "nothing came by the relay, and you want nothing else (--relay always)"
          : `${noDirect}, and nothing came by the relay`,
        hint: `They may not want the relay: ask them to drop --relay never. ${elsewise}, or call again later.`,
      }
  }
}
