/** A time as the protocol and the profile write it: whole seconds since 1970. */
import * as Schema from "effect/Schema"

export const Seconds = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 2 ** 48 }))
export type Seconds = typeof Seconds.Type

/** Of milliseconds, as clocks give them. */
export const ofMillis = (millis: number): Seconds => Math.max(0, Math.floor(millis / 1000))
