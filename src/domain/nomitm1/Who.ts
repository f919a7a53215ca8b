/**
 * Whom a line is about: a name, or an id. A name has at most 32 characters and an id 43, so that one word says which.
 */
import * as Schema from "effect/Schema"
import * as PersonName from "../PersonName.ts"
import * as Base64Field from "./Base64Field.ts"

export const Who = Schema.TaggedUnion({
  Name: { name: PersonName.PersonName },
  /** An Ed25519 public key, 32 bytes. */
  Id: { id: Base64Field.exactly(Base64Field.idBytes) },
})
export type Who = typeof Who.Type

export const byName = (name: PersonName.PersonName): Who => ({ _tag: "Name", name })
export const byId = (id: Uint8Array): Who => ({ _tag: "Id", id })

/** The word. */
export const encode = (who: Who): string => (who._tag === "Name" ? who.name : Base64Field.encode(who.id))

/** Who a word means; nobody if it is neither a name nor an id. */
export const decode = (word: string): Who | undefined => {
  const id = Base64Field.decode(word, Base64Field.idBytes)
  if (id !== undefined) return byId(id)
  return PersonName.isPersonName(word) ? byName(word) : undefined
}
