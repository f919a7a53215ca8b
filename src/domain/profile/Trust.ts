/**
 * How much is known about who somebody is (PROTOCOL.md, part two; SECURITY.md).
 *
 * ```
 * unknown ─▶ introduced by the server ─▶ invited ─▶ verified
 * ```
 *
 * It belongs to a key, never to a name, and only rises with what happens. Down it goes in two ways, both of them a
 * person's word: `forget`, which drops the key as well, and `/verify no`.
 */
import * as Schema from "effect/Schema"

export const Trust = Schema.Literals(["unknown", "introduced", "invited", "verified"])
export type Trust = typeof Trust.Type

/** Negative if `a` is less than `b`, 0 if they are the same, positive if it is more. */
export const compare = (a: Trust, b: Trust): number => Trust.literals.indexOf(a) - Trust.literals.indexOf(b)

export const isAtLeast = (trust: Trust, least: Trust): boolean => compare(trust, least) >= 0

export const higher = (a: Trust, b: Trust): Trust => (compare(a, b) >= 0 ? a : b)
export const lower = (a: Trust, b: Trust): Trust => (compare(a, b) <= 0 ? a : b)

/**
 * What happened with somebody's key.
 *
 * `Accepted`: a chat was accepted, and the server said whose key it is. `Invited`: a handshake with an invitation's secret
 * came through. `Confirmed`: a person compared the short string or the safety number, and it was the same. `Denied`: it
 * was not.
 */
export type Event = "Accepted" | "Invited" | "Confirmed" | "Denied"

const proves: Record<Exclude<Event, "Denied">, Trust> = {
  Accepted: "introduced",
  Invited: "invited",
  Confirmed: "verified",
}

/** What is known afterwards. Whoever is denied is known no more, however they were known before: somebody was between. */
export const after = (trust: Trust, event: Event): Trust =>
  event === "Denied" ? "unknown" : higher(trust, proves[event])
