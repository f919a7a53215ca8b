/**
 * What a peer tells its user, one event at a time: the screen shows it in words, `--json` as one object a line.
 */
import * as Schema from "effect/Schema"
import { Ending } from "./Conversation.ts"
import { Port } from "./Endpoint.ts"
import { NatKind } from "./net/NatKind.ts"
import { PathKind } from "./net/PathKind.ts"
import { Trust } from "./profile/Trust.ts"
import { StuckReason } from "./net/StuckReason.ts"

const event = <const Name extends string, const Fields extends Schema.Struct.Fields>(name: Name, fields: Fields) =>
  Schema.Struct({ event: Schema.tag(name), ...fields })

/** How much is known about who the other side is; not there in plaintext, where nothing is. */
const trusted = { trust: Schema.optionalKey(Trust) }
const proven = { ...trusted, fingerprint: Schema.optionalKey(Schema.String) }

/** The number of an own text in this chat, from 1, in the order of typing. */
const ownText = { peer: Schema.String, id: Schema.Int }

/** Milliseconds there and back; not there before it has been measured. */
const rtt = { rtt_ms: Schema.optionalKey(Schema.Finite) }

/** Where a side may be reached: what kind of candidate, and its address with the port. */
const Candidate = Schema.Struct({
  kind: Schema.Literals(["host", "reflexive", "mapped", "predicted"]),
  address: Schema.String,
})

export const PeerEvent = Schema.Union([
  /** Direct mode: the UDP port is bound, the other side may start. */
  event("listening", { host: Schema.String, port: Port }),
  event("registered", { name: Schema.String }),
  event("users", {
    users: Schema.Array(Schema.String),
    /** The same people in the same order, with what is known of their keys; not there in plaintext. */
    people: Schema.optionalKey(
      Schema.Array(Schema.Struct({ name: Schema.String, fingerprint: Schema.String, trust: Trust })),
    ),
  }),
  /** The other side is being called, or CONNECT goes out to it. */
  event("calling", { peer: Schema.String, ...trusted }),
  /** Somebody calls, and waits for a yes. `beside`: with whom there is a chat, to be closed before the call can be taken. */
  event("incoming", {
    peer: Schema.String,
    trust: Trust,
    fingerprint: Schema.String,
    beside: Schema.optionalKey(Schema.String),
  }),
  /** `kind` is not there in plaintext, where there is one path; `address` not on the relay. */
  event("connected", {
    peer: Schema.String,
    address: Schema.optionalKey(Schema.String),
    kind: Schema.optionalKey(PathKind),
    ...proven,
  }),
  /** What is sent goes by this path from now on, or has another round trip time; `address` is empty where there is none. */
  event("path", { peer: Schema.String, kind: PathKind, address: Schema.String, ...rtt }),
  /** Why the path is not direct yet, or why there is none; `hint` is what to do about it. */
  event("stuck", { peer: Schema.String, because: StuckReason, message: Schema.String, hint: Schema.String }),
  /** An own text has been taken: it goes out at once, or when there is a path again. */
  event("sent", ownText),
  /** The other side has it. */
  event("delivered", ownText),
  /** It will not be sent any more, and may or may not have arrived: how the chat ended; and the text, to type it again. */
  event("failed", { ...ownText, reason: Ending, text: Schema.String }),
  event("message", { from: Schema.String, text: Schema.String, ...trusted }),
  /**
   * Of one that was `unreachable` through a server also why, as far as known here, and what to do about it; so there is
   * where the other side is there and does not know the chat any more.
   */
  event("closed", {
    peer: Schema.String,
    reason: Ending,
    ...trusted,
    because: Schema.optionalKey(StuckReason),
    message: Schema.optionalKey(Schema.String),
    hint: Schema.optionalKey(Schema.String),
  }),
  /** The short authentication string: both people see the same, or somebody is in the middle. */
  event("sas", { peer: Schema.String, words: Schema.Array(Schema.String), digits: Schema.String }),
  event("safety", { peer: Schema.String, number: Schema.String }),
  event("trust", { peer: Schema.String, trust: Trust }),
  /** What is known of the ways to the other side, of all searches since the chat began, or went on by another call. */
  event("net", {
    peer: Schema.String,
    nat: NatKind,
    peer_nat: NatKind,
    candidates: Schema.Array(Candidate),
    peer_candidates: Schema.Array(Candidate),
    /** How many searches there were, which pairs of a socket here and an endpoint there were tried in them, and with how
     * many datagrams. */
    searches: Schema.Int,
    pairs: Schema.Int,
    packets: Schema.Int,
    /** Those that were proven to work, best first; `alive` as far as known. */
    paths: Schema.Array(Schema.Struct({ kind: PathKind, address: Schema.String, alive: Schema.Boolean, ...rtt })),
    /** The one in use, and why that one. */
    kind: PathKind,
    address: Schema.String,
    ...rtt,
    why: Schema.String,
  }),
  /** What the network here is like, as far as the server and the router can tell. */
  event("netcheck", {
    server: Schema.String,
    /** Whether a datagram came back from the server; not known where it answers none. */
    udp: Schema.Literals(["passes", "blocked", "unknown"]),
    nat: NatKind,
    /** The address that the server sees, with the port of a socket if that is the same for all; empty if it does not say. */
    address: Schema.String,
    /** Of a kind `block`: the range. */
    ports: Schema.optionalKey(Schema.Struct({ low: Schema.Int, high: Schema.Int })),
    /** Whether the NAT kept the port numbers of all sockets that were tried. */
    keeps_ports: Schema.Boolean,
    /** How many of the server's lookup ports answered, out of how many: there are two at each of its addresses. */
    answered: Schema.Int,
    asked: Schema.Int,
    ...rtt,
    /** A global IPv6 address of this machine; empty without one. */
    ipv6: Schema.String,
    /** The port that the router opened for a moment, with the outer address it says to have; empty if it opens none. */
    port_mapping: Schema.String,
    /** What that means for calling others. */
    advice: Schema.Array(Schema.String),
  }),
  event("error", { code: Schema.String, message: Schema.String, hint: Schema.String }),
  event("help", { commands: Schema.Array(Schema.Struct({ usage: Schema.String, description: Schema.String })) }),
])
export type PeerEvent = typeof PeerEvent.Type
