import { assert, describe } from "@effect/vitest"
import { Effect, Option } from "effect"
import * as NodeServerIdentity from "nomitm/adapters/node/NodeServerIdentity"
import * as Fingerprint from "nomitm/domain/identity/Fingerprint"
import * as SafetyNumber from "nomitm/domain/identity/SafetyNumber"
import * as ContactBook from "nomitm/domain/profile/ContactBook"
import { callAs, connect, pastServer, type Person, problem, promise as promiseIn } from "./SealedPeerStage.ts"
import { primitives } from "../server/SecureStage.ts"
import { type World, worlds } from "../worlds.ts"

const fingerprintOf = ({ profile }: Person): string => Fingerprint.of(primitives, profile.id)

const trustIn = ({ profile }: Person, other: Person) =>
  Effect.map(profile.contacts, (book) =>
    Option.map(ContactBook.get(book, other.profile.id), ({ label, trust }) => `${label}: ${trust}`),
  )

describe.each(worlds.map((world) => ({ world, name: world.name })))(
  "a peer with keys $name",
  ({ world }: { world: World }) => {
    const promise = promiseIn(world)

    promise("registers, lists, calls, rings, talks and closes", ({ person }) =>
      Effect.gen(function* () {
        const alice = yield* person("alice", 2)
        assert.deepEqual(yield* alice.screen.next, { event: "registered", name: "alice" })
        const bob = yield* person("bob", 3)
        yield* bob.screen.nextOf("registered")
        yield* alice.screen.type("/list")
        assert.deepEqual(yield* alice.screen.next, {
          event: "users",
          users: ["bob"],
          people: [{ name: "bob", fingerprint: fingerprintOf(bob), trust: "unknown" }],
        })
        yield* alice.screen.type("/chat bob")
        assert.deepEqual(yield* alice.screen.next, { event: "calling", peer: "bob", trust: "unknown" })
        assert.deepEqual(yield* bob.screen.next, {
          event: "incoming",
          peer: "alice",
          trust: "unknown",
          fingerprint: fingerprintOf(alice),
        })
        yield* bob.screen.type("/accept")
        const { address, kind, trust, fingerprint } = yield* alice.screen.nextOf("connected")
        assert.deepStrictEqual([kind, address], ["relay", undefined])
        assert.deepStrictEqual([trust, fingerprint], ["introduced", fingerprintOf(bob)])
        yield* bob.screen.nextOf("connected")
        yield* alice.screen.type("hello")
        assert.deepEqual(yield* bob.screen.nextOf("message"), {
          event: "message",
          from: "alice",
          text: "hello",
          trust: "introduced",
        })
        yield* bob.screen.type("/close")
        assert.deepEqual(yield* bob.screen.nextOf("closed"), {
          event: "closed",
          peer: "alice",
          reason: "closed",
          trust: "introduced",
        })
        assert.strictEqual((yield* alice.screen.nextOf("closed")).reason, "closed_by_peer")
        assert.deepStrictEqual(yield* trustIn(alice, bob), Option.some("bob: introduced"))
        // And once more, the other way round.
        yield* bob.screen.type("/chat alice")
        assert.strictEqual((yield* alice.screen.nextOf("incoming")).trust, "introduced")
        for (const answer of ["/accept", "/decline"]) {
          yield* alice.screen.type(`${answer} alice`)
          const { message } = yield* problem(alice, "No_call")
          assert.strictEqual(message, "Nobody named alice is calling you: bob is.")
        }
        yield* alice.screen.type("/accept Bob")
        yield* bob.screen.nextOf("connected")
        yield* bob.screen.type("/quit")
        assert.strictEqual(yield* bob.exit, 0)
        yield* alice.screen.end
        assert.strictEqual(yield* alice.exit, 0)
      }),
    )

    promise("declines, and the caller learns that and no address", ({ person }) =>
      Effect.gen(function* () {
        const alice = yield* person("alice", 2)
        const bob = yield* person("bob", 3)
        yield* alice.screen.nextOf("registered")
        yield* bob.screen.nextOf("registered")
        yield* alice.screen.type("/chat bob")
        yield* bob.screen.nextOf("incoming")
        yield* bob.screen.type("/decline")
        yield* problem(alice, "Declined")
        assert.deepStrictEqual(yield* trustIn(alice, bob), Option.none())
        yield* bob.screen.type("/accept")
        yield* problem(bob, "No_call")
      }),
    )

    promise("gives up a call, and the one who is called hears of it", ({ person }) =>
      Effect.gen(function* () {
        const alice = yield* person("alice", 2)
        const bob = yield* person("bob", 3)
        yield* alice.screen.nextOf("registered")
        yield* bob.screen.nextOf("registered")
        yield* alice.screen.type("/cancel")
        assert.notInclude((yield* problem(alice, "No_call")).hint, "/close")
        yield* alice.screen.type("/chat bob")
        yield* bob.screen.nextOf("incoming")
        // There is no chat yet that could be ended, or asked about.
        for (const line of ["/close", "/net", "/safety", "/verify", "/verify yes"]) {
          yield* alice.screen.type(line)
          const { message, hint } = yield* alice.screen.nextOf("error")
          assert.strictEqual(message, "Your call to bob has not been answered yet.", line)
          assert.strictEqual(hint, "Type /cancel to give it up.")
        }
        yield* alice.screen.type("/cancel")
        yield* problem(alice, "Cancelled")
        yield* problem(bob, "Cancelled")
        // And can call again.
        yield* alice.screen.type("/chat bob")
        yield* bob.screen.nextOf("incoming")
        yield* bob.screen.type("/accept")
        yield* alice.screen.nextOf("connected")
        yield* alice.screen.type("/cancel")
        assert.strictEqual((yield* problem(alice, "No_call")).hint, "Type /close to end the chat with bob.")
      }),
    )

    promise("that both call each other have one chat, without a ring", ({ person }) =>
      Effect.gen(function* () {
        const alice = yield* person("alice", 2)
        const bob = yield* person("bob", 3)
        yield* alice.screen.nextOf("registered")
        yield* bob.screen.nextOf("registered")
        yield* Effect.all([alice.screen.type("/chat bob"), bob.screen.type("/chat alice")], { concurrency: 2 })
        const events = [yield* alice.screen.nextOf("connected"), yield* bob.screen.nextOf("connected")]
        assert.deepStrictEqual(
          events.map(({ peer }) => peer),
          ["bob", "alice"],
        )
        yield* alice.screen.type("hello")
        assert.strictEqual((yield* bob.screen.nextOf("message")).text, "hello")
      }),
    )

    promise("compares a short string: both see the same, and yes makes it verified", ({ person }) =>
      Effect.gen(function* () {
        const alice = yield* person("alice", 2)
        const bob = yield* person("bob", 3)
        yield* connect(alice, bob)
        yield* alice.screen.type("/verify yes")
        yield* problem(alice, "Nothing_compared")
        // Either may begin.
        yield* bob.screen.type("/verify")
        const [seen, alsoSeen] = [yield* alice.screen.nextOf("sas"), yield* bob.screen.nextOf("sas")]
        assert.deepStrictEqual([seen.words, seen.digits], [alsoSeen.words, alsoSeen.digits])
        assert.strictEqual(seen.words.length, 3)
        assert.match(seen.digits, /^[0-9]{10}$/)
        yield* alice.screen.type("/verify yes")
        assert.deepEqual(yield* alice.screen.nextOf("trust"), { event: "trust", peer: "bob", trust: "verified" })
        assert.deepStrictEqual(yield* trustIn(alice, bob), Option.some("bob: verified"))
        assert.deepStrictEqual(yield* trustIn(bob, alice), Option.some("alice: introduced"))
        yield* bob.screen.type("hello")
        assert.strictEqual((yield* alice.screen.nextOf("message")).trust, "verified")
        yield* alice.screen.type("/safety")
        const { number } = yield* alice.screen.nextOf("safety")
        assert.strictEqual(number, SafetyNumber.of(primitives, bob.profile.id, alice.profile.id))
      }),
    )

    promise("where what is compared differs is over, and the key is known no more", ({ person }) =>
      Effect.gen(function* () {
        const alice = yield* person("alice", 2)
        const bob = yield* person("bob", 3)
        yield* connect(alice, bob)
        yield* alice.screen.type("/verify")
        yield* alice.screen.nextOf("sas")
        yield* alice.screen.type("/verify no")
        assert.deepEqual(yield* alice.screen.nextOf("trust"), { event: "trust", peer: "bob", trust: "unknown" })
        yield* problem(alice, "Verification_failed")
        assert.strictEqual((yield* alice.screen.nextOf("closed")).reason, "closed")
        yield* bob.screen.nextOf("closed")
      }),
    )

    promise("comes with an invitation: both know each other at once, and it works once", ({ person, invite }) =>
      Effect.gen(function* () {
        const bob = yield* person("bob", 3, { policy: "invited" })
        yield* bob.screen.nextOf("registered")
        const join = yield* invite(bob)
        const alice = yield* person("alice", 2, { join })
        assert.strictEqual((yield* alice.screen.nextOf("connected")).trust, "invited")
        const { trust, peer } = yield* bob.screen.nextOf("connected")
        assert.deepStrictEqual([trust, peer], ["invited", "alice"])
        assert.deepStrictEqual(yield* trustIn(alice, bob), Option.some("bob: invited"))
        yield* alice.screen.type("/close")
        yield* bob.screen.nextOf("closed")
        const carol = yield* person("carol", 4, { join })
        const refusal = yield* carol.screen.nextOf("error")
        assert.include(["Declined", "No_answer"], refusal.code)
        if (refusal.code === "Declined") assert.include(refusal.hint, "the invitation has been used")
      }),
    )

    promise("that comes with an invitation rings as somebody invited", ({ person, invite }) =>
      Effect.gen(function* () {
        const bob = yield* person("bob", 3)
        yield* bob.screen.nextOf("registered")
        yield* person("alice", 2, { join: yield* invite(bob) })
        const { peer, trust } = yield* bob.screen.nextOf("incoming")
        assert.deepStrictEqual([peer, trust], ["alice", "invited"])
      }),
    )

    promise("takes without asking the calls it is to take, and no others", ({ person }) =>
      Effect.gen(function* () {
        const alice = yield* person("alice", 2)
        const bob = yield* person("bob", 3, { policy: "anyone" })
        yield* alice.screen.nextOf("registered")
        yield* bob.screen.nextOf("registered")
        yield* alice.screen.type("/chat bob")
        yield* alice.screen.nextOf("connected")
        yield* bob.screen.nextOf("connected")
        // Busy, and not admitted, look alike from outside.
        const carol = yield* person("carol", 4)
        yield* carol.screen.nextOf("registered")
        yield* carol.screen.type("/chat bob")
        yield* problem(carol, "Declined")
        yield* alice.screen.type("/close")
        yield* bob.screen.nextOf("closed")
        yield* bob.interrupt
        const strict = yield* person("bob", 3, { policy: "contacts" })
        yield* strict.screen.nextOf("registered")
        yield* carol.screen.type("/chat bob")
        yield* problem(carol, "Declined")
        yield* alice.screen.type("/chat bob")
        yield* alice.screen.nextOf("connected")
      }),
    )

    promise("refuses loudly whoever has a contact's name and another key, calling or called", ({ person }) =>
      Effect.gen(function* () {
        const alice = yield* person("alice", 2)
        const bob = yield* person("bob", 3)
        yield* connect(alice, bob)
        yield* alice.screen.type("/close")
        yield* alice.screen.nextOf("closed")
        // alice's contact bob has moved to a name that somebody else took before.
        const { id } = bob.profile
        yield* alice.profile
          .updateContacts((book) => ContactBook.met(book, sighting(id, "robert", book)))
          .pipe(Effect.orDie)
        const mallory = yield* person("robert", 4, { profile: "mallory" })
        yield* mallory.screen.nextOf("registered")
        yield* alice.screen.type("/chat bob")
        const { message } = yield* problem(alice, "Key_changed")
        assert.include(message, fingerprintOf(bob))
        assert.include(message, fingerprintOf(mallory))
        yield* mallory.screen.type("/chat alice")
        assert.include((yield* problem(alice, "Key_changed")).message, fingerprintOf(mallory))
        yield* problem(mallory, "Declined")
      }),
    )

    promise("calls somebody only by a name that the server gave them, whatever they call themselves", (stage) =>
      Effect.gen(function* () {
        const alice = yield* stage.person("alice", 2)
        yield* alice.screen.nextOf("registered")
        const trudy = yield* callAs(stage, { registered: "trudy", says: "carol", callee: alice, n: 4 })
        const { peer, trust } = yield* alice.screen.nextOf("incoming")
        assert.deepStrictEqual([peer, trust], [Fingerprint.of(primitives, trudy.id), "unknown"])
        yield* alice.screen.type("/accept")
        yield* trudy.agree
        const contacts = yield* alice.profile.contacts
        assert.deepStrictEqual(ContactBook.list(contacts), [])
      }),
    )

    promise("has its name until it is released, also when the server was away", ({ person, stopServer, startServer }) =>
      Effect.gen(function* () {
        const alice = yield* person("alice", 2)
        const bob = yield* person("bob", 3)
        yield* connect(alice, bob)
        yield* Effect.all([pastServer(alice), pastServer(bob)])
        yield* stopServer
        yield* problem(alice, "Server_lost")
        yield* alice.screen.type("still here?")
        assert.strictEqual((yield* bob.screen.nextOf("message")).text, "still here?")
        yield* startServer()
        yield* alice.screen.nextOf("registered")
        yield* bob.screen.nextOf("registered")
        yield* bob.interrupt
        const thief = yield* person("bob", 4, { profile: "thief" })
        assert.strictEqual((yield* thief.screen.nextOf("error")).code, "Name_owned")
        assert.notStrictEqual(yield* thief.exit, 0)
        const again = yield* person("bob", 3)
        yield* again.screen.nextOf("registered")
      }),
    )

    promise("that starts elsewhere with the same key takes the name over, and the old one ends", ({ person }) =>
      Effect.gen(function* () {
        const first = yield* person("alice", 2)
        yield* first.screen.nextOf("registered")
        const second = yield* person("alice", 3)
        yield* second.screen.nextOf("registered")
        yield* problem(first, "Replaced")
        assert.strictEqual(yield* first.exit, 1)
        yield* second.screen.type("/list")
        assert.deepStrictEqual((yield* second.screen.nextOf("users")).users, [])
      }),
    )

    promise(
      "leaves a server whose key is not the pinned one, and one whose key has changed",
      ({ person, server, startServer, stopServer }) =>
        Effect.gen(function* () {
          const wrong = { ...server(), pins: [new Uint8Array(32).fill(1)] }
          const alice = yield* person("alice", 2, { server: wrong })
          assert.strictEqual((yield* alice.screen.nextOf("error")).code, "Server_pin_mismatch")
          assert.strictEqual(yield* alice.exit, 4)
          const unpinned = { ...server(), pins: [] }
          const unknown = yield* person("alice", 2, { server: unpinned })
          assert.strictEqual((yield* unknown.screen.nextOf("error")).code, "Server_unknown")
          assert.strictEqual(yield* unknown.exit, 4)
          // The pin is remembered.
          const right = yield* person("alice", 2)
          yield* right.screen.nextOf("registered")
          yield* right.interrupt
          const remembered = yield* person("alice", 2, { server: unpinned })
          yield* remembered.screen.nextOf("registered")
          yield* stopServer
          yield* startServer(NodeServerIdentity.ofKey(NodeServerIdentity.generateKey()))
          yield* problem(remembered, "Server_key_changed")
          assert.strictEqual(yield* remembered.exit, 4)
        }),
    )

    promise("that is unlisted is in no list, and can be called", ({ person }) =>
      Effect.gen(function* () {
        const bob = yield* person("bob", 3, { unlisted: true, policy: "anyone" })
        yield* bob.screen.nextOf("registered")
        const alice = yield* person("alice", 2)
        yield* alice.screen.nextOf("registered")
        yield* alice.screen.type("/list")
        assert.deepStrictEqual((yield* alice.screen.nextOf("users")).users, [])
        yield* alice.screen.type(`/chat ${bob.profile.id}`)
        yield* alice.screen.nextOf("connected")
      }),
    )
  },
)

/** Somebody known is seen under another name, at the server where they were seen before. */
const sighting = (id: Person["profile"]["id"], name: string, book: ContactBook.ContactBook): ContactBook.Sighting => {
  const contact = Option.getOrThrow(ContactBook.get(book, id))
  const { server, serial } = contact
  return { id, name: name as ContactBook.Sighting["name"], server, serial, event: "Accepted", now: contact.since }
}
