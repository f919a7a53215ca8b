/**
 * Why there is no direct path, or none at all (PROTOCOL.md, section 16.3), as a person is told two seconds after the
 * start of a search that has not found one, or up to six while it is still spraying.
 */
import * as Schema from "effect/Schema"

export const StuckReason = Schema.Literals([
  /** No datagram of ours came back from the server: UDP does not pass here. */
  "Udp_blocked",
  "Peer_udp_blocked",
  /** Both NATs choose ports that nobody can predict. */
  "Both_random",
  /** None is looked for: one of the sides has no UDP port for it, or wants the relay alone. */
  "No_port",
  /** There is no direct path, and the server relays nothing. */
  "Relay_refused",
  /** There is no direct path, and the relay is not there any more. */
  "No_relay",
  /** No direct path is looked for, as with `No_port`, and the relay is not wanted here. */
  "Relay_unwanted",
  /** The other side is not heard on any path. */
  "Peer_silent",
  /** All that was tried was left unanswered. */
  "No_answer",
])
export type StuckReason = typeof StuckReason.Type

export interface Explanation {
  /** What happened, and why as far as known. */
  readonly message: string
  /** What to do next. */
  readonly hint: string
}

/** There can't be a path: the two sides allow nothing that both do. */
export const relayUnwanted = {
  why: "you do not want the relay (--relay never), and they want nothing else, or one of you has no UDP port",
  hint: "Start again without --relay never, or ask them to drop --relay always.",
}

const elsewhere = "Another network, or a firewall that lets UDP pass, would make it direct."

/**
 * What to tell a person.
 *
 * @param peer the other side, as it is shown
 */
export const explain = (because: StuckReason, peer: string): Explanation => {
  switch (because) {
    case "Udp_blocked":
      return { message: `No direct path to ${peer}: UDP does not pass where you are.`, hint: elsewhere }
    case "Peer_udp_blocked":
      return { message: `No direct path to ${peer}: UDP does not pass where they are.`, hint: elsewhere }
    case "Both_random":
      return {
        message: `No direct path to ${peer}: the NATs of both of you give out port numbers that can't be guessed.`,
        hint: "One of you on another network, or behind a router that opens ports (PCP, NAT-PMP, UPnP), would make it direct.",
      }
    case "No_port":
      return {
        message: `No direct path to ${peer} is looked for: they may want the relay alone, or one of you has no UDP port for it.`,
        hint: "If they do not want that, close programs that hold many UDP ports, on either side, and call again.",
      }
    case "Relay_refused":
      return {
        message: `No path to ${peer} yet: no direct one was found, and the server relays nothing.`,
        hint: "It is being tried again, and what you type waits. A server that relays, or another network, would help.",
      }
    case "No_relay":
      return {
        message: `No path to ${peer} yet: no direct one was found, and the relay is away.`,
        hint: "It is being tried again, and what you type waits. It goes out when the server or a direct path is back.",
      }
    case "Relay_unwanted":
      return { message: `No path to ${peer}: ${relayUnwanted.why}.`, hint: relayUnwanted.hint }
    case "Peer_silent":
      return {
        message: `${peer} is not heard on any path: they may be offline, or without a network.`,
        hint: "What you type waits, and goes out when they are back. Type /close to give up.",
      }
    case "No_answer":
      return {
        message: `No direct path to ${peer}: nothing that was tried was answered.`,
        hint: "A firewall on either side may drop it. /net shows what was tried.",
      }
  }
}
