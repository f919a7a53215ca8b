/**
 * Attacks with names that the server never gave to who says them: in calls, in answers, in a hostile server's list. What
 * is shown is what was proven or vouched for, and nobody's name is pinned to a key that only claims it.
 */
import { assert, describe } from "@effect/vitest"
import { Effect, Option } from "effect"
import * as Fingerprint from "nomitm/domain/identity/Fingerprint"
import * as Base64Field from "nomitm/domain/nomitm1/Base64Field"
import * as ContactBook from "nomitm/domain/profile/ContactBook"
import { connect, type Person, problem, promise as promiseIn } from "../services/peer/SealedPeerStage.ts"
import { primitives } from "../services/server/SecureStage.ts"
import { type World, worlds } from "../services/worlds.ts"

const fingerprintOf = ({ profile }: Person): string => Fingerprint.of(primitives, profile.id)

/** What is kept of somebody: the label, and the name at a server if there is one. */
const keptOf = ({ profile }: Person, other: Person) =>
  Effect.map(profile.contacts, (book) =>
    Option.getOrUndefined(
      Option.map(ContactBook.get(book, other.profile.id), ({ label, name, server, trust }) => ({
        label: `${label}`,
        name: server === "" ? undefined : `${name}`,
        trust,
      })),
    ),
  )

describe.each(worlds.map((world) => ({ world, name: world.name })))(
  "mallory, who says to be carol, $name",
  ({ world }: { world: World }) => {
    const promise = promiseIn(world)

    promise("and calls: is shown by the fingerprint, and nothing is kept of the name", ({ person }) =>
      Effect.gen(function* () {
        const bob = yield* person("bob", 2)
        yield* bob.screen.nextOf("registered")
        const mallory = yield* person("mallory", 3, { says: "carol" })
        yield* mallory.screen.nextOf("registered")
        yield* mallory.screen.type("/chat bob")
        assert.strictEqual((yield* bob.screen.nextOf("incoming")).peer, fingerprintOf(mallory))
        yield* bob.screen.type("/accept")
        assert.strictEqual((yield* bob.screen.nextOf("connected")).peer, fingerprintOf(mallory))
        assert.isUndefined(yield* keptOf(bob, mallory))
        // Nor when they are compared: the key is known from then on, and not under that name.
        yield* bob.screen.type("/safety")
        yield* bob.screen.nextOf("safety")
        yield* bob.screen.type("/verify yes")
        yield* bob.screen.nextOf("trust")
        assert.deepStrictEqual(yield* keptOf(bob, mallory), { label: "somebody", name: undefined, trust: "verified" })
      }),
    )

    promise("and is called while calling: it is not carol who is shown and kept", ({ person }) =>
      Effect.gen(function* () {
        const bob = yield* person("bob", 2)
        yield* bob.screen.nextOf("registered")
        const mallory = yield* person("mallory", 3, { says: "carol" })
        yield* mallory.screen.nextOf("registered")
        yield* mallory.screen.type("/chat bob")
        yield* bob.screen.nextOf("incoming")
        yield* bob.screen.type("/chat mallory")
        assert.strictEqual((yield* bob.screen.nextOf("connected")).peer, "mallory")
        assert.deepStrictEqual(yield* keptOf(bob, mallory), { label: "mallory", name: "mallory", trust: "introduced" })
      }),
    )

    promise("and comes with an invitation: is invited, and has no name", ({ person, invite }) =>
      Effect.gen(function* () {
        const bob = yield* person("bob", 2)
        yield* bob.screen.nextOf("registered")
        const join = yield* invite(bob)
        const mallory = yield* person("mallory", 3, { says: "carol", join })
        yield* bob.screen.nextOf("incoming")
        yield* bob.screen.type("/accept")
        const { peer, trust } = yield* bob.screen.nextOf("connected")
        assert.deepStrictEqual([peer, trust], ["somebody", "invited"])
        assert.deepStrictEqual(yield* keptOf(bob, mallory), { label: "somebody", name: undefined, trust: "invited" })
        // The real one can still come.
        yield* bob.screen.type("/close")
        yield* bob.screen.nextOf("closed")
        const carol = yield* person("carol", 4)
        yield* carol.screen.nextOf("registered")
        yield* carol.screen.type("/chat bob")
        assert.strictEqual((yield* bob.screen.nextOf("incoming")).peer, "carol")
      }),
    )

    promise("and is a contact: stays known by the name that the server gave", ({ person }) =>
      Effect.gen(function* () {
        const bob = yield* person("bob", 2)
        const honest = yield* person("mallory", 3)
        yield* connect(honest, bob)
        yield* bob.screen.type("/close")
        yield* bob.screen.nextOf("closed")
        yield* honest.interrupt
        const mallory = yield* person("mallory", 3, { says: "carol" })
        yield* mallory.screen.nextOf("registered")
        yield* mallory.screen.type("/chat bob")
        yield* bob.screen.nextOf("incoming")
        yield* bob.screen.type("/accept")
        assert.strictEqual((yield* bob.screen.nextOf("connected")).peer, "mallory")
        yield* bob.screen.type("/safety")
        yield* bob.screen.nextOf("safety")
        yield* bob.screen.type("/verify yes")
        yield* bob.screen.nextOf("trust")
        assert.deepStrictEqual(yield* keptOf(bob, mallory), { label: "mallory", name: "mallory", trust: "verified" })
      }),
    )
  },
)

describe.each(worlds.map((world) => ({ world, name: world.name })))(
  "a hostile server $name",
  ({ world }: { world: World }) => {
    const promise = promiseIn(world)

    promise("lists the key of a contact under another name: it is shown by what it is called here", ({ person }) =>
      Effect.gen(function* () {
        const bob = yield* person("bob", 2)
        const mallory = yield* person("mallory", 3)
        const { id } = bob.profile
        const alice = yield* person("alice", 4, { hears: (text) => text.replace(`\nbob ${id}`, `\nboss ${id}`) })
        yield* mallory.screen.nextOf("registered")
        yield* connect(alice, bob)
        yield* alice.screen.type("/close")
        yield* alice.screen.nextOf("closed")
        yield* alice.screen.type("/list")
        const { people = [] } = yield* alice.screen.nextOf("users")
        assert.deepStrictEqual(
          people.map(({ name, trust }) => `${name} ${trust}`),
          ["bob introduced", "mallory unknown"],
        )
      }),
    )

    promise("shows another key for the id of a contact: Key_changed, and the link goes on", ({ person }) =>
      Effect.gen(function* () {
        const mallory = yield* person("mallory", 3)
        const certificate = Base64Field.encode((yield* mallory.profile.identity).certificate.encoded)
        const hears = (text: string) => text.replace(/USER bob \S+/, `USER bob ${certificate}`)
        const bob = yield* person("bob", 2)
        const alice = yield* person("alice", 4, { hears })
        for (const { screen } of [mallory, bob, alice]) yield* screen.nextOf("registered")
        yield* alice.screen.type(`/chat ${bob.profile.id}`)
        const { message } = yield* problem(alice, "Key_changed")
        assert.include(message, fingerprintOf(bob))
        assert.include(message, fingerprintOf(mallory))
        yield* alice.screen.type("/list")
        assert.strictEqual((yield* alice.screen.next).event, "users")
      }),
    )
  },
)
