import { assert, describe, it } from "@effect/vitest"
import * as Arbitrary from "effect/Arbitrary"
import type { Dialect } from "../../src/domain/Dialect.ts"
import * as RendezvousLink from "../../src/domain/RendezvousLink.ts"
import { maxUsers } from "../../src/domain/UserList.ts"
import type * as Username from "../../src/domain/Username.ts"
import * as arbitraries from "./arbitraries.ts"
import { alice, bob, carol, client, dave, registered } from "./RendezvousSide.ts"

const { answerMillis, callMillis, keepMillis, longestCallMillis, repeatForMillis, repeatMillis } = RendezvousLink

describe.each(["readme", "original"] as const)("a link in the %s dialect", (dialect) => {
  const ok = dialect === "readme" ? "REGISTER alice OK" : "REGISTERED alice OK"

  it("says HELLO, then REGISTER, and is registered when the server says so", () => {
    const a = client(dialect)
    assert.deepStrictEqual(a.began, ["> HELLO"])
    assert.deepStrictEqual(a.hears("HELLO"), ["> REGISTER alice"])
    assert.deepStrictEqual(a.hears(ok.replace("alice", "bob")), [])
    assert.deepStrictEqual(a.hears(ok), ["registered"])
  })

  it("ends when it is refused, when nobody answers, and when what answers is no server of this dialect", () => {
    const refused = client(dialect)
    refused.hears("HELLO")
    assert.deepStrictEqual(refused.hears("ERROR User_exists"), ["not registered: User_exists"])
    assert.strictEqual(refused.dueAt(), Infinity)

    const silent = client(dialect)
    assert.deepStrictEqual(silent.at(answerMillis - 1).due(), [])
    assert.deepStrictEqual(silent.at(answerMillis).due(), ["lost: Silent"])

    for (const line of ["SSH-2.0-OpenSSH", "", "x".repeat(5000)]) {
      assert.deepStrictEqual(client(dialect).hears(line), ["lost: NotAServer"], line)
    }
    assert.deepStrictEqual(client(dialect).hearsTooMuch(), ["lost: NotAServer"])
    const other = client(dialect)
    other.hears("HELLO")
    const otherWord = dialect === "readme" ? "REGISTERED alice OK" : "REGISTER alice OK"
    assert.deepStrictEqual(other.hears(otherWord), ["lost: NotAServer"])
  })

  it("gets a list without its own name and without what is no name", () => {
    const a = registered(dialect)
    assert.deepStrictEqual(a.lists(), ["> LISTUSERS"])
    assert.deepStrictEqual(a.lists(), [], "one question serves for both")
    a.hears("STARTUSERS", "bob", "alice", "two words", "", "carol")
    assert.deepStrictEqual(a.hears("ENDUSERS"), ["listed: bob carol"])
    assert.deepStrictEqual(a.hears("STARTUSERS", "bob", "ENDUSERS"), [], "nobody asked")
  })

  it("is lost when the list does not come", () => {
    const a = registered(dialect)
    a.lists()
    a.hears("STARTUSERS", "bob")
    assert.deepStrictEqual(a.at(answerMillis).due(), ["lost: Silent"])
  })

  it("takes a list that began before it asked for none", () => {
    const a = registered(dialect)
    a.hears("STARTUSERS", "mallory")
    a.lists()
    assert.deepStrictEqual(a.hears("ENDUSERS"), [])
    assert.deepStrictEqual(a.hears("STARTUSERS", "bob", "ENDUSERS"), ["listed: bob"])
  })

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
    const a = registered(dialect)
    a.hears("PORT 40001")
    a.tried(40_001, true)
    assert.deepStrictEqual(a.at(keepMillis - 1).due(), [])
    assert.deepStrictEqual(a.at(keepMillis).due(), ["give back"])
    assert.strictEqual(a.dueAt(), Infinity)
  })

  it("gives a port back, and is free to speak, when the call of somebody else ends with ERROR", () => {
    const a = registered(dialect)
    a.hears("PORT 40001")
    a.tried(40_001, true)
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

  it("is over when the connection is, whatever comes then", () => {
    const a = registered(dialect)
    a.calls(bob)
    assert.deepStrictEqual(a.closes(), ["lost: Closed"])
    assert.deepStrictEqual([a.closes(), a.lists(), a.calls(bob), a.hears("PORT 1"), a.at(1e6).due()].flat(), [])
    assert.strictEqual(a.dueAt(), Infinity)
  })
})

