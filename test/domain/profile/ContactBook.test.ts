import { assert, describe, it } from "@effect/vitest"
import * as Arbitrary from "effect/Arbitrary"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as Contact from "../../../src/domain/profile/Contact.ts"
import * as ContactBook from "../../../src/domain/profile/ContactBook.ts"
import { skeleton } from "../../../src/domain/profile/Lookalike.ts"
import * as Trust from "../../../src/domain/profile/Trust.ts"
import type { Username } from "../../../src/domain/Username.ts"
import type { PersonId } from "../../../src/domain/identity/PersonId.ts"
import * as All from "../arbitraries.ts"
import * as People from "./arbitraries.ts"

const { person } = People
const home = "chat.example:6969"

const contact = (who: string, fields: Partial<Contact.Contact> = {}): Contact.Contact => ({
  id: person(who),
  label: who as Contact.Label,
  name: who as Username,
  server: home,
  trust: "introduced",
  since: 1000,
  serial: 1000,
  ...fields,
})

const bookOf = (...contacts: ReadonlyArray<Contact.Contact>): ContactBook.ContactBook =>
  contacts.reduce((book, contact) => Result.getOrThrow(ContactBook.add(book, contact)), ContactBook.empty)

const refused = <A>(result: Result.Result<A, ContactBook.Refusal>) => Result.getOrThrow(Result.flip(result))
const of = (book: ContactBook.ContactBook, id: PersonId) => Option.getOrThrow(ContactBook.get(book, id))

const met = (book: ContactBook.ContactBook, who: string, fields: Partial<ContactBook.Sighting> = {}) =>
  Result.getOrThrow(
    ContactBook.met(book, {
      id: person(who),
      name: who as Username,
      server: home,
      serial: 2000,
      event: "Accepted",
      now: 3000,
      ...fields,
    }),
  )

