import { assert, describe, it } from "@effect/vitest"
import * as Arbitrary from "effect/Arbitrary"
import * as HashMap from "effect/HashMap"
import * as Option from "effect/Option"
import * as PersonId from "../../../src/domain/identity/PersonId.ts"
import * as Base64Field from "../../../src/domain/nomitm1/Base64Field.ts"
import * as PassQuota from "../../../src/domain/nomitm1/PassQuota.ts"
import * as ServerCalls from "../../../src/domain/nomitm1/ServerCalls.ts"
import type { PersonName } from "../../../src/domain/PersonName.ts"
import { integer, pick } from "../arbitraries.ts"

const party = (number: number, key = number): ServerCalls.Party => ({
  number,
  name: `user${number}` as PersonName,
  id: PersonId.ofBytes(new Uint8Array(32).fill(key)),
  address: `198.51.100.${number}`,
})
const idOf = (n: number) => Uint8Array.from({ length: 16 }, (_, i) => (i < 2 ? n >> (8 * i) : 9))
const keyOf = (n: number) => Base64Field.encode(idOf(n))
const m1 = new Uint8Array(1800).fill(1)
const hash = new Uint8Array(32).fill(2)

/** A server's calls, and what has been said. */
class Desk {
  state: ServerCalls.State
  said: Array<string> = []
  now = 1_000_000

  constructor(relays = true) {
    this.state = ServerCalls.initial(relays)
  }

  raise(event: ServerCalls.Event): this {
    const [next, actions] = ServerCalls.step(this.state, event)
    this.state = next
    for (const action of actions) {
      switch (action._tag) {
        case "Tell": {
          const { message } = action
          const detail =
            message._tag === "Ended"
              ? ` ${message.code}`
              : message._tag === "StartChat"
                ? ` ${message.endpoint.address} ${message.endpoint.port} ${message.name}`
                : message._tag === "StartRelayOnly"
                  ? ` ${message.name}`
                  : message._tag === "Error"
                    ? ` ${message.code}`
                    : message._tag === "Pass"
                      ? ` ${message.data.length}`
                      : ""
          this.said.push(`${action.to}: ${message._tag}${detail}`)
          break
        }
        case "Carry":
          assert.strictEqual(action.by, this.idOf(action.message.callId, action.to))
          this.said.push(`carry to ${action.to}: ${action.message.record.length}`)
          break
        case "SetTimer":
          this.said.push(`timer ${action.millis}`)
          break
        case "Answered":
          this.said.push(`answered by ${action.by}: ${action.free}`)
          break
        case "Negotiate":
          this.said.push("negotiate")
          break
        case "Forget":
          this.said.push("stop")
          break
        case "Report":
          this.said.push(`report ${action.event.event}`)
      }
    }
    return this
  }
  chat(caller: ServerCalls.Party, callee: ServerCalls.Party | undefined, call: number): this {
    return this.raise({ _tag: "Chat", caller, callee, callId: idOf(call), callerHash: hash, m1, now: this.now })
  }
  pass(from: number, call: number, bytes = 80): this {
    return this.raise({ _tag: "Pass", from, callId: idOf(call), data: new Uint8Array(bytes), now: this.now })
  }
  relay(from: number, call: number, bytes = 96): this {
    return this.raise({ _tag: "Relay", from, callId: idOf(call), record: new Uint8Array(bytes) })
  }
  found(call: number, port = 50_000): this {
    return this.raise({ _tag: "PortFound", key: keyOf(call), port })
  }
  /** A call from its beginning to STARTCHAT. */
  started(caller: ServerCalls.Party, callee: ServerCalls.Party, call: number): this {
    return this.chat(caller, callee, call).accept(callee.number, call).found(call)
  }
  /** Whose the other side of a call is. */
  private idOf(callId: Uint8Array, to: number): PersonId.PersonId | undefined {
    const call = Option.getOrUndefined(HashMap.get(this.state.calls, Base64Field.encode(callId)))
    return call?.caller.number === to ? call.callee.id : call?.callee.number === to ? call.caller.id : undefined
  }
  accept(from: number, call: number): this {
    return this.raise({ _tag: "Accept", from, callId: idOf(call) })
  }
  end(from: number, call: number, code: "Declined" | "Cancelled" | "Failed" = "Declined"): this {
    return this.raise({ _tag: "End", from, callId: idOf(call), code })
  }
  answer(from: number, call: number, free = true): this {
    return this.raise({ _tag: "Answer", from, callId: idOf(call), free })
  }
  /** What was said since the last look. */
  hear(): ReadonlyArray<string> {
    const said = this.said
    this.said = []
    return said
  }
  /** Nothing is kept of any call. */
  assertEmpty(): void {
    assert.strictEqual(HashMap.size(this.state.calls), 0)
    assert.strictEqual(HashMap.size(this.state.parts), 0)
  }
}

