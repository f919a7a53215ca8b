/**
 * What a peer tells its user, one event at a time: the screen shows it in words, `--json` as one object a line.
 */
import * as Schema from "effect/Schema"
import { Ending } from "./Conversation.ts"
import { Port } from "./Endpoint.ts"
import { Trust } from "./profile/Trust.ts"

const event = <const Name extends string, const Fields extends Schema.Struct.Fields>(name: Name, fields: Fields) =>
  Schema.Struct({ event: Schema.tag(name), ...fields })

/** How much is known about who the other side is; not there in plaintext, where nothing is. */
const trusted = { trust: Schema.optionalKey(Trust) }
const proven = { ...trusted, fingerprint: Schema.optionalKey(Schema.String) }

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
  /** Somebody calls, and waits for a yes. */
  event("incoming", { peer: Schema.String, trust: Trust, fingerprint: Schema.String }),
  event("connected", { peer: Schema.String, address: Schema.String, ...proven }),
  event("message", { from: Schema.String, text: Schema.String, ...trusted }),
  event("closed", { peer: Schema.String, reason: Ending, ...trusted }),
  /** The short authentication string: both people see the same, or somebody is in the middle. */
  event("sas", { peer: Schema.String, words: Schema.Array(Schema.String), digits: Schema.String }),
  event("safety", { peer: Schema.String, number: Schema.String }),
  event("trust", { peer: Schema.String, trust: Trust }),
  event("invitation", { link: Schema.String }),
  event("error", { code: Schema.String, message: Schema.String, hint: Schema.String }),
  event("help", { commands: Schema.Array(Schema.Struct({ usage: Schema.String, description: Schema.String })) }),
])
export type PeerEvent = typeof PeerEvent.Type
