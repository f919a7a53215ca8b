import { assert, describe, it } from "@effect/vitest"
import { Clock, Effect, Option, Random } from "effect"
import * as NodePeerTransport from "nomitm/adapters/node/NodePeerTransport"
import * as Fingerprint from "nomitm/domain/identity/Fingerprint"
import type { PersonName } from "nomitm/domain/PersonName"
import * as ContactBook from "nomitm/domain/profile/ContactBook"
import type { Event } from "nomitm/domain/profile/Trust"
import { PeerTransport } from "nomitm/services/PeerTransport"
import type { Profile } from "nomitm/services/profile/Profile"
import { primitives } from "../../domain/crypto/primitives.ts"
import { inVirtualTime } from "../../virtualTime.ts"
import * as Stage from "./DirectStage.ts"

const fingerprintOf = (label: string): string => Fingerprint.of(primitives, Stage.idOf(label))

const somebody = (stage: Stage.Stage, name: Stage.Name, options: Stage.PersonOptions = {}) =>
  Stage.person(stage.transports[name], { remote: stage.at[Stage.other(name)] }, name, options)

const problem = ({ screen }: Stage.Person, code: string) =>
  Effect.repeat(screen.nextOf("error"), { until: (event) => event.event === "error" && event.code === code })

/** Somebody whom this profile knows already. */
const knows = (profile: Profile["Service"], label: string, event: Event, server = "") =>
  Effect.orDie(
    profile.updateContacts((book) =>
      ContactBook.met(book, { id: Stage.idOf(label), name: label as PersonName, server, serial: 0, event, now: 0 }),
    ),
  )

