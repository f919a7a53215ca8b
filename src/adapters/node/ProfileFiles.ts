/**
 * The files of a profile, each read with care and written whole or not at all (`SecretFile`).
 *
 * ```
 * identity      the seed, plain or sealed by a passphrase           (domain/profile/ProfileFile)
 * state         sealed by the seed: ProfileState
 * contacts      sealed by the seed: number of its writing 8 | ContactFile
 * invitations   sealed by the seed: number of its writing 8 | InvitationBook
 * lock, socket  of the process that has the profile
 * ```
 *
 * What does not open, or is an old copy, is refused: nothing is written in its place.
 */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Files from "node:fs/promises"
import { join } from "node:path"
import * as Bytes from "../../domain/crypto/Bytes.ts"
import * as ContactBook from "../../domain/profile/ContactBook.ts"
import * as ContactFile from "../../domain/profile/ContactFile.ts"
import * as InvitationBook from "../../domain/profile/InvitationBook.ts"
import * as ProfileFile from "../../domain/profile/ProfileFile.ts"
import * as ProfileState from "../../domain/profile/ProfileState.ts"
import * as SealedBytes from "../../domain/profile/SealedBytes.ts"
import type { Unreadable } from "../../domain/profile/VersionedJson.ts"
import { Cryptography } from "../../services/Cryptography.ts"
import type { Store } from "../../services/profile/Profile.ts"
import { ProfileError } from "../../services/profile/ProfileError.ts"
import * as ProfileHome from "./ProfileHome.ts"
import * as SecretFile from "./SecretFile.ts"

const decoder = new TextDecoder()

const reasonOf: Record<Unreadable, ProfileError["reason"]> = {
  TooLarge: "TooLarge",
  NotThis: "Damaged",
  TooNew: "TooNew",
}

const decoded = <A>(path: string, result: Result.Result<A, Unreadable>): Effect.Effect<A, ProfileError> =>
  Effect.mapError(Effect.fromResult(result), (why) => new ProfileError({ reason: reasonOf[why], path }))

/** The bytes of a file, or none if there is none. */
const read = (path: string, maxBytes: number): Effect.Effect<Uint8Array | undefined, ProfileError> =>
  SecretFile.read(path, { maxBytes }).pipe(
    Effect.catchIf(
      ({ reason }) => reason === "Missing",
      () => Effect.undefined,
    ),
    Effect.mapError(ProfileHome.fromFile),
  )

const write = (path: string, content: Uint8Array): Effect.Effect<void, ProfileError> =>
  Effect.mapError(SecretFile.write(path, content), ProfileHome.fromFile)

export const identityPath = (home: string): string => join(home, "identity")

/** The identity of a profile, or none if there is none yet. */
export const readIdentity = Effect.fnUntraced(function* (home: string) {
  const path = identityPath(home)
  const content = yield* read(path, ProfileFile.maxBytes)
  return content === undefined ? undefined : yield* decoded(path, ProfileFile.decode(decoder.decode(content)))
})

/** Whether anything is there that an identity has sealed. */
export const hasBooks = (home: string): Effect.Effect<boolean> =>
  Effect.promise(() =>
    Promise.all(
      ["state", "contacts", "invitations"].map((name) =>
        Files.lstat(join(home, name)).then(
          () => true,
          () => false,
        ),
      ),
    ),
  ).pipe(Effect.map((there) => there.includes(true)))

/** Makes the identity; false, and nothing is changed, if there is one. */
export const createIdentity = (home: string, file: ProfileFile.ProfileFile): Effect.Effect<boolean, ProfileError> =>
  Effect.mapError(SecretFile.create(identityPath(home), Bytes.ofText(ProfileFile.encode(file))), ProfileHome.fromFile)

export const replaceIdentity = (home: string, file: ProfileFile.ProfileFile): Effect.Effect<void, ProfileError> =>
  write(identityPath(home), Bytes.ofText(ProfileFile.encode(file)))

/** One kind of sealed file. */
const sealedFile = Effect.fnUntraced(function* (home: string, seed: Uint8Array, kind: string, maxBytes: number) {
  const { primitives, randomBytes } = yield* Cryptography
  const xchacha = primitives.xchacha20Poly1305
  const key = SealedBytes.key(primitives, seed, kind)
  const path = join(home, kind)
  return {
    path,
    read: Effect.gen(function* () {
      const sealed = yield* read(path, maxBytes + SealedBytes.overheadBytes)
      if (sealed === undefined) return undefined
      const content = SealedBytes.open(xchacha, key, sealed)
      return content ?? (yield* new ProfileError({ reason: "Edited", path }))
    }),
    write: (content: Uint8Array) =>
      write(path, SealedBytes.seal(xchacha, key, randomBytes(SealedBytes.nonceBytes), content)),
  }
})

/** The same with the number of its writing in front. */
const sealedBook = Effect.fnUntraced(function* <Book>(
  home: string,
  seed: Uint8Array,
  kind: "contacts" | "invitations",
  codec: {
    readonly empty: Book
    readonly maxBytes: number
    readonly encode: (book: Book) => string
    readonly decode: (text: string) => Result.Result<Book, Unreadable>
  },
) {
  const { generationBytes } = ProfileState
  const file = yield* sealedFile(home, seed, kind, codec.maxBytes + generationBytes)
  return {
    read: Effect.fnUntraced(function* (known: number) {
      const content = yield* file.read
      const generation = content === undefined ? 0 : Bytes.readU64(content, 0)
      if (Result.isFailure(ProfileState.isCurrent(known, generation))) {
        return yield* new ProfileError({ reason: "RolledBack", path: file.path })
      }
      const book =
        content === undefined
          ? codec.empty
          : yield* decoded(file.path, codec.decode(decoder.decode(content.subarray(generationBytes))))
      return { book, generation }
    }),
    write: (book: Book, generation: number) =>
      file.write(Bytes.concat(Bytes.u64(generation), Bytes.ofText(codec.encode(book)))),
  }
})

/** Everything of a profile whose seed is known. */
export const open = Effect.fnUntraced(function* (home: string, seed: Uint8Array, isSealed: boolean) {
  const stateFile = yield* sealedFile(home, seed, "state", ProfileState.maxBytes)
  const contactsFile = yield* sealedBook(home, seed, "contacts", {
    empty: ContactBook.empty,
    maxBytes: ContactFile.maxBytes,
    encode: ContactFile.ofBook,
    decode: (text) => Result.map(ContactFile.decode(text), ({ contacts }) => ContactFile.toBook(contacts)),
  })
  const invitationsFile = yield* sealedBook(home, seed, "invitations", InvitationBook)
  const saveState = (state: ProfileState.ProfileState) => stateFile.write(Bytes.ofText(ProfileState.encode(state)))

  const content = yield* stateFile.read
  let state =
    content === undefined ? undefined : yield* decoded(stateFile.path, ProfileState.decode(decoder.decode(content)))
  const contacts = yield* contactsFile.read(state?.contacts ?? 0)
  const invitations = yield* invitationsFile.read(state?.invitations ?? 0)
  if (state !== undefined && (contacts.generation > state.contacts || invitations.generation > state.invitations)) {
    // A crash between a book and the state: said now, so that the book is never two ahead.
    state = { ...state, contacts: contacts.generation, invitations: invitations.generation }
    yield* saveState(state)
  }
  return {
    home,
    contents: { seed, isSealed, state, contacts: contacts.book, invitations: invitations.book },
    saveState,
    saveContacts: contactsFile.write,
    saveInvitations: invitationsFile.write,
  } satisfies Store
})
