/**
 * What a client says and does until a chat has its port, on a link that is registered: the same in both dialects, but where
 * the older server wants it otherwise.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Negotiation from "../../src/domain/Negotiation.ts"
import * as RendezvousLink from "../../src/domain/RendezvousLink.ts"
import { asked, bob, carol, registered } from "./RendezvousSide.ts"

const { callMillis, keepMillis, longestCallMillis, repeatForMillis, repeatMillis } = Negotiation

describe.each(["readme", "original"] as const)("a negotiation in the %s dialect", (dialect) => {
  it("answers PORT when it has tried the port, as caller and as called", () => {
    const a = registered(dialect)
    assert.deepStrictEqual(a.hears("PORT 40001"), ["try 40001"])
    assert.deepStrictEqual(a.tried(40_001, true), ["> OK"])
    assert.deepStrictEqual(a.hears("STARTCHAT 192.0.2.7 40001 bob"), ["start bob 192.0.2.7:40001"])
    assert.deepStrictEqual(a.calls(bob), ["> CHAT bob"])
    assert.deepStrictEqual(a.hears("PORT 40002"), ["try 40002"])
    assert.deepStrictEqual(a.tried(40_002, false), ["> ERROR"])
    assert.deepStrictEqual(a.hears("PORT 0"), ["give back", "> ERROR"])
    assert.deepStrictEqual(a.hears("PORT 40003"), ["try 40003"])
    assert.deepStrictEqual(a.tried(40_003, true), ["> OK"])
    assert.deepStrictEqual(a.hears("STARTCHAT 192.0.2.7 40003 bob"), ["start bob 192.0.2.7:40003, the answer"])
  })

  it("refuses a call that is not welcome, but for one of its own", () => {
    const a = registered(dialect)
    a.isAvailable(false)
    const refusal = dialect === "readme" ? "> ERROR Busy" : "> ERROR"
    assert.deepStrictEqual(a.hears("PORT 40001"), ["give back", refusal])
    const b = registered(dialect)
    b.isAvailable(false)
    b.calls(bob)
    assert.deepStrictEqual(b.hears("PORT 40001"), ["try 40001"])
  })

  it("takes STARTCHAT from somebody else for somebody else's, and without a name for its call's", () => {
    const a = registered(dialect)
    a.calls(bob)
    assert.deepStrictEqual(a.hears("STARTCHAT 192.0.2.8 40001 carol"), ["start carol 192.0.2.8:40001"])
    assert.deepStrictEqual(a.hears("STARTCHAT 192.0.2.7 40002"), ["start bob 192.0.2.7:40002, the answer"])
    assert.deepStrictEqual(a.hears("STARTCHAT 192.0.2.7 40002"), ["start somebody 192.0.2.7:40002"])
  })

  it("starts no chat with many, or with nobody", () => {
    const a = registered(dialect)
    for (const address of ["224.0.0.1", "255.255.255.255", "0.0.0.0", "ff02::1", "::"]) {
      assert.deepStrictEqual(a.hears(`STARTCHAT ${address} 40001 bob`), ["give back"], address)
    }
  })

  it("gives a call up after fifteen seconds without a word, and after two minutes in any case", () => {
    const a = registered(dialect)
    a.calls(bob)
    a.at(callMillis - 1).hears("PORT 40001")
    assert.deepStrictEqual(a.at(callMillis).due(), [])
    const end =
      dialect === "readme"
        ? ["give back", "not called: No_answer"]
        : ["give back", "not called: No_answer", "lost: Silent"]
    assert.deepStrictEqual(a.at(2 * callMillis).due(), end)
    const b = registered(dialect)
    b.calls(bob)
    for (let now = 0; now < longestCallMillis; now += 10_000)
      assert.deepStrictEqual(b.at(now).hears("PORT 1"), ["try 1"])
    assert.deepStrictEqual(b.at(longestCallMillis).due(), end)
  })

  it("gives a port back when nothing comes of it for half a minute", () => {
    const a = asked(dialect)
    assert.deepStrictEqual(a.at(keepMillis - 1).due(), [])
    assert.deepStrictEqual(a.at(keepMillis).due(), ["give back"])
    assert.strictEqual(a.dueAt(), Infinity)
  })

  it("gives a port back, and is free to speak, when the call of somebody else ends with ERROR", () => {
    const a = asked(dialect)
    a.lists()
    if (dialect === "readme") a.hears("STARTUSERS", "bob")
    const actions = a.hears(dialect === "readme" ? "ERROR Peer_gone carol" : "ERROR Peer_gone")
    assert.deepStrictEqual(actions, dialect === "readme" ? ["give back"] : ["give back", "> LISTUSERS"])
    // And the list is not what was refused.
    assert.deepStrictEqual(a.hears(...(dialect === "readme" ? [] : ["STARTUSERS", "bob"]), "ENDUSERS"), ["listed: bob"])
  })

  it("gives a port back that was bound when its call had ended already", () => {
    const a = registered(dialect)
    a.hears("PORT 40001")
    a.hears("ERROR Peer_gone")
    assert.deepStrictEqual(a.tried(40_001, true), ["give back"])
    assert.deepStrictEqual(a.tried(40_001, false), [])
  })

  it("tells nobody about the end of a call that was abandoned, and what comes of it is somebody's call", () => {
    const a = registered(dialect)
    a.calls(bob)
    a.abandons()
    assert.isFalse(RendezvousLink.isCalling(a.state()))
    assert.deepStrictEqual(a.hears("STARTCHAT 192.0.2.7 40002 bob"), ["start bob 192.0.2.7:40002"])
    a.calls(bob)
    a.abandons()
    assert.deepStrictEqual(a.calls(carol), [], "the server is still at the other one")
    assert.deepStrictEqual(a.hears("ERROR Declined"), ["give back", "> CHAT carol"])
  })
})

describe("with the older server (PROTOCOL.md, section 9)", () => {
  it("the called side repeats an answer that was called unknown, after a pause, one at a time, for five seconds", () => {
    const a = asked("original")
    assert.deepStrictEqual(a.hears(...Array.from({ length: 50 }, () => "ERROR Operation_unknown")), [])
    assert.strictEqual(a.dueAt(), repeatMillis)
    assert.deepStrictEqual(a.at(repeatMillis - 1).due(), [])
    assert.deepStrictEqual(a.at(repeatMillis).due(), ["> OK"])
    assert.deepStrictEqual(a.at(100).due(), [])
    a.at(repeatForMillis).hears("ERROR Operation_unknown")
    assert.deepStrictEqual(a.at(repeatForMillis + repeatMillis).due(), ["> OK"])
    a.at(repeatForMillis + 10).hears("ERROR Operation_unknown")
    assert.deepStrictEqual(a.at(repeatForMillis + 100).due(), [])
  })

  it("a caller answers once, and a question that is over is not answered again", () => {
    const caller = registered("original")
    caller.calls(bob)
    caller.hears("PORT 40001")
    caller.tried(40_001, true)
    for (const a of [caller, asked("original")]) {
      if (a !== caller) a.hears("ERROR Operation_unknown", "STARTCHAT 192.0.2.7 40001 bob")
      a.hears("ERROR Operation_unknown")
      assert.deepStrictEqual(a.at(100).due(), [])
    }
  })

  it("who calls the one that is calling gets one chat", () => {
    const a = asked("original")
    a.calls(bob)
    assert.deepStrictEqual(a.hears("STARTCHAT 192.0.2.7 40001 bob"), ["start bob 192.0.2.7:40001, the answer"])
    assert.isFalse(RendezvousLink.isCalling(a.state()))
  })
})