describe("whom an ERROR line is about, in the readme dialect", () => {
  it("is the one it names", () => {
    const a = registered("readme")
    a.calls(bob)
    a.lists()
    assert.deepStrictEqual(a.hears("ERROR Peer_gone carol"), [])
    assert.deepStrictEqual(a.hears("ERROR Busy bob"), ["give back", "not called: Busy"])
    assert.deepStrictEqual(a.hears("STARTUSERS", "ENDUSERS"), ["listed: "])
  })

  it("is never the list when its code is one of calls", () => {
    const a = registered("readme")
    a.hears("PORT 40001")
    a.tried(40_001, true)
    a.lists()
    assert.deepStrictEqual(a.hears("ERROR Too_many_tries"), ["give back"])
    assert.deepStrictEqual(a.hears("ERROR Not_registered"), ["not listed: Not_registered"])
  })

  it("is what was asked first, when the code says nothing", () => {
    const a = registered("readme")
    a.lists()
    a.at(1).calls(bob)
    assert.deepStrictEqual(a.hears("ERROR Operation_unknown"), ["not listed: Operation_unknown"])
    assert.deepStrictEqual(a.hears("ERROR Operation_unknown"), ["give back", "not called: Operation_unknown"])
    a.calls(bob)
    a.at(2).lists()
    assert.deepStrictEqual(a.hears("ERROR Malformed"), ["give back", "not called: Malformed"])
    assert.deepStrictEqual(a.hears("ERROR Malformed"), ["not listed: Malformed"])
  })

  it("does not end the call of somebody else when our own is refused meanwhile", () => {
    const a = registered("readme")
    a.hears("PORT 40001")
    a.tried(40_001, true)
    a.at(1).calls(bob)
    assert.deepStrictEqual(a.hears("ERROR Already_calling bob"), ["not called: Already_calling"])
    assert.deepStrictEqual(a.hears("STARTCHAT 192.0.2.8 40001 carol"), ["start carol 192.0.2.8:40001"])
  })
})

describe("with the older server (PROTOCOL.md, section 9)", () => {
  const asked = () => {
    const a = registered("original")
    a.hears("PORT 40001")
    a.tried(40_001, true)
    return a
  }

  it("the called side repeats an answer that was called unknown, after a pause, one at a time, for five seconds", () => {
    const a = asked()
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
    for (const a of [caller, asked()]) {
      if (a !== caller) a.hears("ERROR Operation_unknown", "STARTCHAT 192.0.2.7 40001 bob")
      a.hears("ERROR Operation_unknown")
      assert.deepStrictEqual(a.at(100).due(), [])
    }
  })

  it("nothing else is said from PORT or CHAT to STARTCHAT, and then it is", () => {
    const called = asked()
    assert.deepStrictEqual([...called.lists(), ...called.calls(dave)], [])
    assert.deepStrictEqual(called.hears("STARTCHAT 192.0.2.7 40001 bob"), [
      "start bob 192.0.2.7:40001",
      "> LISTUSERS",
      "> CHAT dave",
    ])
    assert.deepStrictEqual(called.hears("STARTUSERS", "ENDUSERS"), ["listed: "])
    assert.deepStrictEqual(called.lists(), [])
    assert.deepStrictEqual(called.hears("OK", "PORT 40002"), ["try 40002"])
    assert.deepStrictEqual(called.hears("ERROR User_not_online"), [
      "give back",
      "not called: User_not_online",
      "> LISTUSERS",
    ])
  })

  it("a server that asks again and again keeps nobody from speaking for more than fifteen seconds", () => {
    const a = asked()
    a.lists()
    for (let now = 1000; now < callMillis; now += 1000) assert.deepStrictEqual(a.at(now).hears("PORT 1"), ["try 1"])
    assert.deepStrictEqual(a.at(callMillis).due(), ["> LISTUSERS"])
  })

  it("who calls the one that is calling gets one chat", () => {
    const a = asked()
    a.calls(bob)
    assert.deepStrictEqual(a.hears("STARTCHAT 192.0.2.7 40001 bob"), ["start bob 192.0.2.7:40001, the answer"])
    assert.isFalse(RendezvousLink.isCalling(a.state()))
  })
})

