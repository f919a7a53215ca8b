import { assert, describe, it } from "@effect/vitest"
import * as Option from "effect/Option"
import type { Line } from "../../../src/domain/LineSplitter.ts"
import * as PersonId from "../../../src/domain/identity/PersonId.ts"
import * as ServerLine from "../../../src/domain/nomitm1/ServerLine.ts"
import * as ServerLink from "../../../src/domain/nomitm1/ServerLink.ts"
import * as Who from "../../../src/domain/nomitm1/Who.ts"
import type { PersonName } from "../../../src/domain/PersonName.ts"
import * as arbitraries from "../arbitraries.ts"

const alice = "alice" as PersonName
const bob = "bob" as PersonName
const bobId = PersonId.ofBytes(new Uint8Array(32).fill(7))
const bobsCertificate = new Uint8Array(144).fill(7)
const register: ServerLink.Register = {
  _tag: "Register",
  name: alice,
  certificate: new Uint8Array(144),
  signature: new Uint8Array(64),
  unlisted: false,
}

const line = (text: string): Line => ({ _tag: "Line", text })
const said = (message: ServerLine.ServerMessage): string => ServerLine.encode(message).trimEnd()

/** A link and what came of it. */
class Side {
  state: ServerLink.State
  actions: Array<ServerLink.Action>
  constructor() {
    const [state, actions] = ServerLink.start(register, 0)
    this.state = state
    this.actions = [...actions]
  }
  on(event: ServerLink.Event): ReadonlyArray<ServerLink.Action> {
    const [state, actions] = ServerLink.step(this.state, event)
    this.state = state
    this.actions.push(...actions)
    return actions
  }
  hear(text: string, now = 0): ReadonlyArray<ServerLink.Action> {
    return this.on({ _tag: "Heard", line: line(text), now })
  }
}

const registered = (): Side => {
  const side = new Side()
  side.hear("HELLO nomitm/1")
  side.hear("REGISTER alice OK")
  side.actions = []
  return side
}

describe("a link to the server", () => {
  it("greets, registers, and is there", () => {
    const side = new Side()
    assert.deepStrictEqual(side.actions, [{ _tag: "Send", line: { _tag: "Hello" } }])
    assert.deepStrictEqual(side.hear("HELLO nomitm/1"), [{ _tag: "Send", line: register }])
    assert.deepStrictEqual(side.hear("REGISTER alice OK"), [{ _tag: "Registered" }])
  })

  it("is not there for another name, and takes no greeting of the seed", () => {
    const side = new Side()
    assert.deepStrictEqual(side.hear("HELLO"), [{ _tag: "Lost", reason: "NotAServer" }])
    const other = new Side()
    other.hear("HELLO nomitm/1")
    assert.deepStrictEqual(other.hear("REGISTER bob OK"), [])
  })

  it("is refused with the server's code word", () => {
    const side = new Side()
    side.hear("HELLO nomitm/1")
    assert.deepStrictEqual(side.hear("ERROR Name_owned alice"), [{ _tag: "NotRegistered", code: "Name_owned" }])
    assert.deepStrictEqual(side.hear("REGISTER alice OK"), [])
  })

  it("is given up by a server that does not answer, at each step", () => {
    for (const steps of [0, 1]) {
      const side = new Side()
      if (steps > 0) side.hear("HELLO nomitm/1", 5000)
      const due = ServerLink.dueAt(side.state)
      assert.strictEqual(due, steps * 5000 + ServerLink.answerMillis)
      assert.deepStrictEqual(side.on({ _tag: "Due", now: due - 1 }), [])
      assert.deepStrictEqual(side.on({ _tag: "Due", now: due }), [{ _tag: "Lost", reason: "Silent" }])
    }
  })

  it("says PING when it has been quiet for 15 seconds, and leaves a server that is silent for 45", () => {
    const side = registered()
    let pings = 0
    let now = 0
    for (;;) {
      now = ServerLink.dueAt(side.state)
      const actions = side.on({ _tag: "Due", now })
      if (actions.some(({ _tag }) => _tag === "Lost")) break
      assert.deepStrictEqual(actions, [{ _tag: "Send", line: { _tag: "Ping" } }])
      pings++
    }
    assert.deepStrictEqual([pings, now], [2, ServerLink.silenceMillis])
    const lively = registered()
    lively.on({ _tag: "Due", now: 15_000 })
    lively.hear("PONG", 15_020)
    lively.on({ _tag: "Sent", now: 20_000 })
    assert.strictEqual(ServerLink.dueAt(lively.state), 35_000)
  })

  it("asks a server that is doubted for a sign of life, once, and leaves one that gives none for ten seconds", () => {
    const side = registered()
    assert.deepStrictEqual(side.on({ _tag: "Doubt", now: 1000 }), [{ _tag: "Send", line: { _tag: "Ping" } }])
    assert.deepStrictEqual(side.on({ _tag: "Doubt", now: 2000 }), [])
    assert.strictEqual(ServerLink.dueAt(side.state), 1000 + ServerLink.answerMillis)
    assert.deepStrictEqual(side.on({ _tag: "Due", now: 11_000 }), [{ _tag: "Lost", reason: "Silent" }])
    for (const sign of ["PONG", "relayed"]) {
      const lively = registered()
      lively.on({ _tag: "Doubt", now: 1000 })
      if (sign === "PONG") lively.hear("PONG", 1100)
      else lively.on({ _tag: "Relayed", now: 1100 })
      assert.strictEqual(ServerLink.dueAt(lively.state), 1000 + ServerLink.pingMillis)
    }
  })

  it("that was taken over by the same key elsewhere says so", () =>
    assert.deepStrictEqual(registered().hear("ERROR Replaced"), [{ _tag: "Lost", reason: "Replaced" }]))

  it("hands lines about calls on", () => {
    const callId = new Uint8Array(16).fill(1)
    const ended = { _tag: "Ended", callId, code: "Declined" } as const
    assert.deepStrictEqual(registered().hear(said(ended)), [{ _tag: "OfCall", line: ended }])
  })
})

