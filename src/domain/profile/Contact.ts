/**
 * Somebody whose key is known: a pinned id, under a label of one's own.
 */
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as PersonId from "../identity/PersonId.ts"
import * as PersonName from "../PersonName.ts"
import * as Username from "../Username.ts"
import { Seconds } from "./Seconds.ts"
import { Trust } from "./Trust.ts"

/** Letters, digits, and what joins them: nothing in a label can pass for a mark of ours (`[verified]`, `*`, `!`). */
const calm = /^[\p{L}\p{N}][\p{L}\p{M}\p{N}._-]*$/u

/** Why a label can't be used, as one sentence, or none if it can. */
export const labelProblem = (label: string): Option.Option<string> => {
  const usual = PersonName.problem(label)
  if (Option.isSome(usual)) return usual
  if (!calm.test(label) || label !== label.normalize("NFKC")) {
    return Option.some(
      "A label has letters, digits, dots, dashes and underscores, and starts with one of the first two.",
    )
  }
  return Trust.literals.some((trust) => trust === label)
    ? Option.some("A label must not be one of the words for trust.")
    : Option.none()
}

/** What a contact is called here: unlike a name at a server, nobody else can change it, and no two have the same. */
export const Label = Schema.String.check(
  Schema.makeFilter((label: string) => Option.getOrUndefined(labelProblem(label)), { identifier: "Label" }),
).pipe(Schema.brand("Username"), Schema.brand("Label"))
export type Label = typeof Label.Type

export const isLabel = (label: string): label is Label => Option.isNone(labelProblem(label))

/** A server as text, `host:port`: where a name means something. Empty if no server was ever involved. */
export const Server = Schema.String.check(
  Schema.makeFilter((text: string) => /^[!-~]{0,262}$/.test(text) || "not HOST:PORT", { identifier: "Server" }),
)

export const Contact = Schema.Struct({
  id: PersonId.PersonId,
  label: Label,
  /** The name used last, at `server`. */
  name: Username.Username,
  server: Server,
  trust: Trust,
  /** When the key was pinned. */
  since: Seconds,
  /** The highest serial of a certificate seen, 0 if none was. */
  serial: Seconds,
})
export type Contact = typeof Contact.Type

/** A label for somebody who says what they are called: what of it may be in one, or `somebody`. */
export const labelOf = (name: string): Label => {
  const rest = PersonName.fold(name.normalize("NFKC"))
    .replaceAll(/[^\p{L}\p{M}\p{N}._-]/gu, "")
    .replace(/^[^\p{L}\p{N}]+/u, "")
  return isLabel(rest) ? rest : ("somebody" as Label)
}
