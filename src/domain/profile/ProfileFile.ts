/**
 * The file that is a person: the seed, as it is or sealed by a passphrase.
 *
 * ```
 * {"nomitm":"identity","version":1,"seed":"…"}
 * {"nomitm":"identity","version":1,"kdf":{"name":"argon2id","memoryKib":65536,"passes":3,"salt":"…"},
 *  "nonce":"…","sealed":"…"}
 * ```
 *
 * The key is Argon2id (RFC 9106) of the passphrase, with one lane; the seal is XChaCha20-Poly1305 with kdf's values as
 * associated data. What the file asks for is bounded: whoever can write it must not make us take gigabytes or hours.
 */
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as Bytes from "../crypto/Bytes.ts"
import { type Aead, tagBytes } from "../crypto/Primitives.ts"
import { seedBytes } from "../identity/Identity.ts"
import { nonceBytes } from "./SealedBytes.ts"
import * as VersionedJson from "./VersionedJson.ts"

export const saltBytes = 16
/** The longest identity file, in bytes. */
export const maxBytes = 4096

const base64 = (length: number) =>
  Schema.String.check(
    Schema.makeFilter(
      (text: string) => Bytes.fromBase64Url(text)?.length === length || `not ${length} bytes in base64url`,
    ),
  )

/** What Argon2id is to do. The least is what still costs a guesser something. */
export const Kdf = Schema.Struct({
  name: Schema.Literal("argon2id"),
  /** 8 MiB to 256 MiB. */
  memoryKib: Schema.Int.check(Schema.isBetween({ minimum: 8 * 1024, maximum: 256 * 1024 })),
  passes: Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 10 })),
  /** 16 bytes. */
  salt: base64(saltBytes),
})
export type Kdf = typeof Kdf.Type

/** The second of the two recommendations in RFC 9106, section 4, in one lane: a third of a second. */
export const standardCost = { name: "argon2id", memoryKib: 64 * 1024, passes: 3 } as const

const Plain = Schema.Struct({ seed: base64(seedBytes) })
const Sealed = Schema.Struct({ kdf: Kdf, nonce: base64(nonceBytes), sealed: base64(seedBytes + tagBytes) })
/** A seed that only the passphrase opens. */
export type Sealed = typeof Sealed.Type

export const ProfileFile = Schema.Union([Sealed, Plain])
export type ProfileFile = typeof ProfileFile.Type

export const { decode, encode } = VersionedJson.make("identity", ProfileFile, maxBytes)

export const isSealed = (file: ProfileFile): file is Sealed => "sealed" in file

export const plain = (seed: Uint8Array): ProfileFile => ({ seed: Bytes.toBase64Url(seed) })

const bytesOf = (text: string): Uint8Array => Bytes.fromBase64Url(text) ?? new Uint8Array(0)

/** The seed of a file that is not sealed, 32 bytes. */
export const plainSeed = (file: Exclude<ProfileFile, Sealed>): Uint8Array => bytesOf(file.seed)

/** The salt of a sealed file, 16 bytes. */
export const salt = ({ salt }: Kdf): Uint8Array => bytesOf(salt)

const associated = ({ name, memoryKib, passes, salt }: Kdf): Uint8Array =>
  Bytes.ofText(`nomitm/1 identity ${name} ${memoryKib} ${passes} ${salt}`)

/**
 * @param key what Argon2id made, as `kdf` says, 32 bytes
 * @param nonce 24 random bytes
 */
export const seal = (xchacha: Aead, key: Uint8Array, kdf: Kdf, nonce: Uint8Array, seed: Uint8Array): Sealed => ({
  kdf,
  nonce: Bytes.toBase64Url(nonce),
  sealed: Bytes.toBase64Url(xchacha.seal(key, nonce, associated(kdf), seed)),
})

/** The seed, or none: another passphrase, or a file that was changed. */
export const open = (xchacha: Aead, key: Uint8Array, file: Sealed): Uint8Array | undefined =>
  xchacha.open(key, bytesOf(file.nonce), associated(file.kdf), bytesOf(file.sealed))

/** A passphrase as bytes: normal form C, so that every keyboard makes the same ones; none if it has none or over 1,024. */
export const passphraseBytes = (passphrase: string): Result.Result<Uint8Array, "Empty" | "TooLong"> => {
  const bytes = Bytes.ofText(passphrase.slice(0, 4096).normalize("NFC"))
  if (bytes.length === 0) return Result.fail("Empty")
  return bytes.length > 1024 ? Result.fail("TooLong") : Result.succeed(bytes)
}
