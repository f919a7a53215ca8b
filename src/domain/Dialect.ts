/**
 * The two dialects of the seed protocol `nomitm/0` (PROTOCOL.md, section 1).
 *
 * - `readme`: as the one-page protocol description says.
 * - `original`: as the older program really behaves; for talking to it unmodified.
 */
import * as Schema from "effect/Schema"

export const Dialect = Schema.Literals(["readme", "original"])
export type Dialect = typeof Dialect.Type
