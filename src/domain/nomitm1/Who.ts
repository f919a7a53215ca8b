/**
 * Whom a line is about: a name, or an id. A name has at most 32 characters and an id 43, so that one word says which.
 */
import * as Schema from "effect/Schema"
import * as PersonId from "../identity/PersonId.ts"
import * as PersonName from "../PersonName.ts"

export const Who = Schema.TaggedUnion({
  Name: { name: PersonName.PersonName },
  Id: { id: PersonId.PersonId },
})
export type Who = typeof Who.Type

export const byName = (name: PersonName.PersonName): Who => ({ _tag: "Name", name })
export const byId = (id: PersonId.PersonId): Who => ({ _tag: "Id", id })

/** The word. */
export const encode = (who: Who): string => (who._tag === "Name" ? who.name : who.id)

/** Who a word means; nobody if it is neither a name nor an id. */
export const decode = (word: string): Who | undefined => {
  if (PersonId.isPersonId(word)) return byId(word)
  return PersonName.isPersonName(word) ? byName(word) : undefined
}
