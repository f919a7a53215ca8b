import { assert, describe, it } from "@effect/vitest"
import * as Arbitrary from "effect/Arbitrary"
import * as Option from "effect/Option"
import * as Conversation from "../../src/domain/Conversation.ts"
import * as arbitraries from "./arbitraries.ts"
import { alice, bobAt, close, connect, keepAlive, text, unknown } from "./ConversationSide.ts"

describe("opening", () => {
  it("sends CONNECT again and again until the other is heard", () => {
    const a = alice("readme")
    for (const now of [0, 250, 500]) assert.deepStrictEqual(a.resend(now), ["send Connect"])
    a.hears(connect(), 600)
    assert.deepStrictEqual(a.resend(750), [])
  })

  it("by the other's CONNECT sends CONNECT once more at once: the other may not have heard one", () => {
    const a = alice("readme")
    assert.deepStrictEqual(a.hears(connect(), 10), ["opened bob", "send Connect", "send KeepAlive"])
    assert.strictEqual(a.phase(), "Open")
  })

  it.each([
    ["KEEPALIVE", keepAlive(), []],
    ["a text, which is not lost", text("hi"), ["deliver hi"]],
  ] as const)("by %s of the other: anything it says counts", (_, message, then) => {
    const a = alice("readme")
    assert.deepStrictEqual(a.hears(message, 10), ["opened bob", "send Connect", "send KeepAlive", ...then])
  })

  it("does not happen by a CLOSE: it is an old conversation's", () => {
    const a = alice("readme")
    assert.deepStrictEqual(a.hears(close(), 10), [])
    assert.strictEqual(a.phase(), "Opening")
  })

  it("does not happen by a type that is not known", () => {
    const a = alice("original")
    assert.deepStrictEqual(a.hears(unknown, 10), [])
    assert.strictEqual(a.phase(), "Opening")
  })

  it("is given up when nothing was heard, and only then", () => {
    const a = alice("readme")
    assert.deepStrictEqual(a.giveUp(), ["ended unreachable"])
    const b = alice("readme")
    b.hears(connect(), 10)
    assert.deepStrictEqual(b.giveUp(), [])
  })

  it("is no time to talk, to beat or to be silent", () => {
    const a = alice("readme")
    assert.deepStrictEqual(a.say("hi"), [])
    assert.deepStrictEqual(a.beat(5000), [])
    assert.deepStrictEqual(a.silence(60_000), [])
  })
})

describe("who hears first does not leave the other waiting", () => {
  it("and answers each later CONNECT, at most four a second, until the other has shown that it is open", () => {
    for (const dialect of ["readme", "original"] as const) {
      const a = alice(dialect, { number: -1 })
      a.hears(connect(), 0)
      assert.deepStrictEqual(a.hears(connect(), 249), [])
      assert.deepStrictEqual(a.hears(connect(), 250), ["send Connect"])
      assert.deepStrictEqual(a.hears(connect(), 499), [])
      assert.deepStrictEqual(a.hears(connect(), 500), ["send Connect"])
      assert.deepStrictEqual(a.hears(keepAlive(), 510), [])
    }
  })

  it("in either order of arrival, with the first messages lost", () => {
    const play = (lostToB: number, lostToA: number) => {
      const states = {
        a: Conversation.initial({ dialect: "readme", self: "a", number: 0, peer: Option.none(), remote: bobAt }, 0),
        b: Conversation.initial({ dialect: "readme", self: "b", number: 0, peer: Option.none(), remote: bobAt }, 0),
      }
      const lost = { a: lostToA, b: lostToB }
      const on = (side: "a" | "b", event: Conversation.Event, now: number): void => {
        const [next, actions] = Conversation.step(states[side], event)
        states[side] = next
        const other = side === "a" ? "b" : "a"
        for (const action of actions) {
          if (action._tag === "Send" && lost[other]-- <= 0)
            on(other, { _tag: "Heard", message: action.message, from: bobAt, now }, now)
        }
      }
      for (let now = 0; now < 5000; now += 250) {
        on("a", { _tag: "Resend", now }, now)
        on("b", { _tag: "Resend", now: now + 10 }, now + 10)
      }
      return [states.a.phase, states.b.phase]
    }
    for (let lostToB = 0; lostToB < 8; lostToB++) {
      for (let lostToA = 0; lostToA < 8; lostToA++) {
        assert.deepStrictEqual(play(lostToB, lostToA), ["Open", "Open"])
      }
    }
  })
})

