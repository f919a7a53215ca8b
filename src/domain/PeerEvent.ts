/**
 * What a peer tells its user, one event at a time: the screen shows it in words, `--json` as one object a line.
 */
import * as Schema from "effect/Schema"
import { Ending } from "./Conversation.ts"
import { Port } from "./Endpoint.ts"

const event = <const Name extends string, const Fields extends Schema.Struct.Fields>(name: Name, fields: Fields) =>
  Schema.Struct({ event: Schema.tag(name), ...fields })

export const PeerEvent = Schema.Union([
  /** Direct mode: the UDP port is bound, the other side may start. */
  event("listening", { host: Schema.String, port: Port }),
  event("registered", { name: Schema.String }),
  event("users", { users: Schema.Array(Schema.String) }),
  /** The other side is being called, or CONNECT goes out to it. */
  event("calling", { peer: Schema.String }),
  event("connected", { peer: Schema.String, address: Schema.String }),
  event("message", { from: Schema.String, text: Schema.String }),
  event("closed", { peer: Schema.String, reason: Ending }),
  event("error", { code: Schema.String, message: Schema.String, hint: Schema.String }),
  event("help", { commands: Schema.Array(Schema.Struct({ usage: Schema.String, description: Schema.String })) }),
])
export type PeerEvent = typeof PeerEvent.Type
