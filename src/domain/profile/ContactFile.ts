/**
 * Contacts as text: what `nomitm contacts export` writes and `import` reads, and what is sealed in a profile.
 *
 * ```
 * {"nomitm":"contacts","version":1,"contacts":[{"id":"…","label":"bob","name":"bob","server":"chat.example.org:6969",
 *  "trust":"verified","since":1764000000,"serial":1764000000}]}
 * ```
 */
import * as Schema from "effect/Schema"
import * as Contact from "./Contact.ts"
import { type ContactBook, list, maxContacts } from "./ContactBook.ts"
import * as VersionedJson from "./VersionedJson.ts"

/** The longest text, in bytes: so many contacts, each with the longest names there are. */
export const maxBytes = 8 * 1024 * 1024

/** At most as many as a book has, no id or label twice. */
export const Contacts = Schema.Array(Contact.Contact).check(
  Schema.makeFilter(
    (contacts: ReadonlyArray<Contact.Contact>) =>
      (contacts.length <= maxContacts &&
        new Set(contacts.map(({ id }) => id)).size === contacts.length &&
        new Set(contacts.map(({ label }) => label)).size === contacts.length) ||
      "too many contacts, or one twice",
  ),
)

const Content = Schema.Struct({ contacts: Contacts })

export const { decode, encode } = VersionedJson.make("contacts", Content, maxBytes)

export const ofBook = (book: ContactBook): string => encode({ contacts: list(book) })

/** A book of contacts of which none is there twice. */
export const toBook = (contacts: ReadonlyArray<Contact.Contact>): ContactBook => ({
  byId: new Map(contacts.map((contact) => [contact.id, contact])),
})