describe("a peer with keys and without a server", () => {
  it.effect("asks both people, talks when both have said yes, and ends with the chat", () =>
    inVirtualTime(
      Effect.gen(function* () {
        const stage = yield* Stage.make()
        const [alice, bob] = [yield* somebody(stage, "alice"), yield* somebody(stage, "bob")]
        assert.deepInclude(yield* alice.screen.next, { event: "listening", port: Stage.port })
        assert.deepEqual(yield* alice.screen.next, { event: "calling", peer: "198.51.100.3:21000" })
        const fingerprint = fingerprintOf("bob")
        // The name is what bob says, and nobody vouches for it: a stranger is called by the key.
        assert.deepEqual(yield* alice.screen.next, {
          event: "incoming",
          peer: fingerprint,
          trust: "unknown",
          fingerprint,
        })
        yield* bob.screen.nextOf("incoming")
        yield* alice.screen.type("/accept")
        yield* Effect.sleep("20 seconds")
        yield* alice.screen.type("/safety")
        assert.deepEqual(yield* alice.screen.next, {
          event: "error",
          code: "No_chat",
          message: "The chat with 198.51.100.3:21000 has not begun yet.",
          hint: "Wait, or type /close to give it up.",
        })
        yield* bob.screen.type("/accept")
        const connected = yield* alice.screen.next
        assert.deepEqual(connected, {
          event: "connected",
          peer: fingerprint,
          kind: "direct",
          address: "198.51.100.3:21000",
          trust: "unknown",
          fingerprint,
        })
        yield* alice.screen.type("hello")
        assert.strictEqual((yield* bob.screen.nextOf("message")).text, "hello")
        yield* bob.screen.type("/close")
        assert.strictEqual((yield* alice.screen.nextOf("closed")).reason, "closed_by_peer")
        assert.deepStrictEqual([yield* alice.exit, yield* bob.exit], [Option.some(0), Option.some(0)])
      }),
    ),
  )

  it.effect("says nothing but the opening before its person has said yes, and no text leaves before both have", () =>
    inVirtualTime(
      Effect.gen(function* () {
        const stage = yield* Stage.make()
        const [alice, bob] = [yield* somebody(stage, "alice"), yield* somebody(stage, "bob")]
        yield* alice.screen.nextOf("incoming")
        yield* alice.screen.type("a secret")
        yield* bob.screen.nextOf("incoming")
        yield* Effect.sleep("20 seconds")
        assert.isFalse(stage.sent.some(({ datagram }) => datagram[0] === 1))
        yield* bob.screen.type("/accept")
        yield* Effect.sleep("20 seconds")
        assert.isFalse(stage.sent.some(({ from, datagram }) => from === "alice" && datagram[0] === 1))
        yield* alice.screen.type("/accept")
        assert.strictEqual((yield* bob.screen.nextOf("message")).text, "a secret")
        const wire = stage.sent.map(({ datagram }) => new TextDecoder("latin1").decode(datagram)).join()
        assert.notInclude(wire, "a secret")
      }),
    ),
  )

  it.effect("lets in unasked whom it was told to expect, by id, and whom it knows", () =>
    inVirtualTime(
      Effect.gen(function* () {
        const stage = yield* Stage.make()
        const profile = yield* Stage.profileOf("bob")
        yield* knows(profile, "alice", "Confirmed", "chat.example.org:6969")
        const alice = yield* somebody(stage, "alice", { expected: Stage.idOf("bob"), policy: "contacts" })
        const bob = yield* somebody(stage, "bob", { profile })
        assert.strictEqual((yield* alice.screen.nextOf("connected")).trust, "introduced")
        const { peer, trust } = yield* bob.screen.nextOf("connected")
        assert.deepStrictEqual([peer, trust], ["alice", "verified"])
        // Where bob knows her from is kept: there the name is hers, and nobody else's.
        yield* bob.screen.type("/safety")
        yield* bob.screen.nextOf("safety")
        yield* bob.screen.type("/verify yes")
        yield* bob.screen.nextOf("trust")
        const known = ContactBook.named(yield* profile.contacts, "chat.example.org:6969", "alice")
        assert.deepStrictEqual(
          Option.map(known, ({ id }) => id),
          Option.some(Stage.idOf("alice")),
        )
      }),
    ),
  )

  it.effect("says nothing of what is in the way to somebody who has only not said yes yet", () =>
    inVirtualTime(
      Effect.gen(function* () {
        const stage = yield* Stage.make()
        const alice = yield* somebody(stage, "alice", { expected: Stage.idOf("bob"), policy: "contacts" })
        const bob = yield* somebody(stage, "bob", { policy: "ask" })
        yield* bob.screen.nextOf("incoming")
        yield* Effect.sleep("20 seconds")
        yield* bob.screen.type("/accept")
        const shown = [yield* alice.screen.next]
        while (shown.at(-1)!.event !== "connected") shown.push(yield* alice.screen.next)
        yield* alice.screen.type("hello")
        while (shown.at(-1)!.event !== "delivered") shown.push(yield* alice.screen.next)
        assert.notInclude(
          shown.map(({ event }) => event),
          "stuck",
        )
      }),
    ),
  )

  it.effect("refuses another key than the one expected, with both fingerprints, and exits with 4", () =>
    inVirtualTime(
      Effect.gen(function* () {
        const stage = yield* Stage.make()
        const alice = yield* somebody(stage, "alice", { expected: Stage.idOf("bob"), policy: "anyone" })
        const bob = yield* somebody(stage, "bob", { label: "mallory", policy: "anyone" })
        const { message } = yield* problem(alice, "Key_changed")
        assert.include(message, fingerprintOf("bob"))
        assert.include(message, fingerprintOf("mallory"))
        assert.deepStrictEqual(yield* alice.exit, Option.some(4))
        assert.isFalse(stage.sent.some(({ from, datagram }) => from === "alice" && datagram[0] === 1))
        assert.strictEqual((yield* bob.screen.nextOf("closed")).reason, "unreachable")
        assert.deepStrictEqual(yield* bob.exit, Option.some(3))
      }),
    ),
  )

  for (const policy of ["contacts", "invited"] as const) {
    it.effect(`turns a stranger away who is not admitted (${policy}), with 4, and the stranger learns of it`, () =>
      inVirtualTime(
        Effect.gen(function* () {
          const stage = yield* Stage.make()
          const alice = yield* somebody(stage, "alice", { policy })
          const bob = yield* somebody(stage, "bob", { policy: "anyone" })
          yield* problem(alice, "Not_admitted")
          assert.deepStrictEqual(yield* alice.exit, Option.some(4))
          yield* problem(bob, "Declined")
          assert.deepStrictEqual(yield* bob.exit, Option.some(1))
          assert.isBelow(yield* Clock.currentTimeMillis, 3000)
        }),
      ),
    )
  }

  it.effect("asks again about a contact whose key was denied", () =>
    inVirtualTime(
      Effect.gen(function* () {
        const stage = yield* Stage.make()
        const profile = yield* Stage.profileOf("bob")
        yield* knows(profile, "alice", "Denied")
        yield* somebody(stage, "alice", { policy: "anyone" })
        const bob = yield* somebody(stage, "bob", { profile })
        assert.deepInclude(yield* bob.screen.nextOf("incoming"), { peer: "alice", trust: "unknown" })
      }),
    ),
  )

  it.effect("a person declines: both programs end, the other one with Declined, also if it says yes only then", () =>
    Effect.forEach([0, 5000], (late) =>
      inVirtualTime(
        Effect.gen(function* () {
          const stage = yield* Stage.make()
          const [alice, bob] = [yield* somebody(stage, "alice"), yield* somebody(stage, "bob")]
          yield* Effect.all([alice.screen.nextOf("incoming"), bob.screen.nextOf("incoming")])
          if (late === 0) yield* bob.screen.type("/accept")
          yield* Effect.sleep("1 second")
          yield* alice.screen.type("/decline")
          assert.deepStrictEqual(yield* alice.exit, Option.some(0))
          yield* Effect.sleep(late)
          if (late > 0) yield* bob.screen.type("/accept")
          yield* problem(bob, "Declined")
          assert.deepStrictEqual(yield* bob.exit, Option.some(1))
        }),
      ),
    ),
  )

  for (const leave of ["/quit", "/cancel"]) {
    it.effect(
      `a person leaves instead of answering (${leave}): the other program ends, and another start finds another`,
      () =>
        inVirtualTime(
          Effect.gen(function* () {
            const stage = yield* Stage.make()
            const alice = yield* somebody(stage, "alice")
            const bob = yield* somebody(stage, "bob", { policy: "anyone" })
            yield* alice.screen.nextOf("incoming")
            yield* alice.screen.type(leave)
            yield* alice.exit
            yield* problem(bob, "Declined")
            yield* bob.exit
            const again = yield* somebody(stage, "alice", { policy: "anyone" })
            yield* somebody(stage, "bob", { policy: "anyone" })
            assert.strictEqual((yield* again.screen.nextOf("connected")).fingerprint, fingerprintOf("bob"))
          }),
        ),
    )
  }

  it.effect("a person who does not answer within a minute: the program ends", () =>
    inVirtualTime(
      Effect.gen(function* () {
        const stage = yield* Stage.make()
        const alice = yield* somebody(stage, "alice")
        yield* somebody(stage, "bob", { policy: "anyone" })
        yield* alice.screen.nextOf("incoming")
        const start = yield* Clock.currentTimeMillis
        yield* problem(alice, "No_answer")
        assert.isAtMost(Math.abs((yield* Clock.currentTimeMillis) - start - 60_000), 100)
        assert.deepStrictEqual(yield* alice.exit, Option.some(1))
      }),
    ),
  )

  it.effect("nobody there: it ends after two minutes as unreachable, with 3, and /cancel ends it before", () =>
    inVirtualTime(
      Effect.gen(function* () {
        const stage = yield* Stage.make()
        const start = yield* Clock.currentTimeMillis
        const alice = yield* somebody(stage, "alice")
        yield* alice.screen.type("a text")
        assert.strictEqual((yield* alice.screen.nextOf("closed")).reason, "unreachable")
        assert.isAtMost(Math.abs((yield* Clock.currentTimeMillis) - start - 120_000), 100)
        yield* problem(alice, "Not_sent")
        assert.deepStrictEqual(yield* alice.exit, Option.some(3))
        const bob = yield* somebody(stage, "bob")
        yield* Effect.sleep("1 second")
        yield* bob.screen.type("/cancel")
        yield* problem(bob, "Cancelled")
        assert.deepStrictEqual(yield* bob.exit, Option.some(1))
      }),
    ),
  )

  it.effect("comes up over a network that loses 30 %, whichever begins", () =>
    Effect.forEach(Array.from({ length: 6 }), (_, seed) =>
      inVirtualTime(
        Effect.gen(function* () {
          const stage = yield* Stage.make({ link: { loss: 0.3, jitterMillis: 30 } })
          const first = seed % 2 === 0 ? ("alice" as const) : ("bob" as const)
          const one = yield* somebody(stage, first, { policy: "anyone" })
          yield* Effect.sleep(seed * 700)
          const two = yield* somebody(stage, Stage.other(first), { policy: "anyone" })
          yield* Effect.all([one.screen.nextOf("connected"), two.screen.nextOf("connected")])
          yield* one.screen.type("hello")
          yield* one.screen.type("/close")
          yield* two.screen.nextOf("closed")
          yield* Effect.all([one.exit, two.exit])
        }).pipe(Effect.scoped, Random.withSeed(`way ${seed}`)),
      ),
    ),
  )

  it.effect("the short string is the same on both sides, and shows as trust", () =>
    inVirtualTime(
      Effect.gen(function* () {
        const stage = yield* Stage.make()
        const alice = yield* somebody(stage, "alice", { policy: "anyone" })
        const bob = yield* somebody(stage, "bob", { policy: "anyone" })
        yield* Effect.all([alice.screen.nextOf("connected"), bob.screen.nextOf("connected")])
        yield* alice.screen.type("/verify")
        const [ours, theirs] = [yield* alice.screen.nextOf("sas"), yield* bob.screen.nextOf("sas")]
        assert.deepStrictEqual([ours.words, ours.digits], [theirs.words, theirs.digits])
        yield* alice.screen.type("/verify yes")
        assert.strictEqual((yield* alice.screen.nextOf("trust")).trust, "verified")
        const contact = ContactBook.get(yield* alice.profile.contacts, Stage.idOf("bob"))
        assert.deepStrictEqual(
          Option.map(contact, ({ name, trust, server }) => [name, trust, server]),
          Option.some(["bob", "verified", ""]),
        )
      }),
    ),
  )

  it.effect("what can't be done without a server is said so", () =>
    inVirtualTime(
      Effect.gen(function* () {
        const stage = yield* Stage.make()
        const alice = yield* somebody(stage, "alice")
        yield* Effect.sleep("1 second")
        for (const line of ["/list", "/chat bob"]) {
          yield* alice.screen.type(line)
          yield* problem(alice, "No_server")
        }
        yield* alice.screen.type("/accept")
        assert.notInclude((yield* problem(alice, "No_call")).hint, "/chat")
        for (const line of ["/net", "/safety", "/verify", "/close"]) {
          yield* alice.screen.type(line)
          const { message, hint } = yield* problem(alice, "Already_calling")
          assert.strictEqual(message, "Your call to 198.51.100.3:21000 has not been answered yet.", line)
          assert.strictEqual(hint, "Type /cancel to give it up.")
        }
      }),
    ),
  )

  it.live("on the sockets of this machine, in real time", () =>
    Effect.gen(function* () {
      const transport = yield* PeerTransport
      const free = Effect.scoped(Effect.map(transport.bind({ port: 0, address: "127.0.0.1" }), ({ local }) => local))
      const [a, b] = [yield* free, yield* free]
      const at = (own: typeof a, remote: typeof a) => ({ remote, localPort: own.port, localAddress: own.address })
      const alice = yield* Stage.person(transport, at(a, b), "alice", { policy: "anyone" })
      const bob = yield* Stage.person(transport, at(b, a), "bob", { expected: Stage.idOf("alice") })
      yield* alice.screen.nextOf("connected")
      yield* bob.screen.nextOf("connected")
      yield* alice.screen.type("hello")
      assert.strictEqual((yield* bob.screen.nextOf("message")).text, "hello")
      yield* alice.screen.type("/quit")
      assert.deepStrictEqual([yield* alice.exit, yield* bob.exit], [Option.some(0), Option.some(0)])
    }).pipe(Effect.scoped, Effect.provide(NodePeerTransport.layer)),
  )
})
