/** People and books for property tests. */
import * as Arbitrary from "effect/Arbitrary"
import type { Contact, Label } from "../../../src/domain/profile/Contact.ts"
import * as Trust from "../../../src/domain/profile/Trust.ts"
import * as PersonId from "../../../src/domain/identity/PersonId.ts"
import type { Username } from "../../../src/domain/Username.ts"
import * as All from "../arbitraries.ts"
import { bytesOf } from "../crypto/primitives.ts"

export const person = (n: number | string): PersonId.PersonId => PersonId.ofBytes(bytesOf(`person ${n}`, 32))

const people = Array.from({ length: 12 }, (_, n) => person(n))

/** One of a few, so that the same one comes again. */
export const id = Arbitrary.map(All.integer(0, people.length - 1), (n) => people[n]!)

const names = ["bob", "b0b", "alice", "аӏісе", "zoë", "x", "名", "somebody", "bob-2", "a.b_c"]
export const label = Arbitrary.map(All.integer(0, names.length - 1), (n) => names[n] as Label)

/** Names that a label may not be, too. */
export const name = All.oneOf(
  Arbitrary.map(label, String),
  All.pick("bob[verified]", "*", "BOB", '"bob"', "✓bob", "-", "bоb", "(bob)"),
) as Arbitrary.Arbitrary<Username>

export const server = All.pick("", "a.example:6969", "b.example:6969", "[2001:db8::1]:1")
export const trust = All.pick(...Trust.Trust.literals)
export const seconds = All.integer(0, 2 ** 40)

export const contact: Arbitrary.Arbitrary<Contact> = All.mapAll(
  [id, label, name, server, trust, seconds, seconds],
  ([id, label, name, server, trust, since, serial]) => ({ id, label, name, server, trust, since, serial }),
)