describe("two open sides", () => {
  it("do not echo each other's CONNECTs: one that has shown to be open gets KEEPALIVE, at most four a second", () => {
    const a = alice("readme")
    a.hears(keepAlive(), 0)
    for (let now = 0; now < 250; now++) assert.deepStrictEqual(a.hears(connect(), now), [])
    assert.deepStrictEqual(a.hears(connect(), 250), ["send KeepAlive"])
    for (let now = 250; now < 500; now++) assert.deepStrictEqual(a.hears(connect(), now), [])
  })

  it("never answer a text, and a KEEPALIVE at most with the token, once a second", () => {
    for (const dialect of ["readme", "original"] as const) {
      const a = alice(dialect, { number: -1 })
      a.hears(connect(), 0)
      let returned = 0
      for (let now = 1000; now < 3000; now += 10) {
        returned += a.hears(keepAlive(), now).length
        assert.deepStrictEqual(a.hears(text("hi"), now), ["deliver hi"])
      }
      assert.isAtMost(returned, dialect === "readme" ? 0 : 2)
    }
  })
})

describe("a flood of 60,000 CONNECTs in a second (SPEC section 8.3)", () => {
  it("is answered a few times", () => {
    for (const dialect of ["readme", "original"] as const) {
      const a = alice(dialect, { number: -1 })
      let sent = 0
      for (let i = 0; i < 60_000; i++) sent += a.hears(connect(5), i / 60).filter((it) => it.startsWith("send")).length
      assert.isAtMost(sent, 6)
    }
  })

  it("with a new number each is answered with a few tokens, not with one each", () => {
    const a = alice("original", { number: 2147483647 })
    let sent = 0
    for (let i = 0; i < 60_000; i++) sent += a.hears(connect(i), i / 60).filter((it) => it === "send KeepAlive").length
    assert.strictEqual(sent, 1)
  })
})

describe("while open", () => {
  it("texts go out once and come in in order of arrival", () => {
    const a = alice("readme")
    a.hears(connect(), 0)
    assert.deepStrictEqual(a.say("one"), ["send Text one"])
    assert.deepStrictEqual(a.hears(text("two"), 10), ["deliver two"])
    assert.deepStrictEqual(a.hears(text(""), 20), ["deliver "])
  })

  it("KEEPALIVE goes out at each beat, five seconds apart", () => {
    assert.strictEqual(Conversation.beatMillis("readme"), 5000)
    const a = alice("readme")
    a.hears(connect(), 0)
    for (const now of [5000, 10_000, 15_000]) assert.deepStrictEqual(a.beat(now), ["send KeepAlive"])
  })

  it("20 seconds without a sign of life are the end, not a millisecond less", () => {
    const a = alice("readme")
    a.hears(connect(), 1000)
    assert.strictEqual(a.silentAt(), 21_000)
    assert.deepStrictEqual(a.silence(20_999), [])
    assert.deepStrictEqual(a.silence(21_000), ["ended timeout"])
  })

  it.each([
    ["CONNECT", connect()],
    ["KEEPALIVE", keepAlive()],
    ["a text", text("hi")],
  ])("%s is a sign of life", (_, message) => {
    const a = alice("readme")
    a.hears(connect(), 0)
    a.hears(message, 15_000)
    assert.deepStrictEqual(a.silence(20_000), [])
    assert.strictEqual(a.silentAt(), 35_000)
  })

  it("what is said oneself is none", () => {
    const a = alice("readme")
    a.hears(connect(), 0)
    a.beat(15_000)
    a.say("still there?")
    assert.deepStrictEqual(a.silence(20_000), ["ended timeout"])
  })

  it("CLOSE of the other is the end at once", () => {
    const a = alice("readme")
    a.hears(connect(), 0)
    assert.deepStrictEqual(a.hears(close(), 10), ["ended closed_by_peer"])
  })

  it("a program that was started anew at the other end opens with a KEEPALIVE of this one", () => {
    const a = alice("readme")
    a.hears(connect(), 0)
    a.hears(keepAlive(), 10)
    assert.deepStrictEqual(a.hears(connect(), 10_000), ["send KeepAlive"])
    const restarted = Conversation.initial(
      { dialect: "readme", self: "bob", number: 0, peer: Option.none(), remote: bobAt },
      10_000,
    )
    const [open] = Conversation.step(restarted, {
      _tag: "Heard",
      message: keepAlive("alice"),
      from: bobAt,
      now: 10_020,
    })
    assert.strictEqual(open.phase, "Open")
  })
})

