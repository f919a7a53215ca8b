/**
 * By which path a chat goes, as people and scripts are told (PROTOCOL.md, section 16.3).
 */
import * as Schema from "effect/Schema"

/**
 * `lan`: within one network. `direct`: from one NAT, or machine, to the other. `mapped`: by a port that a router was
 * asked to open. `relay`: through the server, which can't read it. `none`: out of reach; what is typed waits.
 */
export const PathKind = Schema.Literals(["lan", "direct", "mapped", "relay", "none"])
export type PathKind = typeof PathKind.Type
