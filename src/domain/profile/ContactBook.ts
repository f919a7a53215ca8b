/**
 * The people whose keys are known. A contact is a key: names and labels can change, the key of a contact never does.
 * Who comes under a contact's name with another key is not that contact, and is refused until the old key is forgotten.
 */
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import type { PersonId } from "../identity/PersonId.ts"
import * as PersonName from "../PersonName.ts"
import type { Username } from "../Username.ts"
import * as Contact from "./Contact.ts"
import { skeleton } from "./Lookalike.ts"
import * as Trust from "./Trust.ts"

/** How many contacts a book may have. */
export const maxContacts = 10_000

export interface ContactBook {
  readonly byId: ReadonlyMap<PersonId, Contact.Contact>
}

/** Why a book stays as it was. `about` is the label of the contact that is in the way. */
export interface Refusal {
  readonly _tag: "Full" | "NoSuchContact" | "LabelTaken" | "AlreadyKnown"
  readonly about: string
}

const refuse = (_tag: Refusal["_tag"], about: string): Result.Result<never, Refusal> => Result.fail({ _tag, about })

export const empty: ContactBook = { byId: new Map() }

export const size = (book: ContactBook): number => book.byId.size

/** In the order of their labels. */
export const list = (book: ContactBook): ReadonlyArray<Contact.Contact> =>
  [...book.byId.values()].toSorted((a, b) => (a.label < b.label ? -1 : a.label > b.label ? 1 : 0))

export const get = (book: ContactBook, id: PersonId): Option.Option<Contact.Contact> =>
  Option.fromUndefinedOr(book.byId.get(id))

const first = (book: ContactBook, is: (contact: Contact.Contact) => boolean): Option.Option<Contact.Contact> => {
  for (const contact of book.byId.values()) if (is(contact)) return Option.some(contact)
  return Option.none()
}

/** By what a person types: a label, or an id. */
export const find = (book: ContactBook, typed: string): Option.Option<Contact.Contact> => {
  const byId = book.byId.get(typed as PersonId)
  if (byId !== undefined) return Option.some(byId)
  const label = PersonName.fold(typed)
  return first(book, (contact) => contact.label === label)
}

/** Whose name this is at a server; nobody's where there is no server. */
export const named = (book: ContactBook, server: string, name: string): Option.Option<Contact.Contact> =>
  server === "" ? Option.none() : first(book, (contact) => contact.name === name && contact.server === server)

/** A contact that this name could be mistaken for, but for the one of this id. */
export const lookalike = (book: ContactBook, name: string, id: PersonId): Option.Option<Contact.Contact> => {
  const bones = skeleton(name)
  return first(book, (contact) => contact.id !== id && skeleton(contact.label) === bones)
}

const put = (book: ContactBook, contact: Contact.Contact): ContactBook => ({
  byId: new Map(book.byId).set(contact.id, contact),
})

const holderOf = (book: ContactBook, label: Contact.Label, id: PersonId): Option.Option<Contact.Contact> =>
  first(book, (contact) => contact.label === label && contact.id !== id)

/** Takes somebody in whom a person knows. */
export const add = (book: ContactBook, contact: Contact.Contact): Result.Result<ContactBook, Refusal> => {
  const known = book.byId.get(contact.id)
  if (known !== undefined) return refuse("AlreadyKnown", known.label)
  if (Option.isSome(holderOf(book, contact.label, contact.id))) return refuse("LabelTaken", contact.label)
  if (size(book) >= maxContacts) return refuse("Full", contact.label)
  return Result.succeed(put(book, contact))
}

/** Gives a contact another label. */
export const rename = (book: ContactBook, id: PersonId, label: Contact.Label): Result.Result<ContactBook, Refusal> => {
  const contact = book.byId.get(id)
  if (contact === undefined) return refuse("NoSuchContact", id)
  if (Option.isSome(holderOf(book, label, id))) return refuse("LabelTaken", label)
  return Result.succeed(put(book, { ...contact, label }))
}

/** Drops a contact, its key and what is known about it: whoever comes next under that name is a stranger. */
export const forget = (book: ContactBook, id: PersonId): Result.Result<ContactBook, Refusal> => {
  if (!book.byId.has(id)) return refuse("NoSuchContact", id)
  const byId = new Map(book.byId)
  byId.delete(id)
  return Result.succeed({ byId })
}

