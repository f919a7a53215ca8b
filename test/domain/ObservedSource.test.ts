import { assert, describe, it } from "@effect/vitest"
import * as Arbitrary from "effect/Arbitrary"
import * as Option from "effect/Option"
import * as Conversation from "../../src/domain/Conversation.ts"
import { type Endpoint, equals, format } from "../../src/domain/Endpoint.ts"
import * as ObservedSource from "../../src/domain/ObservedSource.ts"
import type { PeerMessage } from "../../src/domain/PeerMessage.ts"
import * as arbitraries from "./arbitraries.ts"
import { alice, bobAt, close, connect, keepAlive, text, unknown } from "./ConversationSide.ts"

/** Where a NAT shows bob instead, and where somebody else is. */
const seen: Endpoint = { ...bobAt, port: 23_456 }
const elsewhere: Endpoint = { ...bobAt, port: 34_567 }
const otherAddress: Endpoint = { ...bobAt, address: "198.51.100.66" }
const { quietMillis } = ObservedSource

describe("while opening", () => {
  it("a CONNECT that comes from another port is answered to where it came from, and there the chat goes on", () => {
    const a = alice("readme", { peer: "bob" })
    assert.deepStrictEqual(a.resend(0), ["send Connect"])
    assert.deepStrictEqual(a.hears(connect(), 10, seen), ["send Connect to 198.51.100.3:23456", "opened bob"])
    assert.deepStrictEqual(a.hears(keepAlive(), 30, seen), ["send KeepAlive to 198.51.100.3:23456"])
    assert.deepStrictEqual(a.say("hello"), ["send Text hello to 198.51.100.3:23456"])
    assert.deepStrictEqual(a.hears(text("hi"), 40, seen), ["deliver hi"])
  })

  it("the same with the older program, whose floods and echoes of CONNECT show that it hears", () => {
    const a = alice("original", { peer: "bob", number: 100 })
    assert.deepStrictEqual(a.hears(connect(0), 10, seen), ["send Connect to 198.51.100.3:23456", "opened bob"])
    assert.deepStrictEqual(a.say("hello"), [])
    assert.deepStrictEqual(a.hears(connect(0), 11, seen), [
      "send KeepAlive to 198.51.100.3:23456",
      "send Text hello to 198.51.100.3:23456",
    ])
  })

  it("another address is nobody, nor is another name, a CLOSE or an unknown type at another port", () => {
    for (const dialect of ["readme", "original"] as const) {
      const a = alice(dialect, { peer: "bob" })
      for (const message of [connect(), keepAlive(), text("hi")]) {
        assert.deepStrictEqual(a.hears(message, 0, otherAddress), [])
        assert.deepStrictEqual(a.hears({ ...message, from: "mallory" } as PeerMessage, 0, seen), [])
      }
      assert.deepStrictEqual(a.hears(close(), 0, seen), [])
      assert.deepStrictEqual(a.hears(unknown, 0, seen), [])
      assert.deepStrictEqual([a.phase(), a.remote()], ["Opening", bobAt])
    }
  })

  it("with an address that was typed, where nobody knows the name, the first one at any port of it is who was meant", () => {
    const a = alice("readme")
    assert.deepStrictEqual(a.hears(connect(0, "carol"), 0, otherAddress), [])
    assert.deepStrictEqual(a.hears(connect(0, "carol"), 0, seen)[1], "opened carol")
  })

  it("whoever took the chat from another port gives it back as soon as somebody speaks from the announced one", () => {
    const a = alice("readme", { peer: "bob" })
    a.hears(connect(), 0, elsewhere)
    a.hears(keepAlive(), 1, elsewhere)
    a.hears(text("I am bob, believe me"), 2, elsewhere)
    assert.deepStrictEqual(a.hears(connect(), 10), ["send KeepAlive"])
    assert.deepStrictEqual(a.hears(text("no, me"), 10 + quietMillis - 1, elsewhere), [])
    assert.deepStrictEqual(a.say("hello"), ["send Text hello"])
  })
})

