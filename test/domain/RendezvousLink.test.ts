import { assert, describe, it } from "@effect/vitest"
import * as Arbitrary from "effect/Arbitrary"
import type { Dialect } from "../../src/domain/Dialect.ts"
import { callMillis } from "../../src/domain/Negotiation.ts"
import * as RendezvousLink from "../../src/domain/RendezvousLink.ts"
import { maxUsers } from "../../src/domain/UserList.ts"
import type * as Username from "../../src/domain/Username.ts"
import * as arbitraries from "./arbitraries.ts"
import { alice, asked, bob, carol, client, dave, registered } from "./RendezvousSide.ts"

const { answerMillis } = RendezvousLink

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
    const a = asked("readme")
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
    const a = asked("readme")
    a.at(1).calls(bob)
    assert.deepStrictEqual(a.hears("ERROR Already_calling bob"), ["not called: Already_calling"])
    assert.deepStrictEqual(a.hears("STARTCHAT 192.0.2.8 40001 carol"), ["start carol 192.0.2.8:40001"])
  })
})

describe("with the older server (PROTOCOL.md, section 9)", () => {
  it("nothing else is said from PORT or CHAT to STARTCHAT, and then it is", () => {
    const called = asked("original")
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
    const a = asked("original")
    a.lists()
    for (let now = 1000; now < callMillis; now += 1000) assert.deepStrictEqual(a.at(now).hears("PORT 1"), ["try 1"])
    assert.deepStrictEqual(a.at(callMillis).due(), ["> LISTUSERS"])
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
      const before = a.at(now).state().negotiation
      for (const action of act(deed)) {
        assert.isFalse(isOver, "nothing happens after the end")
        if (action === "> LISTUSERS") lists += 1
        if (action.startsWith("> LIST") || action.startsWith("> CHAT")) {
          if (dialect === "original")
            assert.isTrue(before.call === undefined || a.state().negotiation.call !== before.call)
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