/**
 * A label for somebody new: the name, with a number behind it if another contact has it, or one that looks like it.
 */
const freeLabel = (book: ContactBook, name: string): Contact.Label => {
  const taken = new Set(Array.from(book.byId.values(), ({ label }) => skeleton(label)))
  const plain = Contact.labelOf(name)
  if (!taken.has(skeleton(plain))) return plain
  // Shortened, so that a number fits behind it; with as many labels as contacts, one is free.
  const short = Array.from(plain)
    .slice(0, 26)
    .join("")
    .replace(/\p{M}+$/u, "")
  const stem = Contact.isLabel(`${short}-2`) ? short : "somebody"
  for (let n = 2; ; n++) {
    const label = `${stem}-${n}`
    if (!taken.has(skeleton(label))) return label as Contact.Label
  }
}

/** What was seen of somebody in a handshake that came through. */
export interface Sighting {
  readonly id: PersonId
  readonly name: Username
  readonly server: string
  /** Of the certificate. */
  readonly serial: number
  readonly event: Trust.Event
  /** Seconds since 1970. */
  readonly now: number
}

/**
 * Somebody was met: a stranger becomes a contact, of a contact is kept what is new. The label stays, whatever they are
 * called now, and a serial never goes back. Without a server a name means nothing: the one known from a server stays, so
 * that nobody else can have it there unnoticed.
 */
export const met = (
  book: ContactBook,
  { id, name, server, serial, event, now }: Sighting,
): Result.Result<readonly [ContactBook, Contact.Contact], Refusal> => {
  const known = book.byId.get(id)
  if (known === undefined && size(book) >= maxContacts) return refuse("Full", name)
  const isElsewhere = known !== undefined && server === ""
  const contact: Contact.Contact = {
    id,
    label: known?.label ?? freeLabel(book, name),
    name: isElsewhere ? known.name : name,
    server: isElsewhere ? known.server : server,
    // Who was denied stays so until that is taken back by more than another chat.
    trust:
      known?.trust === "unknown" && event === "Accepted" ? "unknown" : Trust.after(known?.trust ?? "unknown", event),
    since: known?.since ?? now,
    serial: Math.max(serial, known?.serial ?? 0),
  }
  return Result.succeed([put(book, contact), contact])
}

/** What came of an import, by label. */
export interface Merged {
  readonly book: ContactBook
  readonly added: ReadonlyArray<string>
  /** Known already. */
  readonly kept: ReadonlyArray<string>
  /** Not taken: another contact has the label, or the name at the server, or there is no room. */
  readonly refused: ReadonlyArray<string>
}

/**
 * Takes in the contacts of a file. No contact at hand gets another key, label or less trust by it.
 *
 * @param trusted the file is the person's own: trust and serials count as they stand. Otherwise whoever is new counts as
 *   introduced at most, for whoever wrote the file introduced them.
 */
export const merge = (book: ContactBook, contacts: ReadonlyArray<Contact.Contact>, trusted: boolean): Merged => {
  const byId = new Map(book.byId)
  const labels = new Set(Array.from(byId.values(), ({ label }) => label))
  const names = new Set(Array.from(byId.values(), nameAt).filter((name) => name !== ""))
  const added: Array<string> = []
  const kept: Array<string> = []
  const refused: Array<string> = []
  for (const contact of contacts) {
    const known = byId.get(contact.id)
    if (known !== undefined) {
      kept.push(known.label)
      if (trusted) {
        const trust = Trust.higher(known.trust, contact.trust)
        byId.set(contact.id, { ...known, trust, serial: Math.max(known.serial, contact.serial) })
      }
    } else if (labels.has(contact.label) || names.has(nameAt(contact)) || byId.size >= maxContacts) {
      refused.push(contact.label)
    } else {
      added.push(contact.label)
      labels.add(contact.label)
      if (contact.server !== "") names.add(nameAt(contact))
      byId.set(
        contact.id,
        trusted ? contact : { ...contact, trust: Trust.lower(contact.trust, "introduced"), serial: 0 },
      )
    }
  }
  return { book: { byId }, added, kept, refused }
}

const nameAt = ({ name, server }: Contact.Contact): string => (server === "" ? "" : `${server} ${name}`)
