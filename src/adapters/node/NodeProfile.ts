/**
 * `Profile` in a folder of this user's, made at the first start.
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Result from "effect/Result"
import * as Bytes from "../../domain/crypto/Bytes.ts"
import { seedBytes } from "../../domain/identity/Identity.ts"
import * as ProfileFile from "../../domain/profile/ProfileFile.ts"
import { nonceBytes } from "../../domain/profile/SealedBytes.ts"
import { Cryptography } from "../../services/Cryptography.ts"
import { make, Profile } from "../../services/profile/Profile.ts"
import { ProfileError } from "../../services/profile/ProfileError.ts"
import * as Argon2 from "./Argon2.ts"
import * as ProfileFiles from "./ProfileFiles.ts"
import * as ProfileHome from "./ProfileHome.ts"
import * as ProfileLock from "./ProfileLock.ts"

export interface Options {
  /** The folder, as `ProfileHome.locate` gives it. */
  readonly home: string
  /** Asked for a sealed profile only. */
  readonly passphrase: Effect.Effect<string, ProfileError>
  /** What seals a profile that is made now; none leaves it plain. */
  readonly newPassphrase?: string | undefined
  /** How long to wait for another process that has the profile, in milliseconds (default 5,000). */
  readonly patienceMillis?: number
}

/** A seed that is known. */
export interface Opened {
  /** 32 bytes. */
  readonly seed: Uint8Array
  readonly isSealed: boolean
}

const fail = (reason: ProfileError["reason"], home: string): ProfileError =>
  new ProfileError({ reason, path: reason === "Busy" ? home : ProfileFiles.identityPath(home) })

const bytesOf = (home: string, passphrase: string): Effect.Effect<Uint8Array, ProfileError> =>
  Effect.mapError(Effect.fromResult(ProfileFile.passphraseBytes(passphrase)), () => fail("PassphraseUnfit", home))

/** The identity file of a seed. */
const sealedBy = Effect.fnUntraced(function* (home: string, seed: Uint8Array, passphrase: string | undefined) {
  if (passphrase === undefined) return ProfileFile.plain(seed)
  const { primitives, randomBytes } = yield* Cryptography
  const kdf = { ...ProfileFile.standardCost, salt: Bytes.toBase64Url(randomBytes(ProfileFile.saltBytes)) }
  const key = yield* Argon2.derive(yield* bytesOf(home, passphrase), kdf)
  return ProfileFile.seal(primitives.xchacha20Poly1305, key, kdf, randomBytes(nonceBytes), seed)
})

/** The seed of a profile, or none if there is no profile. Takes no lock: what is read is whole. */
export const read = Effect.fnUntraced(function* (options: Pick<Options, "home" | "passphrase">) {
  const { home } = options
  if (!(yield* ProfileHome.check(home))) return undefined
  const file = yield* ProfileFiles.readIdentity(home)
  if (file === undefined) return undefined
  if (!ProfileFile.isSealed(file)) return { seed: ProfileFile.plainSeed(file), isSealed: false } satisfies Opened
  const { primitives } = yield* Cryptography
  const passphrase = ProfileFile.passphraseBytes(yield* options.passphrase)
  if (Result.isFailure(passphrase)) return yield* fail("WrongPassphrase", home)
  const key = yield* Argon2.derive(passphrase.success, file.kdf)
  const seed = ProfileFile.open(primitives.xchacha20Poly1305, key, file)
  if (seed === undefined) return yield* fail("WrongPassphrase", home)
  return { seed, isSealed: true } satisfies Opened
})

/** Whether there is an identity, sealed or not. */
export const exists = Effect.fnUntraced(function* (home: string) {
  return (yield* ProfileHome.check(home)) && (yield* ProfileFiles.readIdentity(home)) !== undefined
})

/** Makes a profile of this seed. Fails with `AlreadyThere` if there is one. */
export const create = Effect.fnUntraced(function* (
  seed: Uint8Array,
  { home, newPassphrase }: Pick<Options, "home" | "newPassphrase">,
) {
  yield* ProfileHome.ensure(home)
  const file = yield* sealedBy(home, seed, newPassphrase)
  if (!(yield* ProfileFiles.createIdentity(home, file))) return yield* fail("AlreadyThere", home)
  return { seed, isSealed: newPassphrase !== undefined } satisfies Opened
})

/**
 * Seals the identity by another passphrase, or by none. Nobody else may have the profile meanwhile.
 *
 * @param passphrase the new one; asked for once the profile is open
 */
export const protect = <E>(options: Options, passphrase: Effect.Effect<string | undefined, E>) =>
  Effect.scoped(
    Effect.gen(function* () {
      const { home, patienceMillis = standardPatience } = options
      const before = yield* ProfileHome.check(home)
      if (!before) return yield* fail("Missing", home)
      yield* ProfileLock.acquire(home, patienceMillis)
      const opened = yield* read(options)
      if (opened === undefined) return yield* fail("Missing", home)
      yield* ProfileFiles.replaceIdentity(home, yield* sealedBy(home, opened.seed, yield* passphrase))
    }),
  )

const standardPatience = 5_000

/** The profile, made if there is none, for as long as the scope lasts. */
export const open = Effect.fnUntraced(function* (options: Options) {
  const { home, patienceMillis = standardPatience } = options
  const { randomBytes } = yield* Cryptography
  yield* ProfileHome.ensure(home)
  yield* ProfileLock.acquire(home, patienceMillis)
  const known = yield* read(options)
  // Nobody's contacts become somebody else's.
  if (known === undefined && (yield* ProfileFiles.hasBooks(home))) return yield* fail("IdentityLost", home)
  const { seed, isSealed } = known ?? (yield* create(randomBytes(seedBytes), options))
  return yield* make(yield* ProfileFiles.open(home, seed, isSealed))
})

export const layer = (options: Options): Layer.Layer<Profile, ProfileError, Cryptography> =>
  Layer.effect(Profile, open(options))
