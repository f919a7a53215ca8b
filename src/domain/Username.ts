/**
 * The name a person is known by at a rendezvous server (PROTOCOL.md, section 2).
 *
 * 1 to 32 characters (Unicode code points); no blanks, control or invisible characters; and none of the words that the
 * older client takes for a command wherever they stand in a line.
 */
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"

export const maxLength = 32

/** Words the older client looks for anywhere in a line: a name that contains one would break it. */
const wordsOfTheOlderClient = ["PORT", "STARTCHAT", "STARTUSERS"]

/**
 * White space; everything Unicode calls other: control, format (bidi overrides, zero width), surrogate, private,
 * unassigned; what is drawn as nothing though it is a letter or a mark (Hangul fillers, variation selectors), and the
 * Braille pattern without dots: a name must not look like another that differs by one of them. And U+FFFD: bytes that
 * are no UTF-8 are read as that, so that many names would become one.
 */
const blankOrInvisible = /[\p{C}\p{Z}\p{Default_Ignorable_Code_Point}\u2800\ufffd]/u

/**
 * Why a name can't be used, as one sentence, or none if it can.
 */
export const problem = (name: string): Option.Option<string> => {
  if (name.length === 0) return Option.some("A name must not be empty.")
  // A code point is at most two UTF-16 units: the cheap test spares a hostile megabyte its count.
  if (name.length > maxLength && (name.length > 2 * maxLength || [...name].length > maxLength)) {
    return Option.some(`A name has at most ${maxLength} characters.`)
  }
  if (blankOrInvisible.test(name)) {
    return Option.some("A name must not contain blanks, control characters or invisible characters.")
  }
  if (/^\p{M}|\p{M}{4}/u.test(name))
    return Option.some("A name must not begin with an accent, or pile up four of them.")
  const word = wordsOfTheOlderClient.find((word) => name.includes(word))
  if (word !== undefined) return Option.some(`A name must not contain ${word}: older clients take it for a command.`)
  if (name === "ENDUSERS") return Option.some("A name must not be ENDUSERS: it ends the list of users.")
  return Option.none()
}

export const Username = Schema.String.check(
  Schema.makeFilter((name: string) => Option.getOrUndefined(problem(name)), { identifier: "Username" }),
).pipe(Schema.brand("Username"))
export type Username = typeof Username.Type

export const isUsername = (name: string): name is Username => Option.isNone(problem(name))

/** The name, if it may be used. */
export const parse = (name: string): Option.Option<Username> => (isUsername(name) ? Option.some(name) : Option.none())
