import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Layer, Result } from "effect"
import { TestClock } from "effect/testing"
import * as NodeCryptography from "nomitm/adapters/node/NodeCryptography"
import * as Certificate from "../../../src/domain/identity/Certificate.ts"
import * as ContactBook from "../../../src/domain/profile/ContactBook.ts"
import type { Username } from "../../../src/domain/Username.ts"
import { type Contents, make, Profile, type Store } from "../../../src/services/profile/Profile.ts"
import { ProfileError } from "../../../src/services/profile/ProfileError.ts"
import { person } from "../../domain/profile/arbitraries.ts"
import { bytesOf } from "../../domain/crypto/primitives.ts"

const seed = bytesOf("seed", 32)
const memory = Profile.layerMemory({ seed }).pipe(Layer.provide(NodeCryptography.layer))

const meet = (who: string) => (book: ContactBook.ContactBook) =>
  ContactBook.met(book, {
    id: person(who),
    name: who as Username,
    server: "a.example:1",
    serial: 1,
    event: "Accepted",
    now: 1,
  })

describe("a profile", () => {
  it.effect("has the keys of its seed, and a new certificate before the old one is 185 days old", () =>
    Effect.gen(function* () {
      const profile = yield* Profile
      const first = yield* profile.identity
      yield* TestClock.adjust("184 days")
      assert.strictEqual((yield* profile.identity).certificate.serial, first.certificate.serial)
      yield* TestClock.adjust("2 days")
      const second = yield* profile.identity
      assert.strictEqual(second.id, first.id)
      assert.strictEqual(second.certificate.serial, 186 * 86_400)
      assert.notDeepEqual(second.staticSecret, first.staticSecret)
      assert.isFalse(Certificate.isDue(second.certificate, 186 * 86_400))
    }).pipe(Effect.provide(memory)),
  )

  it.effect("keeps what an update says, and nothing of one that is refused", () =>
    Effect.gen(function* () {
      const profile = yield* Profile
      assert.strictEqual((yield* profile.updateContacts(meet("bob"))).label, "bob")
      const refused = yield* Effect.flip(profile.updateContacts(() => Result.fail("no" as const)))
      assert.strictEqual(refused, "no")
      assert.strictEqual(ContactBook.size(yield* profile.contacts), 1)
      yield* profile.used("alice" as Username, "a.example:1")
      assert.deepEqual(
        (yield* profile.names).map(({ name }) => name),
        ["alice"],
      )
    }).pipe(Effect.provide(memory)),
  )

  /** A store of which a test sees what is saved, and when. */
  const observed = (contents: Partial<Contents>, save: (what: string) => Effect.Effect<void, ProfileError>) =>
    make({
      home: "here",
      contents: {
        seed,
        isSealed: false,
        state: undefined,
        contacts: ContactBook.empty,
        invitations: { byId: new Map() },
        ...contents,
      },
      saveState: (state) => save(`state ${state.serial} ${state.contacts} ${state.invitations}`),
      saveContacts: (book, generation) => save(`contacts ${generation}: ${ContactBook.size(book)}`),
      saveInvitations: (_, generation) => save(`invitations ${generation}`),
    } satisfies Store).pipe(Effect.provide(NodeCryptography.layer))

  it.effect("saves the serial before the certificate is shown, and a book before it counts", () =>
    Effect.gen(function* () {
      const saved: Array<string> = []
      const state = { serial: 5, contacts: 7, invitations: 3, names: [] }
      const profile = yield* observed({ state }, (what) => Effect.sync(() => void saved.push(what)))
      assert.deepEqual(saved, [])
      yield* TestClock.adjust("200 days")
      yield* profile.identity
      yield* profile.updateContacts(meet("bob"))
      yield* profile.updateInvitations((book) => Result.succeed([{ byId: new Map(book.byId) }, undefined]))
      const serial = 200 * 86_400
      assert.deepEqual(saved, [
        `state ${serial} 7 3`,
        "contacts 8: 1",
        `state ${serial} 8 3`,
        "invitations 4",
        `state ${serial} 8 4`,
      ])
    }),
  )

  it.effect("whose disk is full is as before, and says why", () =>
    Effect.gen(function* () {
      let full = false
      const error = new ProfileError({ reason: "Io", path: "here", detail: "ENOSPC" })
      const profile = yield* observed({}, () => (full ? Effect.fail(error) : Effect.void))
      full = true
      assert.strictEqual(yield* Effect.flip(profile.updateContacts(meet("bob"))), error)
      assert.strictEqual(ContactBook.size(yield* profile.contacts), 0)
      full = false
      yield* profile.updateContacts(meet("bob"))
      assert.strictEqual(ContactBook.size(yield* profile.contacts), 1)
    }),
  )

  it.effect("loses no update of many at once, and is not left half way when one is interrupted", () =>
    Effect.gen(function* () {
      const state = { serial: 1, contacts: 0, invitations: 0, names: [] }
      const profile = yield* observed({ state }, () => Effect.sleep("10 millis"))
      const all = yield* Effect.forkChild(
        Effect.all(
          Array.from({ length: 20 }, (_, n) => profile.updateContacts(meet(`user${n}`))),
          { concurrency: 20 },
        ),
      )
      yield* TestClock.adjust("1 second")
      yield* Fiber.join(all)
      assert.strictEqual(ContactBook.size(yield* profile.contacts), 20)

      const one = yield* Effect.forkChild(profile.updateContacts(meet("bob")), { startImmediately: true })
      const stop = yield* Effect.forkChild(Fiber.interrupt(one), { startImmediately: true })
      yield* TestClock.adjust("1 second")
      yield* Fiber.join(stop)
      assert.strictEqual(ContactBook.size(yield* profile.contacts), 21)
    }),
  )
})
