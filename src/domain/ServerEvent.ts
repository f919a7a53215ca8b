/**
 * What a server tells whoever runs it: in words, or with `--json` as one object a line.
 */
import * as Schema from "effect/Schema"
import { Port } from "./Endpoint.ts"

const event = <const Name extends string, const Fields extends Schema.Struct.Fields>(name: Name, fields: Fields) =>
  Schema.Struct({ event: Schema.tag(name), ...fields })

export const ServerEvent = Schema.Union([
  /**
   * With TLS `url` is the address to pass on: it names the server's key. `udp` are the ports of lookups, where they are
   * served; at `alternate` too, if there is one.
   */
  event("listening", {
    host: Schema.String,
    port: Port,
    url: Schema.optionalKey(Schema.String),
    udp: Schema.optionalKey(Schema.Tuple([Port, Port])),
    alternate: Schema.optionalKey(Schema.String),
  }),
  /** Over TLS with the fingerprint of the key. */
  event("registered", { name: Schema.String, address: Schema.String, fingerprint: Schema.optionalKey(Schema.String) }),
  event("left", { name: Schema.String }),
  event("call", { from: Schema.String, to: Schema.String }),
  /** Without a port the relay is what they have. */
  event("chat", { from: Schema.String, to: Schema.String, port: Schema.optionalKey(Port) }),
  event("failed", { from: Schema.String, to: Schema.String, code: Schema.String }),
  event("refused", { address: Schema.String, code: Schema.String }),
  event("error", { code: Schema.String, message: Schema.String, hint: Schema.String }),
])
export type ServerEvent = typeof ServerEvent.Type
