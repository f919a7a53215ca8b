import { assert, describe, it } from "@effect/vitest"
import type { Self } from "../../../src/domain/call/CallHandshake.ts"
import * as DirectDatagram from "../../../src/domain/direct/DirectDatagram.ts"
import * as DirectOpening from "../../../src/domain/direct/DirectOpening.ts"
import * as arbitraries from "../arbitraries.ts"
import { alice, bob, mallory } from "../call/handshakes.ts"
import { bytesOf, primitives } from "../crypto/primitives.ts"
import { meet, Side } from "./DirectSides.ts"

const chatId = bytesOf("chat", 16)

/** Somebody who goes on with a chat with somebody. */
const goingOn = (self: Self, label: string, other: Self, id = chatId): Side =>
  new Side(self, label, primitives, { chatId: id, with: other.identity.id })

/** Both ways round: who has the larger nonce is the initiator. */
const bothRoles = (check: (labels: readonly [string, string]) => boolean): void => {
  const roles = new Set<boolean>()
  for (let i = 0; i < 8; i++) roles.add(check([`a${i}`, `b${i}`]))
  assert.strictEqual(roles.size, 2)
}

const isInitiator = (one: Side, other: Side): boolean =>
  Buffer.compare(one.state.config.nonce, other.state.config.nonce) > 0

/** Alice seeks, and all that both say arrives, for so long. */
const seeks = (alice: Side, bob: Side, until = 5000) => {
  alice.on({ _tag: "Seek", now: -1000 })
  return meet({ alice, bob }, undefined, until)
}

describe("an opening of a chat that goes on", () => {
  it("says nothing unasked, and three times CONNECT when it seeks", () => {
    const a = goingOn(alice, "a", bob)
    assert.strictEqual(DirectOpening.dueAt(a.state), Infinity)
    assert.lengthOf(a.on({ _tag: "Due", now: 0 }), 0)
    const said = [a.on({ _tag: "Seek", now: 1000 })]
    while (DirectOpening.dueAt(a.state) < Infinity) said.push(a.on({ _tag: "Due", now: DirectOpening.dueAt(a.state) }))
    assert.deepStrictEqual(
      said.map(([datagram, ...more]) => [datagram?.length, more.length]),
      [
        [36, 0],
        [36, 0],
        [36, 0],
      ],
    )
    // A timer that comes late does no harm.
    a.on({ _tag: "Seek", now: 50_000 })
    a.on({ _tag: "Due", now: 90_000 })
    assert.strictEqual(DirectOpening.dueAt(a.state), Infinity)
  })

  it("has keys with the same person in the same chat, also when that one does not seek", () =>
    bothRoles(([a, b]) => {
      const sides = seeks(goingOn(alice, a, bob), goingOn(bob, b, alice))
      assert.deepStrictEqual([sides.alice.keys.length, sides.bob.keys.length], [1, 1])
      assert.deepStrictEqual(sides.alice.keys[0]!.record.send, sides.bob.keys[0]!.record.receive)
      assert.deepStrictEqual([sides.alice.forgotten, sides.bob.forgotten], [0, 0])
      return isInitiator(sides.alice, sides.bob)
    }))

  it("is alike from outside whether a chat goes on or begins", () => {
    const lengths = ({ sent }: Side) => sent.filter(({ length }) => length > 36).map(({ length }) => length)
    const first = meet({ alice: new Side(alice, "a"), bob: new Side(bob, "b") })
    const next = seeks(goingOn(alice, "a", bob), goingOn(bob, "b", alice))
    assert.deepStrictEqual(lengths(next.alice), lengths(first.alice))
    assert.deepStrictEqual(lengths(next.bob), lengths(first.bob))
  })

  it("has none with somebody else, whatever chat that one wants to go on with, and takes the chat for no less", () =>
    bothRoles(([a, b]) => {
      for (const impostor of [goingOn(mallory, b, alice), new Side(mallory, b)]) {
        const { alice: victim } = seeks(goingOn(alice, a, bob), impostor)
        assert.deepStrictEqual([victim.keys.length, victim.forgotten], [0, 0])
        // Nor does a stranger learn who she is from XX3.
        assert.isFalse(victim.sent.some(([type, message]) => type === 3 && message === 3))
      }
      return isInitiator(goingOn(alice, a, bob), goingOn(mallory, b, alice))
    }))

  it("learns when the same person knows no such chat, who is told nothing but that, and goes on with what it did", () =>
    bothRoles(([a, b]) => {
      for (const other of [new Side(bob, b), goingOn(bob, b, alice, bytesOf("another chat", 16))]) {
        const sides = seeks(goingOn(alice, a, bob), other)
        assert.isAbove(sides.alice.forgotten, 0)
        assert.deepStrictEqual([sides.alice.keys.length, sides.bob.keys.length], [0, 0])
      }
      const fresh = seeks(goingOn(alice, a, bob), new Side(bob, b)).bob
      const { keys } = meet({ alice: new Side(alice, `${a} anew`), bob: fresh }, undefined, 20_000).bob
      assert.deepStrictEqual(keys[0]?.peer.id, alice.identity.id)
      return isInitiator(goingOn(alice, a, bob), fresh)
    }))

  it("is not kept from the genuine other side by somebody else with the same nonce", () =>
    bothRoles(([a, b]) => {
      const victim = goingOn(alice, a, bob)
      seeks(victim, goingOn(mallory, b, alice), 2000)
      assert.deepStrictEqual(victim.keys, [])
      const sides = seeks(victim, goingOn(bob, b, alice), 20_000)
      assert.deepStrictEqual(sides.alice.keys[0]?.peer.id, bob.identity.id)
      assert.lengthOf(sides.bob.keys, 1)
      return isInitiator(sides.alice, sides.bob)
    }))

  it("drops an other side that nothing comes of, and says nothing to it any more", () => {
    const a = goingOn(alice, "a", bob)
    let now = 0
    for (let i = 0; i < 4; i++) {
      const nonce = bytesOf(`nobody ${i}`, 16)
      a.hear(DirectDatagram.encode({ _tag: "Connect", nonce, echo: a.state.config.nonce }), now)
    }
    assert.lengthOf(a.state.others, 4)
    const before = a.sent.length
    while (DirectOpening.dueAt(a.state) < Infinity) {
      a.on({ _tag: "Due", now: (now = DirectOpening.dueAt(a.state)) })
      assert.isAtMost(now, DirectOpening.otherMillis + DirectOpening.resendMillis)
    }
    assert.isAtMost(a.sent.length - before, 4 * 2 * (DirectOpening.otherMillis / DirectOpening.resendMillis))
    a.on({ _tag: "Seek", now: now + 60_000 })
    assert.deepStrictEqual(a.state.others, [])
  })

  it.prop(
    "whatever is sent, nothing throws, there are no keys, and the chat is not forgotten",
    [arbitraries.bytes, arbitraries.integer(0, 3)],
    ([bytes, type]) => {
      const side = goingOn(alice, "a", bob)
      side.hear(Uint8Array.of(type, ...bytes), 1)
      assert.deepStrictEqual([side.state.others.length, side.keys.length, side.forgotten], [0, 0, 0])
    },
    arbitraries.thorough,
  )
})