describe("while open", () => {
  const open = (dialect: "readme" | "original") => {
    const a = alice(dialect, { peer: "bob", number: -1 })
    a.hears(connect(), 0)
    a.hears(keepAlive(), 0)
    return a
  }

  it("another port is nobody as long as bob speaks", () => {
    for (const dialect of ["readme", "original"] as const) {
      const a = open(dialect)
      for (let now = 0; now < 60_000; now += 500) {
        if (now % 5000 === 0) a.hears(keepAlive(), now)
        for (const message of [connect(), keepAlive(), text("hi"), close()]) {
          assert.deepStrictEqual(a.hears(message, now + 1, elsewhere), [])
        }
      }
      assert.deepStrictEqual([a.phase(), a.remote()], ["Open", bobAt])
    }
  })

  it("one whose NAT started anew is followed once the port so far has been silent, and is asked for a word first", () => {
    const a = open("readme")
    assert.deepStrictEqual(a.hears(text("can you hear me?"), quietMillis - 1, seen), [])
    assert.deepStrictEqual(a.hears(text("and now?"), quietMillis, seen), [
      "send Connect to 198.51.100.3:23456",
      "deliver and now?",
    ])
    assert.deepStrictEqual(a.say("yes"), [])
    assert.deepStrictEqual(a.hears(keepAlive(), quietMillis + 40, seen), ["send Text yes to 198.51.100.3:23456"])
    // The next one needs as long a silence again.
    assert.deepStrictEqual(a.hears(keepAlive(), quietMillis + 41, elsewhere), [])
  })

  it("another name at another port is nobody in either dialect, however silent bob is", () => {
    for (const dialect of ["readme", "original"] as const) {
      assert.deepStrictEqual(open(dialect).hears(connect(7, "mallory"), 19_000, seen), [])
    }
  })

  it("a port that has not shown that it hears us can't end the chat", () => {
    const a = open("readme")
    a.hears(keepAlive(), quietMillis, seen)
    assert.deepStrictEqual(a.hears(close(), quietMillis + 1, seen), [])
    a.hears(keepAlive(), quietMillis + 2, seen)
    assert.deepStrictEqual(a.hears(close(), quietMillis + 3, seen), ["ended closed_by_peer"])
  })

  it("what is said to a port that does not show that it hears waits, a few texts and one sign of life of it", () => {
    const a = alice("readme", { peer: "bob" })
    a.hears(connect(), 0, seen)
    for (let i = 0; i < 1000; i++) {
      assert.deepStrictEqual(a.say(`${i}`), [])
      assert.deepStrictEqual(a.beat(i), [])
    }
    assert.strictEqual(a.hears(keepAlive(), 1000, seen).length, ObservedSource.maxHeld)
    assert.deepStrictEqual(a.say("one more"), ["send Text one more to 198.51.100.3:23456"])
  })
})

const sources = [bobAt, seen, elsewhere, otherAddress]
const oneOf = <A>(values: ReadonlyArray<A>): Arbitrary.Arbitrary<A> =>
  Arbitrary.map(arbitraries.integer(0, values.length - 1), (index) => values[index]!)
const messages: ReadonlyArray<PeerMessage> = [
  connect(1),
  connect(2),
  connect(1, "mallory"),
  keepAlive(),
  keepAlive("mallory"),
  text("hi"),
  close(),
  unknown,
]
const event = Arbitrary.all({
  _tag: arbitraries.pick("Heard", "Heard", "Heard", "Heard", "Resend", "Beat", "Silence", "Say", "Close"),
  pause: arbitraries.pick(0, 1, 250, 1000, 5000, 9000),
  from: oneOf(sources),
  message: oneOf(messages),
})

describe("whoever sends whatever from wherever", () => {
  it.prop(
    "gets no more datagrams at a port than came from it until it has answered one, and moves nothing while bob speaks",
    [arbitraries.dialect, Arbitrary.array(event, { maxLength: 60 }), arbitraries.pick(true, false)],
    ([dialect, events, known]) => {
      const peer = known ? Option.some("bob") : Option.none()
      let state = Conversation.initial({ dialect, self: "alice", number: 0, peer, remote: bobAt }, 0)
      let now = 0
      const at = new Map(sources.map((source) => [format(source), { came: 0, went: 0, hasAnswered: false }]))
      for (const { _tag, pause, from, message } of events) {
        now += pause
        const before = state
        const [next, actions] = Conversation.step(before, { _tag, message, from, text: "a", now } as Conversation.Event)
        state = next
        if (_tag === "Heard") {
          const source = at.get(format(from))!
          source.came++
          if (source.went > 0 && (dialect === "original" || message._tag !== "Connect")) source.hasAnswered = true
        }
        for (const action of actions) {
          if (action._tag !== "Send") continue
          const to = at.get(format(action.to))!
          to.went++
          assert.strictEqual(action.to.address, bobAt.address)
          assert.isTrue(to.went <= to.came || to.hasAnswered || equals(action.to, bobAt))
        }
        assert.isAtMost(state.source.held.length, ObservedSource.maxHeld)
        if (equals(before.source.remote, state.source.remote)) continue
        assert.strictEqual(_tag, "Heard")
        assert.isTrue(!Option.isSome(before.peer) || message.from === before.peer.value || equals(from, bobAt))
        const isLate = now - before.source.heardAt >= quietMillis
        assert.isTrue(before.phase === "Opening" || equals(from, bobAt) || isLate)
      }
    },
    { arbitrary: { runs: 600, size: 60 } },
  )
})