const [alice, bob, carol] = [party(1), party(2), party(3)]

describe("calls at a server", () => {
  it("ring, are accepted, negotiate a port and start; a day later they are forgotten, and both hear it", () => {
    const desk = new Desk().chat(alice, bob, 1)
    assert.deepStrictEqual(desk.hear(), ["2: Incoming", "timer 75000", "report call"])
    desk.pass(2, 1).pass(1, 1).pass(2, 1)
    assert.deepStrictEqual(desk.hear(), ["1: Pass 80", "2: Pass 80", "1: Pass 80"])
    desk.accept(2, 1)
    assert.deepStrictEqual(desk.hear(), ["stop", "negotiate"])
    desk.answer(1, 1).answer(2, 1, false)
    assert.deepStrictEqual(desk.hear(), ["answered by 1: true", "answered by 2: false"])
    desk.raise({ _tag: "PortFound", key: keyOf(1), port: 50_000 })
    assert.deepStrictEqual(desk.hear(), [
      "1: StartChat 198.51.100.2 50000 user2",
      "2: StartChat 198.51.100.1 50000 user1",
      "timer 86400000",
      "report chat",
    ])
    desk.pass(1, 1).raise({ _tag: "TimedOut", key: keyOf(1) })
    assert.deepStrictEqual(desk.hear(), ["2: Pass 80", "stop", "1: Ended Peer_gone", "2: Ended Peer_gone"])
    desk.assertEmpty()
  })

  it("to nobody, or to oneself under whatever name, come to nothing", () => {
    const desk = new Desk().chat(alice, undefined, 1).chat(alice, alice, 2).chat(alice, party(9, 1), 3)
    assert.deepStrictEqual(desk.hear(), ["1: Ended User_not_online", "1: Ended Self_call", "1: Ended Self_call"])
    desk.assertEmpty()
  })

  it("of one caller are four at most, and one to the same person, also under another name", () => {
    const desk = new Desk().chat(alice, bob, 1).chat(alice, bob, 2).chat(alice, party(22, 2), 3)
    assert.deepStrictEqual(desk.hear().slice(3), ["1: Ended Already_calling", "1: Ended Already_calling"])
    for (let n = 4; n < 8; n++) desk.chat(alice, party(n), n)
    assert.deepStrictEqual(desk.hear().at(-1), "1: Ended Already_calling")
    assert.strictEqual(HashMap.size(desk.state.calls), ServerCalls.maxAsCaller)
    desk.end(1, 1, "Cancelled").chat(alice, party(8), 8)
    assert.include(desk.hear(), "8: Incoming")
  })

  it("come from a key once at a time, however many names and connections it has: nobody is called by it alone", () => {
    const desk = new Desk()
    const callee = party(9)
    for (let n = 1; n <= 8; n++) desk.chat(party(n, 1), callee, n)
    assert.deepStrictEqual(
      desk.hear().filter((line) => line.includes("Incoming") || line.includes("Ended")),
      ["9: Incoming", ...[2, 3, 4, 5, 6, 7, 8].map((n) => `${n}: Ended Already_calling`)],
    )
    desk.chat(party(20), callee, 20)
    assert.include(desk.hear(), "9: Incoming")
  })

  it("that have started do not count as open: who could not reach the other calls again at once", () => {
    const desk = new Desk().chat(alice, bob, 1).accept(2, 1)
    desk.raise({ _tag: "PortFound", key: keyOf(1), port: 50_000 }).hear()
    desk.chat(alice, bob, 2)
    assert.include(desk.hear(), "2: Incoming")
  })

  it("of one person are ten a minute at most, on whatever connections", () => {
    const desk = new Desk()
    for (let n = 0; n < 10; n++) desk.chat(party(100 + n, 1), bob, n).end(100 + n, n, "Cancelled")
    assert.notInclude(desk.hear(), "109: Ended Too_fast")
    desk.now += 59_999
    desk.chat(alice, bob, 20)
    assert.deepStrictEqual(desk.hear(), ["1: Ended Too_fast"])
    desk.now += 1
    desk.chat(alice, bob, 20)
    assert.include(desk.hear(), "2: Incoming")
  })

  it("to one callee are eight at most; the ninth caller can't tell that from a refusal", () => {
    const desk = new Desk()
    for (let n = 10; n < 18; n++) desk.chat(party(n), bob, n)
    desk.hear()
    desk.chat(party(18), bob, 18)
    assert.deepStrictEqual(desk.hear(), ["18: Ended Declined"])
    desk.end(2, 12).chat(party(18), bob, 18)
    assert.include(desk.hear(), "2: Incoming")
  })

  it("ring nobody more than sixty times a minute, whoever calls", () => {
    const desk = new Desk()
    for (let n = 0; n < ServerCalls.maxRingsPerMinute; n++) desk.chat(party(100 + n, 10 + n), bob, n).end(100 + n, n)
    assert.strictEqual(desk.hear().filter((line) => line === "2: Incoming").length, ServerCalls.maxRingsPerMinute)
    desk.chat(party(999, 200), bob, 999)
    assert.deepStrictEqual(desk.hear(), ["999: Ended Declined"])
    desk.now += 60_000
    desk.chat(party(999, 200), bob, 999)
    assert.include(desk.hear(), "2: Incoming")
  })

  it("need a callId of their own", () => {
    const desk = new Desk().chat(alice, bob, 1)
    desk.hear()
    desk.chat(carol, alice, 1)
    assert.deepStrictEqual(desk.hear(), ["3: Ended Malformed"])
    desk.end(1, 1)
    assert.include(desk.hear(), "2: Ended Declined")
  })

  it("are nobody else's: what others say about them is ignored", () => {
    const desk = new Desk().chat(alice, bob, 1)
    desk.hear()
    desk.pass(3, 1).accept(3, 1).end(3, 1).answer(3, 1)
    // Nor can the caller accept for the callee.
    desk.accept(1, 1)
    assert.deepStrictEqual(desk.hear(), [])
    desk.accept(2, 1).hear()
    desk.answer(3, 1).accept(2, 1).accept(3, 1).pass(3, 1).end(3, 1)
    assert.deepStrictEqual(desk.hear(), [])
  })

  it("that are not there, or over, are ignored", () => {
    const desk = new Desk().pass(1, 1).accept(1, 1).end(1, 1).answer(1, 1)
    desk.raise({ _tag: "TimedOut", key: keyOf(1) }).raise({ _tag: "Left", from: 1 })
    desk
      .raise({ _tag: "PortFound", key: keyOf(1), port: 1 })
      .raise({ _tag: "NoPort", key: keyOf(1), code: "No_answer" })
    assert.deepStrictEqual(desk.hear(), [])
    desk.chat(alice, bob, 1).end(2, 1).hear()
    desk.pass(1, 1).accept(2, 1).end(1, 1).answer(2, 1)
    assert.deepStrictEqual(desk.hear(), [])
  })

  it("carry nothing from the caller before the callee has answered", () => {
    const desk = new Desk().chat(alice, bob, 1)
    desk.hear()
    for (let n = 0; n < 100; n++) desk.pass(1, 1, 2250)
    assert.deepStrictEqual(desk.hear(), [])
    desk.pass(2, 1).pass(1, 1)
    assert.deepStrictEqual(desk.hear(), ["1: Pass 80", "2: Pass 80"])
  })

  it.each([
    { what: "messages", bytes: 1, count: PassQuota.messages.burst },
    { what: "bytes", bytes: 2048, count: PassQuota.bytes.burst / 2048 },
  ])("carry so many $what each way, and end when it is one more before they start", ({ bytes, count }) => {
    for (const flooder of [1, 2]) {
      const desk = new Desk().chat(alice, bob, 1).pass(2, 1, 1)
      desk.hear()
      const own = flooder === 2 ? 1 : 0
      const left = bytes === 1 ? count - own : count - (own === 1 ? 1 : 0)
      for (let n = 0; n < left; n++) desk.pass(flooder, 1, bytes)
      assert.strictEqual(desk.hear().length, left)
      desk.pass(flooder, 1, bytes)
      assert.deepStrictEqual(desk.hear(), ["stop", "1: Ended Too_fast", "2: Ended Too_fast", "report failed"])
      desk.assertEmpty()
    }
  })

  it("nobody accepts end after 75 seconds, and both hear it", () => {
    const desk = new Desk().chat(alice, bob, 1)
    desk.hear()
    desk.raise({ _tag: "TimedOut", key: keyOf(1) })
    assert.deepStrictEqual(desk.hear(), ["stop", "1: Ended No_answer", "2: Ended No_answer", "report failed"])
    desk.assertEmpty()
  })

  it("that have started carry a little more each way as time goes on, and drop what is beyond", () => {
    const desk = new Desk().started(alice, bob, 1).pass(2, 1, 1)
    desk.hear()
    for (let n = 0; n < 100; n++) desk.pass(1, 1, 1)
    assert.strictEqual(desk.hear().length, PassQuota.messages.burst)
    desk.now += 9999
    assert.deepStrictEqual(desk.pass(1, 1).hear(), [])
    desk.now += 1
    assert.deepStrictEqual(desk.pass(1, 1).pass(1, 1).hear(), ["2: Pass 80"])
    // The other side has its own.
    assert.deepStrictEqual(desk.pass(2, 1).hear(), ["1: Pass 80"])
    desk.now += 86_400_000
    for (let n = 0; n < 100; n++) desk.pass(1, 1, 2048)
    assert.strictEqual(desk.hear().length, PassQuota.bytes.burst / 2048)
  })

  it("without a port that is free on both sides start with the relay alone", () => {
    for (const code of ["Too_many_tries", "No_answer"] as const) {
      const desk = new Desk().chat(alice, bob, 1).accept(2, 1)
      desk.hear()
      desk.raise({ _tag: "NoPort", key: keyOf(1), code })
      assert.deepStrictEqual(desk.hear(), [
        "1: StartRelayOnly user2",
        "2: StartRelayOnly user1",
        "timer 86400000",
        "report chat",
      ])
      desk.relay(1, 1).relay(2, 1)
      assert.deepStrictEqual(desk.hear(), ["carry to 2: 96", "carry to 1: 96"])
    }
  })

  it("start with the relay alone as soon as one side wants no port", () => {
    for (const from of [1, 2]) {
      const desk = new Desk().chat(alice, bob, 1)
      desk.hear()
      // Not before they are asked.
      desk.raise({ _tag: "NoPortWanted", from, callId: idOf(1) })
      assert.deepStrictEqual(desk.hear(), [])
      desk.accept(2, 1).hear()
      desk.raise({ _tag: "NoPortWanted", from: 3, callId: idOf(1) })
      assert.deepStrictEqual(desk.hear(), [])
      desk.raise({ _tag: "NoPortWanted", from, callId: idOf(1) })
      assert.deepStrictEqual(desk.hear(), [
        "stop",
        "1: StartRelayOnly user2",
        "2: StartRelayOnly user1",
        "timer 86400000",
        "report chat",
      ])
      desk.raise({ _tag: "NoPortWanted", from, callId: idOf(1) }).found(1)
      assert.deepStrictEqual(desk.hear(), [])
    }
  })

  it("of a side that wants no port come to nothing where nothing is relayed, and both hear why", () => {
    const desk = new Desk(false).chat(alice, bob, 1).accept(2, 1)
    desk.hear()
    desk.raise({ _tag: "NoPortWanted", from: 2, callId: idOf(1) })
    assert.deepStrictEqual(desk.hear(), [
      "stop",
      "stop",
      "1: Ended Relay_refused",
      "2: Ended Relay_refused",
      "report failed",
    ])
    desk.assertEmpty()
  })

  it("carry records to the other side and nowhere else, from ACCEPT on until they are over", () => {
    const desk = new Desk().chat(alice, bob, 1).pass(2, 1)
    desk.hear()
    desk.relay(1, 1).relay(2, 1).relay(3, 1)
    assert.deepStrictEqual(desk.hear(), [])
    desk.accept(2, 1).hear()
    desk.relay(1, 1, 1232).relay(2, 1, 1).relay(3, 1)
    assert.deepStrictEqual(desk.hear(), ["carry to 2: 1232", "carry to 1: 1"])
    desk.found(1).hear()
    for (let n = 0; n < 1000; n++) desk.relay(1, 1)
    assert.deepStrictEqual([...new Set(desk.hear())], ["carry to 2: 96"])
    desk.end(2, 1, "Failed")
    assert.deepStrictEqual(desk.hear(), ["stop", "1: Ended Failed"])
    desk.relay(1, 1).relay(2, 1)
    assert.deepStrictEqual(desk.hear(), [])
  })

  it("carry no records where nothing is relayed; each side is told so once a call", () => {
    const desk = new Desk(false).started(alice, bob, 1).started(alice, carol, 2)
    desk.hear()
    for (let n = 0; n < 3; n++) desk.relay(1, 1).relay(2, 1).relay(1, 2)
    assert.deepStrictEqual(desk.hear(), ["1: Error Relay_refused", "2: Error Relay_refused", "1: Error Relay_refused"])
  })

  it("of two people who start another one are replaced by it when it is accepted, whoever calls", () => {
    const desk = new Desk().started(alice, bob, 1).started(alice, carol, 2)
    desk.hear()
    desk.chat(bob, alice, 3)
    assert.deepStrictEqual(desk.hear(), ["1: Incoming", "timer 75000", "report call"])
    desk.relay(1, 1)
    assert.deepStrictEqual(desk.hear(), ["carry to 2: 96"])
    desk.accept(1, 3)
    assert.deepStrictEqual(desk.hear(), ["stop", "1: Ended Replaced", "2: Ended Replaced", "stop", "negotiate"])
    desk.relay(1, 1).relay(1, 2).relay(1, 3)
    assert.deepStrictEqual(desk.hear(), ["carry to 3: 96", "carry to 2: 96"])
  })

  it("that cross and are both accepted are one: the one that was accepted last", () => {
    const desk = new Desk().chat(alice, bob, 1).chat(bob, alice, 2).accept(2, 1)
    desk.hear()
    desk.accept(1, 2)
    assert.deepStrictEqual(desk.hear(), [
      "stop",
      "1: Ended Replaced",
      "2: Ended Replaced",
      "report failed",
      "stop",
      "negotiate",
    ])
  })

  it("that have started are sixteen a connection at most: the one that started first is replaced", () => {
    const desk = new Desk().started(alice, party(100), 100)
    for (let n = 0; n < ServerCalls.maxStarted; n++) {
      desk.now += 60_000
      desk.started(n % 2 === 0 ? alice : party(10 + n), n % 2 === 0 ? party(10 + n) : alice, n)
    }
    assert.deepStrictEqual(
      desk.hear().filter((line) => line.includes("Ended")),
      ["1: Ended Replaced", "100: Ended Replaced"],
    )
    desk.relay(1, 100).relay(100, 100).relay(1, 0).relay(11, 1)
    assert.deepStrictEqual(desk.hear(), ["carry to 10: 96", "carry to 1: 96"])
    assert.strictEqual(HashMap.size(desk.state.calls), ServerCalls.maxStarted)
  })

  it("without a port that is free on both sides end where nothing is relayed, and both hear why", () => {
    const desk = new Desk(false).chat(alice, bob, 1).accept(2, 1)
    desk.hear()
    desk.raise({ _tag: "TimedOut", key: keyOf(1) })
    assert.deepStrictEqual(desk.hear(), [])
    desk.raise({ _tag: "NoPort", key: keyOf(1), code: "Too_many_tries" })
    assert.deepStrictEqual(desk.hear(), ["stop", "1: Ended Too_many_tries", "2: Ended Too_many_tries", "report failed"])
    desk.assertEmpty()
  })

  it.each(["Declined", "Cancelled", "Failed"] as const)(
    "ended with %s tell the other side so, whoever ends",
    (code) => {
      for (const [from, to] of [
        [1, 2],
        [2, 1],
      ] as const) {
        const desk = new Desk().chat(alice, bob, 1)
        desk.hear()
        desk.end(from, 1, code)
        assert.deepStrictEqual(desk.hear(), ["stop", `${to}: Ended ${code}`, "report failed"])
        desk.assertEmpty()
      }
    },
  )

  it("of who leaves end, and the other side hears it", () => {
    for (const [from, to] of [
      [1, 2],
      [2, 1],
    ] as const) {
      const ringing = new Desk().chat(alice, bob, 1)
      const negotiating = new Desk().chat(alice, bob, 1).accept(2, 1)
      const started = new Desk().chat(alice, bob, 1).accept(2, 1)
      started.raise({ _tag: "PortFound", key: keyOf(1), port: 50_000 })
      for (const desk of [ringing, negotiating, started]) {
        desk.hear()
        desk.raise({ _tag: "Left", from })
        assert.deepStrictEqual(
          desk.hear(),
          desk === started ? ["stop", `${to}: Ended Peer_gone`] : ["stop", `${to}: Ended Peer_gone`, "report failed"],
        )
        desk.assertEmpty()
      }
    }
  })

  it("that cross are two calls: the two who call decide which one it is", () => {
    const desk = new Desk().chat(alice, bob, 1).chat(bob, alice, 2)
    assert.includeMembers([...desk.hear()], ["1: Incoming", "2: Incoming"])
    desk.end(2, 2, "Cancelled").accept(2, 1)
    assert.deepStrictEqual(desk.hear(), ["stop", "1: Ended Cancelled", "report failed", "stop", "negotiate"])
  })

  /** A record goes to the other side of an accepted call, or nowhere. */
  const relayChecked = (desk: Desk, from: number, call: number): void => {
    const known = Option.getOrUndefined(HashMap.get(desk.state.calls, keyOf(call)))
    const to =
      known === undefined || known.phase === "Ringing"
        ? undefined
        : known.caller.number === from
          ? known.callee.number
          : known.callee.number === from
            ? known.caller.number
            : undefined
    desk.hear()
    desk.relay(from, call)
    assert.deepStrictEqual(desk.hear(), to === undefined ? [] : [`carry to ${to}: 96`])
  }
  /** Something happens: what, to whom, and in which call. */
  const happenings: ReadonlyArray<(desk: Desk, from: number, to: number, call: number) => void> = [
    (desk, from, to, call) => desk.chat(party(from), party(to), call),
    (desk, from, to, call) => desk.chat(party(from), party(to), call),
    (desk, from, _, call) => desk.pass(from, call, 500),
    (desk, from, _, call) => desk.accept(from, call),
    (desk, from, _, call) => desk.end(from, call),
    (desk, from, _, call) => desk.answer(from, call),
    (desk, from, to, call) => desk.started(party(from), party(to), call),
    (desk, from, _, call) => relayChecked(desk, from, call),
    (desk, from, _, call) => desk.raise({ _tag: "NoPortWanted", from, callId: idOf(call) }),
    (desk, _, __, call) => desk.raise({ _tag: "NoPort", key: keyOf(call), code: "No_answer" }),
    (desk, from) => desk.raise({ _tag: "Left", from }),
    (desk, _, __, call) => desk.raise({ _tag: "TimedOut", key: keyOf(call) }),
    (desk, _, __, call) => desk.raise({ _tag: "PortFound", key: keyOf(call), port: 5 }),
    (desk, from, to, call) => (desk.now += from * to * call * 50),
  ]
  const event = (parties: number, calls: number): Arbitrary.Arbitrary<(desk: Desk) => void> =>
    Arbitrary.map(
      Arbitrary.all([
        integer(0, happenings.length - 1),
        integer(1, parties),
        integer(1, parties),
        integer(0, calls - 1),
      ]),
      ([what, from, to, call]) =>
        (desk) =>
          happenings[what]!(desk, from, to, call),
    )

  it.prop(
    "keep to their bounds and lose nothing, whatever happens in whatever order",
    [
      Arbitrary.flatMap(pick(true, false), (few) =>
        Arbitrary.array(few ? event(3, 4) : event(6, 12), { maxLength: 120 }),
      ),
    ],
    ([events]) => {
      const desk = new Desk()
      for (const event of events) event(desk)
      const { calls, parts } = desk.state
      const expected = new Map<number, number>()
      for (const [, call] of calls) {
        for (const side of [call.caller, call.callee]) expected.set(side.number, (expected.get(side.number) ?? 0) + 1)
      }
      assert.deepStrictEqual(new Map([...parts].map(([number, keys]) => [number, keys.length])), expected)
      for (let n = 1; n <= 6; n++) {
        const open = [...calls].map(([, call]) => call).filter(({ phase }) => phase !== "Started")
        assert.isAtMost(open.filter(({ caller }) => caller.number === n).length, ServerCalls.maxAsCaller)
        assert.isAtMost(open.filter(({ callee }) => callee.number === n).length, ServerCalls.maxAsCallee)
        const wanted = [...calls].map(([, call]) => call).filter(({ phase }) => phase !== "Ringing")
        const mine = wanted.filter(({ caller, callee }) => caller.number === n || callee.number === n)
        assert.isAtMost(mine.length, ServerCalls.maxStarted)
        // With any one other: the newest.
        const others = mine.map(({ caller, callee }) => (caller.number === n ? callee.number : caller.number))
        assert.strictEqual(new Set(others).size, others.length)
        assert.isAtMost(HashMap.size(desk.state.calling), 6)
      }
      for (let n = 1; n <= 6; n++) desk.raise({ _tag: "Left", from: n })
      desk.assertEmpty()
    },
    { arbitrary: { runs: 400, size: 120 } },
  )

  it("are remembered for a minute by who called, and no longer", () => {
    const desk = new Desk()
    for (let n = 0; n < 100; n++) desk.chat(party(n, n), party(200), n).end(n, n)
    assert.strictEqual(HashMap.size(desk.state.calling), 100)
    desk.now += 60_000
    desk.chat(alice, bob, 500)
    assert.strictEqual(HashMap.size(desk.state.calling), 1)
    assert.strictEqual(HashMap.size(desk.state.ringing), 1)
  })
})