describe("the book of contacts", () => {
  it("finds a contact by label, however it is typed, and by id", () => {
    const book = bookOf(contact("zoë"), contact("bob"))
    for (const typed of ["zoë", "Zoë", "ZOE\u0308", person("zoë")]) {
      assert.deepEqual(ContactBook.find(book, typed), Option.some(contact("zoë")))
    }
    assert.isTrue(Option.isNone(ContactBook.find(book, "zoe")))
    assert.deepEqual(
      ContactBook.list(book).map(({ label }) => label),
      ["bob", "zoë"],
    )
  })

  it("has each key and each label once", () => {
    const book = bookOf(contact("bob"))
    assert.deepEqual(refused(ContactBook.add(book, contact("bob"))), { _tag: "AlreadyKnown", about: "bob" })
    const other = contact("mallory", { label: "bob" as Contact.Label })
    assert.deepEqual(refused(ContactBook.add(book, other)), { _tag: "LabelTaken", about: "bob" })
    const two = bookOf(contact("bob"), contact("carol"))
    assert.strictEqual(refused(ContactBook.rename(two, person("carol"), "bob" as Contact.Label))._tag, "LabelTaken")
    const renamed = Result.getOrThrow(ContactBook.rename(two, person("carol"), "caro" as Contact.Label))
    assert.strictEqual(of(renamed, person("carol")).label, "caro")
  })

  it("takes 10,000 and no more, by whatever way", () => {
    const full: ContactBook.ContactBook = {
      byId: new Map(
        Array.from({ length: ContactBook.maxContacts }, (_, n) => [
          `id ${n}` as PersonId,
          contact(`c${n}`, { id: `id ${n}` as PersonId }),
        ]),
      ),
    }
    assert.strictEqual(refused(ContactBook.add(full, contact("bob")))._tag, "Full")
    const stranger = {
      id: person("bob"),
      name: "bob" as Username,
      server: home,
      serial: 1,
      event: "Invited",
      now: 1,
    } as const
    assert.strictEqual(refused(ContactBook.met(full, stranger))._tag, "Full")
    const merged = ContactBook.merge(full, [contact("bob")], true)
    assert.deepEqual([merged.refused, ContactBook.size(merged.book)], [["bob"], ContactBook.maxContacts])
    // Who is there can still be met.
    assert.isTrue(Result.isSuccess(ContactBook.met(full, { ...stranger, id: "id 7" as PersonId })))
  })

  it("knows a contact by the key, whatever name it comes under", () => {
    const book = bookOf(contact("bob"), contact("carol"))
    assert.deepStrictEqual(ContactBook.get(book, person("bob")), Option.some(contact("bob")))
    assert.deepStrictEqual(ContactBook.get(book, person("eve")), Option.none())
  })

  it("says whose a name is, so that another key under it is noticed", () => {
    const book = bookOf(contact("bob", { trust: "verified" }))
    assert.deepEqual(ContactBook.named(book, home, "bob"), Option.some(contact("bob", { trust: "verified" })))
    // Elsewhere the same name may be another person's; without a server a name says nothing.
    for (const server of ["other.example:6969", ""]) {
      assert.deepEqual(ContactBook.named(book, server, "bob"), Option.none())
    }
  })

  it("forgets a key, and then the name is a stranger's", () => {
    const book = Result.getOrThrow(ContactBook.forget(bookOf(contact("bob")), person("bob")))
    assert.deepEqual(ContactBook.named(book, home, "bob"), Option.none())
    assert.strictEqual(refused(ContactBook.forget(book, person("bob")))._tag, "NoSuchContact")
  })

  it("takes in who was met, and keeps what is newer", () => {
    const [book, bob] = met(ContactBook.empty, "bob")
    assert.deepEqual(bob, contact("bob", { since: 3000, serial: 2000 }))
    const [again, same] = met(book, "bob", { name: "robert" as Username, serial: 1500, event: "Invited", now: 4000 })
    assert.deepEqual(same, contact("bob", { name: "robert" as Username, since: 3000, serial: 2000, trust: "invited" }))
    const [without, denied] = met(again, "bob", { event: "Denied" })
    assert.strictEqual(denied.trust, "unknown")
    // Another chat is no reason to believe again; another comparison is.
    assert.strictEqual(met(without, "bob", { event: "Accepted" })[1].trust, "unknown")
    assert.strictEqual(met(without, "bob", { event: "Confirmed" })[1].trust, "verified")
  })

  it.each([
    ["bob", "bob-2"],
    ["b0b", "b0b-2"],
    ["bоb", "somebody"],
    ["ьоь", "ьоь-2"],
    ["BOB", "bob-2"],
    ["bob[verified]", "bobverified"],
    ["✓bob", "bob-2"],
    ["[verified]", "somebody"],
    ["*", "somebody"],
    ["\u0301", "somebody"],
  ])("a stranger whose name looks like a contact's gets a label that does not: %s is %s", (name, label) => {
    const [, stranger] = met(bookOf(contact("bob")), "mallory", { name: name as Username })
    assert.strictEqual(stranger.label, label)
  })

  it("keeps the name that a contact has at a server when they are met without one", () => {
    const [book, bob] = met(ContactBook.empty, "bob")
    const [, same] = met(book, "bob", { name: "robert" as Username, server: "", event: "Confirmed" })
    assert.deepStrictEqual([same.name, same.server, same.trust], ["bob", bob.server, "verified"])
    const [, stranger] = met(ContactBook.empty, "bob", { server: "" })
    assert.deepStrictEqual([stranger.name, stranger.server], ["bob", ""])
  })

  it("says whom a name could be mistaken for", () => {
    const book = bookOf(contact("alex"))
    assert.deepEqual(ContactBook.lookalike(book, "аӏех", person("mallory")), Option.some(contact("alex")))
    assert.isTrue(Option.isNone(ContactBook.lookalike(book, "alex", person("alex"))))
    assert.isTrue(Option.isNone(ContactBook.lookalike(book, "alexa", person("mallory"))))
  })

  const sighting: Arbitrary.Arbitrary<ContactBook.Sighting> = All.mapAll(
    [
      People.id,
      People.name,
      People.server,
      People.seconds,
      All.pick("Accepted", "Invited", "Confirmed"),
      People.seconds,
    ],
    ([id, name, server, serial, event, now]) => ({ id, name, server, serial, event, now }),
  )

  it.prop(
    "never gives a contact another key, an older serial, less trust, or a label that looks like another one",
    [Arbitrary.array(sighting, { maxLength: 30 })],
    ([sightings]) => {
      let book = ContactBook.empty
      for (const sighting of sightings) {
        const before = book
        ;[book] = Result.getOrThrow(ContactBook.met(book, sighting))
        for (const old of ContactBook.list(before)) {
          const now = of(book, old.id)
          assert.deepEqual([now.id, now.label, now.since], [old.id, old.label, old.since])
          assert.isTrue(now.serial >= old.serial && Trust.isAtLeast(now.trust, old.trust))
        }
      }
      const labels = ContactBook.list(book).map(({ label }) => label)
      assert.isTrue(labels.every(Contact.isLabel))
      assert.strictEqual(new Set(labels.map(skeleton)).size, labels.length)
    },
    { arbitrary: { runs: 300, size: 60 } },
  )

  const import_ = Arbitrary.array(People.contact, { maxLength: 20 })
  it.prop(
    "an import changes no key, no label and lowers nothing; of a stranger's file it believes an introduction at most",
    [import_, import_, All.pick(true, false)],
    ([mine, theirs, trusted]) => {
      const { book: before } = ContactBook.merge(ContactBook.empty, mine, true)
      const { book, added, kept, refused } = ContactBook.merge(before, theirs, trusted)
      assert.strictEqual(added.length + kept.length + refused.length, theirs.length)
      assert.strictEqual(ContactBook.size(book), ContactBook.size(before) + added.length)
      for (const old of ContactBook.list(before)) {
        const now = of(book, old.id)
        if (trusted) assert.isTrue(now.serial >= old.serial && Trust.isAtLeast(now.trust, old.trust))
        else assert.deepEqual(now, old)
        assert.strictEqual(now.label, old.label)
      }
      const contacts = ContactBook.list(book)
      assert.strictEqual(new Set(contacts.map(({ label }) => label)).size, contacts.length)
      for (const { id, trust, serial } of contacts) {
        if (trusted || before.byId.has(id)) continue
        assert.isTrue(Trust.isAtLeast("introduced", trust))
        assert.strictEqual(serial, 0)
      }
    },
    { arbitrary: { runs: 300, size: 60 } },
  )
})
