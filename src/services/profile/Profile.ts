/**
 * One person's keys, contacts and invitations.
 *
 * Provided by `adapters/node/NodeProfile` (files that only this user can read), and by `layerMemory` for tests and for
 * programs that keep these things themselves. What an update changes is durable before it returns; of two at the same
 * time, one comes after the other.
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Result from "effect/Result"
import * as Semaphore from "effect/Semaphore"
import * as Identity from "../../domain/identity/Identity.ts"
import type { PersonId } from "../../domain/identity/PersonId.ts"
import * as ContactBook from "../../domain/profile/ContactBook.ts"
import * as InvitationBook from "../../domain/profile/InvitationBook.ts"
import * as ProfileState from "../../domain/profile/ProfileState.ts"
import * as Seconds from "../../domain/profile/Seconds.ts"
import type { Username } from "../../domain/Username.ts"
import { Cryptography } from "../Cryptography.ts"
import type { ProfileError } from "./ProfileError.ts"

/** The next book, and what to return; or why it stays as it is. */
type Change<Book, A, E> = (book: Book) => Result.Result<readonly [Book, A], E>

export class Profile extends Context.Service<
  Profile,
  {
    /** Where it lies, as a person reads it: a folder, or `memory`. */
    readonly home: string
    readonly id: PersonId
    /** Whether a passphrase seals the keys. */
    readonly isSealed: boolean
    /** The keys, with a certificate that is good for 180 days more. Of a new one the serial is kept before it is shown. */
    readonly identity: Effect.Effect<Identity.Identity, ProfileError>
    readonly contacts: Effect.Effect<ContactBook.ContactBook>
    readonly updateContacts: <A, E>(change: Change<ContactBook.ContactBook, A, E>) => Effect.Effect<A, E | ProfileError>
    readonly invitations: Effect.Effect<InvitationBook.InvitationBook>
    readonly updateInvitations: <A, E>(
      change: Change<InvitationBook.InvitationBook, A, E>,
    ) => Effect.Effect<A, E | ProfileError>
    /** The names used so far, the last one first. */
    readonly names: Effect.Effect<ReadonlyArray<ProfileState.UsedName>>
    /** Remembers that a name was taken at a server, `host:port`. */
    readonly used: (name: Username, server: string) => Effect.Effect<void, ProfileError>
  }
>()("nomitm/services/profile/Profile") {
  /**
   * A profile that is gone with the program.
   *
   * @param options.seed 32 bytes; random ones without it
   */
  static readonly layerMemory = (
    options: {
      readonly seed?: Uint8Array
    } = {},
  ): Layer.Layer<Profile, never, Cryptography> =>
    Layer.effect(
      Profile,
      Effect.gen(function* () {
        const { randomBytes } = yield* Cryptography
        const contents: Contents = {
          seed: options.seed ?? randomBytes(Identity.seedBytes),
          isSealed: false,
          state: undefined,
          contacts: ContactBook.empty,
          invitations: InvitationBook.empty,
        }
        const nothing = () => Effect.void
        const store = { home: "memory", contents, saveState: nothing, saveContacts: nothing, saveInvitations: nothing }
        return yield* Effect.orDie(make(store))
      }),
    )
}

/** What a profile consists of. */
export interface Contents {
  /** 32 bytes. */
  readonly seed: Uint8Array
  readonly isSealed: boolean
  /** None at the first start. */
  readonly state: ProfileState.ProfileState | undefined
  readonly contacts: ContactBook.ContactBook
  readonly invitations: InvitationBook.InvitationBook
}

/** Where it is kept. What is saved is durable when the effect returns; `generation` counts the writings of a book. */
export interface Store {
  readonly home: string
  readonly contents: Contents
  readonly saveState: (state: ProfileState.ProfileState) => Effect.Effect<void, ProfileError>
  readonly saveContacts: (book: ContactBook.ContactBook, generation: number) => Effect.Effect<void, ProfileError>
  readonly saveInvitations: (
    book: InvitationBook.InvitationBook,
    generation: number,
  ) => Effect.Effect<void, ProfileError>
}

const now = Effect.map(Clock.currentTimeMillis, Seconds.ofMillis)

/** The profile in a store. Makes its first certificate, or a new one where the old one comes to its end. */
export const make = Effect.fnUntraced(function* (store: Store) {
  const { primitives } = yield* Cryptography
  const { seed, isSealed } = store.contents
  let { contacts, invitations } = store.contents
  const lock = Semaphore.makeUnsafe(1)
  /** One at a time, and to its end: what is on the disk and what is here must not part. */
  const alone = <A, E>(effect: Effect.Effect<A, E>) => Effect.uninterruptible(lock.withPermit(effect))

  const started = yield* now
  let state = store.contents.state ?? ProfileState.initial(started)
  let identity = Identity.fromSeed(primitives, seed, { serial: state.serial, now: started })
  const saveState = Effect.fnUntraced(function* (next: ProfileState.ProfileState) {
    yield* store.saveState(next)
    state = next
  })
  if (store.contents.state === undefined) yield* saveState(state)

  const renew = Effect.gen(function* () {
    const renewed = Identity.renewed(primitives, identity, yield* now)
    if (renewed === identity) return identity
    yield* saveState({ ...state, serial: renewed.certificate.serial })
    identity = renewed
    return identity
  })
  yield* alone(renew)

  return Profile.of({
    home: store.home,
    id: identity.id,
    isSealed,
    identity: alone(renew),
    contacts: Effect.sync(() => contacts),
    updateContacts: (change) =>
      alone(
        Effect.gen(function* () {
          const [next, value] = yield* Effect.fromResult(change(contacts))
          if (next === contacts) return value
          const generation = state.contacts + 1
          // The book first: after a crash in between it is one ahead, which is not taken for an old copy.
          yield* store.saveContacts(next, generation)
          yield* saveState({ ...state, contacts: generation })
          contacts = next
          return value
        }),
      ),
    invitations: Effect.sync(() => invitations),
    updateInvitations: (change) =>
      alone(
        Effect.gen(function* () {
          const [next, value] = yield* Effect.fromResult(change(invitations))
          if (next === invitations) return value
          const generation = state.invitations + 1
          yield* store.saveInvitations(next, generation)
          yield* saveState({ ...state, invitations: generation })
          invitations = next
          return value
        }),
      ),
    names: Effect.sync(() => state.names),
    used: (name, server) =>
      alone(Effect.flatMap(now, (at) => saveState(ProfileState.used(state, { name, server, at })))),
  })
})