describe("the list", () => {
  it("is asked for once at a time, and has all but oneself", () => {
    const side = registered()
    assert.deepStrictEqual(side.on({ _tag: "List", now: 1 }), [{ _tag: "Send", line: { _tag: "ListUsers" } }])
    assert.deepStrictEqual(side.on({ _tag: "List", now: 2 }), [])
    const users = [
      { name: bob, id: bobId },
      { name: alice, id: bobId },
    ]
    for (const text of said({ _tag: "Users", users }).split("\n")) side.hear(text, 3)
    assert.deepStrictEqual(side.actions.at(-1), { _tag: "Listed", users: [users[0]!] })
    assert.strictEqual(side.on({ _tag: "List", now: 4 }).length, 1)
  })

  it("that nobody asked for is passed over, and one without end stays bounded", () => {
    const side = registered()
    for (const text of said({ _tag: "Users", users: [{ name: bob, id: bobId }] }).split("\n")) side.hear(text)
    assert.deepStrictEqual(side.actions, [])
    side.on({ _tag: "List", now: 0 })
    side.hear("STARTUSERS")
    const one = `bob ${bobId}`
    for (let i = 0; i < ServerLink.maxUsers + 10; i++) side.hear(one)
    assert.strictEqual(side.state.list?.length, ServerLink.maxUsers)
  })
})

describe("a question about somebody", () => {
  const found = said({ _tag: "Found", name: bob, certificate: bobsCertificate })

  it("is answered in the order of asking, by name and by id", () => {
    const side = registered()
    side.on({ _tag: "LookUp", who: Who.byName(bob), asker: 1, now: 0 })
    side.on({ _tag: "LookUp", who: Who.byId(bobId), asker: 1, now: 0 })
    for (const who of [Who.byName(bob), Who.byId(bobId)]) {
      assert.deepStrictEqual(side.hear(found), [
        { _tag: "Found", who, asker: 1, name: bob, certificate: bobsCertificate },
      ])
    }
    assert.deepStrictEqual(side.hear(found), [])
  })

  it("by name is not answered with another name; by id with whatever certificate is shown, which the call refuses", () => {
    const side = registered()
    side.on({ _tag: "LookUp", who: Who.byName(bob), asker: 1, now: 0 })
    side.on({ _tag: "LookUp", who: Who.byId(bobId), asker: 2, now: 0 })
    const carol = "carol" as PersonName
    assert.deepStrictEqual(side.hear(said({ _tag: "Found", name: carol, certificate: bobsCertificate })), [])
    assert.lengthOf(side.hear(found), 1)
    const certificate = new Uint8Array(144).fill(8)
    assert.deepStrictEqual(side.hear(said({ _tag: "Found", name: bob, certificate })), [
      { _tag: "Found", who: Who.byId(bobId), asker: 2, name: bob, certificate },
    ])
  })

  it("about nobody is told so; an error about somebody else changes nothing", () => {
    const side = registered()
    side.on({ _tag: "LookUp", who: Who.byName(bob), asker: 1, now: 0 })
    assert.deepStrictEqual(side.hear("ERROR User_not_online carol"), [])
    assert.deepStrictEqual(side.hear("ERROR User_not_online bob"), [
      { _tag: "NotFound", who: Who.byName(bob), asker: 1 },
    ])
  })

  it("is one of 16 at most", () => {
    const side = registered()
    const ask = () => side.on({ _tag: "LookUp", who: Who.byName(bob), asker: 1, now: 0 })
    for (let i = 0; i < ServerLink.maxLookUps; i++) assert.strictEqual(ask()[0]?._tag, "Send")
    assert.strictEqual(ask()[0]?._tag, "NotFound")
  })
})

