/**
 * Who a person is: the Ed25519 public key, 32 bytes (PROTOCOL.md, section 12).
 *
 * Kept as its text, 43 characters of base64url, so that it can be compared with `===` and be a key of maps; the bytes
 * are made where they are signed or hashed.
 */
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as Bytes from "../crypto/Bytes.ts"
import type { Hash } from "../crypto/Primitives.ts"

/** In bytes. */
export const bytes = 32
/** In characters of text. */
export const textLength = 43

/** The last character carries four bits, the two others of it are zero: there is one text for an id. */
const canonical = /^[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]$/

export const PersonId = Schema.String.check(
  Schema.makeFilter((text: string) => canonical.test(text) || "not an id", { identifier: "PersonId" }),
).pipe(Schema.brand("PersonId"))
export type PersonId = typeof PersonId.Type

export const isPersonId = (text: string): text is PersonId => canonical.test(text)

export const parse = (text: string): Option.Option<PersonId> => (isPersonId(text) ? Option.some(text) : Option.none())

/** The id of a public key of 32 bytes. */
export const ofBytes = (publicKey: Uint8Array): PersonId => Bytes.toBase64Url(publicKey) as PersonId

/** 32 bytes. */
export const toBytes = (id: PersonId): Uint8Array => Bytes.fromBase64Url(id) ?? new Uint8Array(bytes)

/** The order of the ids as unsigned bytes, which that of the texts is not: negative, zero or positive. */
export const compare = (a: PersonId, b: PersonId): number => (a === b ? 0 : Bytes.compare(toBytes(a), toBytes(b)))

/** SHA-256 of an id, 32 bytes: it says who calls to whoever knows the id already (PROTOCOL.md, section 15). */
export const hash = (primitives: Hash, id: PersonId): Uint8Array => primitives.sha256(toBytes(id))
