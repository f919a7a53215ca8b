import { assert, describe, it } from "@effect/vitest"
import * as Arbitrary from "effect/Arbitrary"
import * as Result from "effect/Result"
import type { Contact } from "../../../src/domain/profile/Contact.ts"
import * as ContactBook from "../../../src/domain/profile/ContactBook.ts"
import * as ContactFile from "../../../src/domain/profile/ContactFile.ts"
import * as All from "../arbitraries.ts"
import * as People from "./arbitraries.ts"

const bob = {
  id: People.person("bob"),
  label: "bob",
  name: "bob",
  server: "chat.example:6969",
  trust: "verified",
  since: 1,
  serial: 2,
}
const file = (...contacts: ReadonlyArray<unknown>) => JSON.stringify({ nomitm: "contacts", version: 1, contacts })
const fails = (text: string) => Result.getOrThrow(Result.flip(ContactFile.decode(text)))

describe("the file of contacts", () => {
  it.prop(
    "is read back as it was written",
    [Arbitrary.array(People.contact, { maxLength: 20 })],
    ([contacts]) => {
      const { book } = ContactBook.merge(ContactBook.empty, contacts, true)
      const read = Result.getOrThrow(ContactFile.decode(ContactFile.ofBook(book)))
      assert.deepEqual(ContactBook.list(ContactFile.toBook(read.contacts)), ContactBook.list(book))
    },
    { arbitrary: { runs: 300, size: 60 } },
  )

  it.prop("is no other text", [All.text], ([text]) => void fails(text), { arbitrary: { runs: 300, size: 60 } })

  it.prop(
    "with one character changed is refused, or is a file of contacts still",
    [All.integer(0, file(bob).length - 1), All.text],
    ([at, insert]) => {
      const read = ContactFile.decode(file(bob).slice(0, at) + insert + file(bob).slice(at + 1))
      if (Result.isSuccess(read)) ContactFile.encode(read.success)
    },
    { arbitrary: { runs: 300, size: 60 } },
  )

  it("may have more in it than this version knows", () => {
    assert.isTrue(Result.isSuccess(ContactFile.decode(file({ ...bob, notes: "likes tea" }))))
  })

  it.each([
    { label: "bob[verified]" },
    { label: "Bob" },
    { label: "bоb" },
    { label: "\u001b[2J" },
    { label: "b\u202eob" },
    { label: "✓bob" },
    { label: "" },
    { label: "x".repeat(33) },
    { name: "a b" },
    { name: "\u009b31m" },
    { server: "\u001b]0;x\u0007" },
    { server: "x".repeat(263) },
    { server: "a b" },
    { trust: "certain" },
    { id: "bob" },
    { id: `${"A".repeat(42)}B` },
    { since: -1 },
    { serial: 1e300 },
    { serial: "1" },
  ])("of which a contact has %j is refused", (odd) => assert.strictEqual(fails(file({ ...bob, ...odd })), "NotThis"))

  it("has nobody twice", () => {
    assert.strictEqual(fails(file(bob, bob)), "NotThis")
    assert.strictEqual(fails(file(bob, { ...bob, id: People.person("mallory") })), "NotThis")
    assert.strictEqual(fails(file(bob, { ...bob, label: "b" })), "NotThis")
  })

  it("holds 10,000 contacts with the longest names there are, and no more", () => {
    const longest = (n: number): Contact =>
      ({
        ...bob,
        id: People.person(n),
        label: `${"𐐨".repeat(26)}-${n}`,
        name: '"'.repeat(32),
        server: "x".repeat(262),
        trust: "introduced",
        since: 2 ** 48,
        serial: 2 ** 48,
      }) as Contact
    const contacts = Array.from({ length: ContactBook.maxContacts + 1 }, (_, n) => longest(n))
    const text = ContactFile.encode({ contacts: contacts.slice(1) })
    assert.isBelow(new TextEncoder().encode(text).length, ContactFile.maxBytes)
    assert.lengthOf(Result.getOrThrow(ContactFile.decode(text)).contacts, ContactBook.maxContacts)
    assert.strictEqual(fails(file(...contacts)), "NotThis")
    assert.strictEqual(fails(" ".repeat(ContactFile.maxBytes + 1)), "TooLarge")
    assert.strictEqual(fails("[".repeat(1_000_000)), "NotThis")
    assert.strictEqual(fails(`{"nomitm":"contacts","version":2,"people":[]}`), "TooNew")
  })
})
