/**
 * How a NAT gives out ports, as people and scripts are told (RFC 4787, section 4.1). `domain/reach/NatMapping` is how it
 * is found out.
 */
import * as Schema from "effect/Schema"

export const NatKind = Schema.Literals([
  /** It has not been found out, or not yet. */
  "unknown",
  /** There is none: the address of the machine is the one that others see. */
  "none",
  "endpoint-independent",
  /** Another port for each address that is sent to. */
  "address-dependent",
  /** A new port for each endpoint that is sent to, each the next one. */
  "sequential",
  /** A new port for each endpoint that is sent to, out of one range. */
  "block",
  /** A new port for each endpoint that is sent to, which nobody can predict. */
  "random",
  /** No UDP passes. */
  "blocked",
])
export type NatKind = typeof NatKind.Type