describe("the end", () => {
  it("by oneself is told with CLOSE, also while opening", () => {
    assert.deepStrictEqual(alice("readme").close(), ["send Close", "ended closed"])
    const a = alice("readme")
    a.hears(connect(), 0)
    assert.deepStrictEqual(a.close(), ["send Close", "ended closed"])
  })

  it("is final: whatever comes, nothing is sent, shown or opened again", () => {
    const a = alice("readme")
    a.hears(connect(), 0)
    a.close()
    for (const message of [connect(), keepAlive(), text("hi"), close()])
      assert.deepStrictEqual(a.hears(message, 10), [])
    assert.deepStrictEqual(
      [a.resend(20), a.beat(5000), a.silence(60_000), a.say("hi"), a.close(), a.giveUp()].flat(),
      [],
    )
    assert.strictEqual(a.phase(), "Closed")
  })
})

describe("the other's name", () => {
  it("is the one the server told: what anybody else says is ignored", () => {
    const a = alice("readme", { peer: "bob" })
    for (const message of [connect(0, "mallory"), keepAlive("mallory"), text("hi", "mallory"), close("mallory")]) {
      assert.deepStrictEqual(a.hears(message, 0), [])
    }
    assert.strictEqual(a.phase(), "Opening")
    assert.deepStrictEqual(a.hears(connect(), 0)[0], "opened bob")
    for (const message of [connect(0, "mallory"), keepAlive("mallory"), text("hi", "mallory"), close("mallory")]) {
      assert.deepStrictEqual(a.hears(message, 15_000), [])
    }
    assert.deepStrictEqual(a.silence(20_000), ["ended timeout"])
  })

  it("is the first one heard where nobody told it", () => {
    const a = alice("readme")
    assert.deepStrictEqual(a.hears(connect(0, "carol"), 0)[0], "opened carol")
    assert.deepStrictEqual(a.hears(text("hi", "bob"), 10), [])
    assert.deepStrictEqual(a.hears(text("hi", "carol"), 10), ["deliver hi"])
  })

  it("in the original dialect says nothing: a person may change it at any time (SPEC sections 4 and 8.6)", () => {
    const a = alice("original", { peer: "bob", number: -1 })
    assert.deepStrictEqual(a.hears(connect(0, "somebody"), 0)[0], "opened bob")
    assert.deepStrictEqual(a.hears(text("hi", "somebody else"), 10), ["deliver hi"])
  })
})

const peerMessage = arbitraries.oneOf(arbitraries.readmePeerMessage, arbitraries.originalPeerMessage)
const event = Arbitrary.all({
  _tag: arbitraries.pick("Heard", "Heard", "Heard", "Heard", "Resend", "Beat", "Silence", "Say", "Close", "GiveUp"),
  pause: arbitraries.pick(0, 1, 100, 250, 1000, 5000, 20_000),
  message: arbitraries.oneOf(
    peerMessage,
    Arbitrary.map(arbitraries.pick(-5, 5), (number) => connect(number)),
    Arbitrary.map(arbitraries.pick("bob", "mallory"), (from) => keepAlive(from)),
  ),
  text: arbitraries.pick("", "hello", "\n", "\ud800"),
})

describe("whatever happens", () => {
  it.prop(
    "a conversation opens at most once, ends at most once, and delivers and says nothing outside of that",
    [arbitraries.dialect, Arbitrary.array(event, { maxLength: 40 }), arbitraries.pick(true, false)],
    ([dialect, events, known]) => {
      let state = Conversation.initial(
        { dialect, self: "alice", number: 0, peer: known ? Option.some("bob") : Option.none(), remote: bobAt },
        0,
      )
      let now = 0
      let opened = 0
      let ended = 0
      for (const { _tag, pause, message, text } of events) {
        now += pause
        const before = state
        const [next, actions] = Conversation.step(before, {
          _tag,
          message,
          from: bobAt,
          text,
          now,
        } as Conversation.Event)
        state = next
        for (const action of actions) {
          assert.strictEqual(ended, 0)
          if (action._tag === "Opened") {
            opened++
            assert.deepStrictEqual([before.phase, next.peer], ["Opening", Option.some(action.peer)])
          }
          if (action._tag === "Ended") ended++
          if (action._tag === "Deliver") {
            assert.strictEqual(opened, 1)
            assert.isTrue(message._tag === "Text" && message.text === action.text)
          }
          if (action._tag === "Send") assert.strictEqual(action.message.from, "alice")
          if (action._tag === "Send" && action.message._tag === "Text") assert.strictEqual(opened, 1)
        }
        assert.isAtMost(actions.length, 4)
        assert.strictEqual(next.phase, ended > 0 ? "Closed" : opened > 0 ? "Open" : "Opening")
        if (before.phase === "Closed") assert.strictEqual(next, before)
      }
      assert.isTrue(opened <= 1 && ended <= 1)
    },
    { arbitrary: { runs: 600, size: 40 } },
  )
})