describe("whatever the server says, and whatever is asked of it, in any order", () => {
  const names = [alice, bob, carol, dave]
  const word = (name: string) => name
  const line = arbitraries.oneOf<string>(
    arbitraries.line,
    arbitraries.wordLine,
    arbitraries.pick("HELLO", "REGISTER alice OK", "REGISTERED alice OK", "STARTUSERS", "ENDUSERS", "OK", "CLOSE"),
    arbitraries.pick("bob", "alice", "PORT 1", "PORT 2", "PORT 0", "STARTCHAT 192.0.2.7 1", "STARTCHAT 0.0.0.0 1 bob"),
    Arbitrary.map(arbitraries.pick(...(names.map(word) as [string])), (name) => `STARTCHAT 192.0.2.7 1 ${name}`),
    arbitraries.mapAll(
      [
        arbitraries.pick("Operation_unknown", "Busy", "Not_registered", "User_exists", "Peer_gone", "X"),
        arbitraries.pick("", " bob", " carol"),
      ],
      ([code, about]) => `ERROR ${code}${about}`,
    ),
  )
  type Deed = { readonly after: number } & (
    | { readonly hear: string }
    | { readonly available: boolean }
    | { readonly does: "list" | "bob" | "carol" | "abandon" | "tried" | "refused" | "due" }
  )
  const deed: Arbitrary.Arbitrary<Deed> = arbitraries.mapAll(
    [
      arbitraries.pick(0, 0, 0, 1, 5, 1000, 9999, 16_000),
      arbitraries.oneOf<Omit<Deed, "after">>(
        Arbitrary.map(line, (hear) => ({ hear })),
        Arbitrary.map(line, (hear) => ({ hear })),
        Arbitrary.map(arbitraries.pick(true, false), (available) => ({ available })),
        Arbitrary.map(arbitraries.pick("list", "bob", "carol", "abandon", "tried", "refused", "due"), (does) => ({
          does,
        })),
      ),
    ],
    ([after, what]) => ({ after, ...what }) as Deed,
  )

  const play = (dialect: Dialect, deeds: ReadonlyArray<Deed>) => {
    const a = registered(dialect)
    let now = 0
    let lists = 0
    /** Whom we have called and got no answer about. */
    let called: Username.Username | undefined
    let isOver = false
    const act = (deed: Deed): ReadonlyArray<string> => {
      if ("hear" in deed) return a.hears(deed.hear)
      if ("available" in deed) return a.isAvailable(deed.available)
      switch (deed.does) {
        case "list":
          return a.lists()
        case "bob":
        case "carol":
          if (!isOver) called ??= deed.does === "bob" ? bob : carol
          return a.calls(deed.does === "bob" ? bob : carol)
        case "abandon":
          called = undefined
          return a.abandons()
        case "tried":
          return a.tried(1, true)
        case "refused":
          return a.tried(1, false)
        case "due":
          return a.due()
      }
    }
    for (const deed of deeds) {
      now += deed.after
      const before = a.at(now).state()
      for (const action of act(deed)) {
        assert.isFalse(isOver, "nothing happens after the end")
        if (action === "> LISTUSERS") lists += 1
        if (action.startsWith("> LIST") || action.startsWith("> CHAT")) {
          if (dialect === "original") assert.isTrue(before.call === undefined || a.state().call !== before.call)
        }
        if (action.startsWith("listed") || action.startsWith("not listed")) lists -= 1
        if (action.startsWith("not called") || action.endsWith("the answer")) {
          assert.isDefined(called, action)
          if (action.startsWith("start")) assert.include(action, `start ${called} `)
          if ("hear" in deed && /^ERROR \w+ (bob|carol)$/.test(deed.hear) && action.startsWith("not called")) {
            if (dialect === "readme") assert.isTrue(deed.hear.endsWith(` ${called}`), deed.hear)
          }
          called = undefined
        }
        if (action.startsWith("lost")) isOver = true
        assert.isAtLeast(lists, 0, "no list that was not asked for")
        assert.isAtMost(lists, 1)
      }
    }
    a.at(now).due()
    // What is due has been done: nobody is woken for nothing.
    assert.isAbove(a.dueAt(), now)
    assert.isBelow(JSON.stringify(a.state()).length, 10_000)
  }

  it.prop(
    "it never throws, wakes nobody for nothing, and gives no answer to what was not asked",
    [arbitraries.dialect, Arbitrary.array(deed, { maxLength: 60 })],
    ([dialect, deeds]) => play(dialect, deeds),
    arbitraries.thorough,
  )

  it("a list without end is cut", () => {
    const a = registered("readme")
    a.lists()
    a.hears("STARTUSERS")
    for (let i = 0; i < maxUsers + 10; i++) a.hears(`user${i}`)
    assert.strictEqual(a.hears("ENDUSERS")[0]?.split(" ").length, maxUsers + 1)
  })
})
