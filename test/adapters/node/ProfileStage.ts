/** Folders and profiles for tests on a real disk. */
import * as Fs from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Effect, Layer, Result } from "effect"
import * as NodeCryptography from "nomitm/adapters/node/NodeCryptography"
import * as NodeProfile from "nomitm/adapters/node/NodeProfile"
import * as ProfileSocket from "nomitm/adapters/node/ProfileSocket"
import * as SecretFile from "nomitm/adapters/node/SecretFile"
import * as Bytes from "../../../src/domain/crypto/Bytes.ts"
import * as ContactBook from "../../../src/domain/profile/ContactBook.ts"
import * as InvitationBook from "../../../src/domain/profile/InvitationBook.ts"
import * as ProfileFile from "../../../src/domain/profile/ProfileFile.ts"
import type { Username } from "../../../src/domain/Username.ts"
import { Profile } from "../../../src/services/profile/Profile.ts"
import { ProfileError } from "../../../src/services/profile/ProfileError.ts"
import { ProfileOwner } from "../../../src/services/profile/ProfileOwner.ts"
import { bytesOf, primitives } from "../../domain/crypto/primitives.ts"
import { person } from "../../domain/profile/arbitraries.ts"

/** A folder that is there, and goes with the test; the profile is to be made in it. */
export const inFolder = <A, E, R>(program: (home: string) => Effect.Effect<A, E, R>) =>
  Effect.acquireUseRelease(
    Effect.sync(() => Fs.mkdtempSync(join(tmpdir(), "nomitm-profile-"))),
    (folder) => program(join(folder, "home")),
    (folder) => Effect.sync(() => Fs.rmSync(folder, { recursive: true })),
  )

export const options = (home: string, more: Partial<NodeProfile.Options> = {}): NodeProfile.Options => ({
  home,
  passphrase: Effect.fail(new ProfileError({ reason: "PassphraseNeeded", path: home })),
  patienceMillis: 0,
  ...more,
})

/** Opens the profile, does something with it, and closes it. */
export const withProfile = <A, E>(
  home: string,
  use: (profile: Profile["Service"]) => Effect.Effect<A, E>,
  more: Partial<NodeProfile.Options> = {},
) =>
  Effect.scoped(Effect.flatMap(NodeProfile.open(options(home, more)), use)).pipe(Effect.provide(NodeCryptography.layer))

/** Why it can't be opened. */
export const refusal = (home: string, more: Partial<NodeProfile.Options> = {}) =>
  Effect.flip(withProfile(home, () => Effect.void, more))

export const meet = (profile: Profile["Service"], who: string) =>
  profile.updateContacts((book) =>
    ContactBook.met(book, {
      id: person(who),
      name: who as Username,
      server: "a.example:1",
      serial: 1,
      event: "Accepted",
      now: 1,
    }),
  )

export const invitation = (n: number) => ({
  inviteId: bytesOf(`invite ${n}`, 16),
  psk: bytesOf(`psk ${n}`, 32),
  server: "a.example:1",
  expiry: 2 ** 31,
})

export const issue = (profile: Profile["Service"], n: number) =>
  profile.updateInvitations((book) =>
    Result.map(InvitationBook.issue(book, invitation(n), 2 ** 31 - 86_400), (next) => [next, undefined] as const),
  )

export const labels = (profile: Profile["Service"]) =>
  Effect.map(profile.contacts, (book) => ContactBook.list(book).map(({ label }) => label as string))

/** A profile sealed as quickly as is allowed, so that a test does not take a third of a second for each. */
export const makeSealed = (home: string, passphrase: string, seed: Uint8Array) =>
  Effect.gen(function* () {
    const { derive } = yield* Effect.promise(() => import("../../../src/adapters/node/Argon2.ts"))
    const kdf = { name: "argon2id", memoryKib: 8192, passes: 1, salt: Bytes.toBase64Url(bytesOf("salt", 16)) } as const
    const key = yield* derive(new TextEncoder().encode(passphrase), kdf)
    const file = ProfileFile.seal(primitives.xchacha20Poly1305, key, kdf, bytesOf("nonce", 24), seed)
    Fs.mkdirSync(home, { mode: 0o700 })
    yield* SecretFile.write(join(home, "identity"), new TextEncoder().encode(ProfileFile.encode(file)))
  })

/** As a peer does: has the profile, and answers for it. */
export const owning = <A, E>(home: string, program: (profile: Profile["Service"]) => Effect.Effect<A, E>) =>
  Effect.scoped(
    Effect.gen(function* () {
      yield* ProfileSocket.serve(home)
      return yield* program(yield* Profile)
    }),
  ).pipe(
    Effect.provide(
      ProfileOwner.layer.pipe(
        Layer.provideMerge(NodeProfile.layer(options(home))),
        Layer.provide(NodeCryptography.layer),
      ),
    ),
  )