describe("where to ask what the server sees", () => {
  const ask = (side: Side, now = 0) => side.on({ _tag: "AskReflex", now })
  const reflex: ServerLink.Reflex = {
    _tag: "Reflex",
    token: new Uint8Array(16).fill(1),
    key: new Uint8Array(32).fill(2),
    address: "198.51.100.7",
    ports: [3478, 3479],
    alternate: Option.none(),
  }

  it("is asked once at a time, and told to who asked", () => {
    const side = registered()
    assert.deepStrictEqual(side.hear(said(reflex)), [])
    assert.deepStrictEqual(ask(side), [{ _tag: "Send", line: { _tag: "Reflex" } }])
    assert.deepStrictEqual(ask(side), [])
    assert.deepStrictEqual(side.hear(said(reflex)), [{ _tag: "Reflexed", reflex }])
    assert.deepStrictEqual(side.hear(said(reflex)), [])
    assert.lengthOf(ask(side), 1)
  })

  it("may be nowhere: the server says so, or does not know the question, or does not answer it", () => {
    for (const code of ["Unavailable", "Operation_unknown", "Malformed"]) {
      const side = registered()
      ask(side)
      assert.deepStrictEqual(side.hear(`ERROR ${code}`), [{ _tag: "NotReflexed", code }])
    }
    const silent = registered()
    ask(silent, 5000)
    silent.hear("PONG", 14_000)
    assert.strictEqual(ServerLink.dueAt(silent.state), 15_000)
    assert.deepStrictEqual(silent.on({ _tag: "Due", now: 15_000 }), [{ _tag: "NotReflexed", code: "No_answer" }])
  })

  it("is not answered by an error about somebody, or about something else", () => {
    const side = registered()
    side.on({ _tag: "LookUp", who: Who.byName(bob), asker: 1, now: 0 })
    ask(side)
    assert.deepStrictEqual(side.hear("ERROR Unavailable bob"), [{ _tag: "NotFound", who: Who.byName(bob), asker: 1 }])
    assert.deepStrictEqual(side.hear("ERROR Too_fast"), [])
    assert.deepStrictEqual(side.hear("ERROR Relay_refused"), [{ _tag: "RelayRefused" }])
    assert.deepStrictEqual(side.hear(said(reflex)), [{ _tag: "Reflexed", reflex }])
  })
})

describe("records", () => {
  it("show that the server is there, though they are not shown here", () => {
    const side = registered()
    side.on({ _tag: "Sent", now: 40_000 })
    assert.deepStrictEqual(side.on({ _tag: "Relayed", now: 44_000 }), [])
    side.on({ _tag: "Sent", now: 80_000 })
    assert.strictEqual(ServerLink.dueAt(side.state), 89_000)
    const record = { _tag: "Relay", callId: new Uint8Array(16), record: new Uint8Array(40) } as const
    assert.deepStrictEqual(side.hear(said(record)), [])
  })

  it("have no part in what is left when only they are: STARTCHAT without an endpoint is for the calls", () => {
    const start = { _tag: "StartRelayOnly", name: bob, callId: new Uint8Array(16).fill(1) } as const
    assert.deepStrictEqual(registered().hear(said(start)), [{ _tag: "OfCall", line: start }])
  })
})

describe("a name that is given up", () => {
  it("is gone when the server says so", () => {
    const side = registered()
    assert.deepStrictEqual(side.hear("RELEASE alice OK"), [])
    assert.deepStrictEqual(side.on({ _tag: "Release", now: 0 }), [{ _tag: "Send", line: { _tag: "Release" } }])
    assert.deepStrictEqual(side.on({ _tag: "List", now: 0 }), [])
    assert.deepStrictEqual(side.hear("RELEASE alice OK"), [{ _tag: "Released" }])
    assert.strictEqual(ServerLink.dueAt(side.state), Infinity)
  })
})

describe("whatever a server says, at any time", () => {
  it.prop(
    "nothing throws, answers come only to what was asked, and it is woken only for something",
    [arbitraries.text, arbitraries.integer(0, 11)],
    ([text, kind]) => {
      const side = registered()
      const lines = [
        text,
        `ERROR ${text}`,
        `USER ${text}`,
        `STARTUSERS`,
        `ENDUSERS`,
        `ENDED ${text} Declined`,
        `HELLO ${text}`,
        "REGISTER alice OK",
        "PONG",
        "ERROR Shutting_down",
        `REFLEX ${text}`,
        `RELAY ${text}`,
      ]
      side.hear(lines[kind]!, 10)
      for (const action of side.actions) assert.include(["OfCall", "Lost", "RelayRefused"], action._tag)
      assert.isTrue(ServerLink.dueAt(side.state) > 10)
    },
    arbitraries.thorough,
  )

  it("an end of the connection is the end, once", () => {
    const side = registered()
    assert.deepStrictEqual(side.on({ _tag: "Closed" }), [{ _tag: "Lost", reason: "Closed" }])
    assert.deepStrictEqual(side.on({ _tag: "Closed" }), [])
  })
})
