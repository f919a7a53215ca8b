import { assert, describe, it } from "@effect/vitest"
import type { PeerEvent } from "../../src/domain/PeerEvent.ts"
import * as PeerEventText from "../../src/domain/PeerEventText.ts"
import * as UserInput from "../../src/domain/UserInput.ts"
import * as arbitraries from "./arbitraries.ts"

const shown = (event: PeerEvent) => PeerEventText.lines(event)

describe("an event in words", () => {
  it("of a text starts with who says it, and goes on behind a bar", () => {
    assert.deepStrictEqual(shown({ event: "message", from: "bob", text: "hello" }), ["bob: hello"])
    assert.deepStrictEqual(shown({ event: "message", from: "bob", text: "one\n* two\n" }), [
      "bob: one",
      "  | * two",
      "  | ",
    ])
  })

  it("has a name in quotes that has brackets in it: it says nothing about trust", () => {
    const users = ["bob[verified]", "carol［verified］", "dora"]
    const people = users.map((name) => ({ name, fingerprint: "", trust: "unknown" as const }))
    assert.deepStrictEqual(shown({ event: "users", users, people }), [
      '* Online: "bob[verified]", "carol［verified］", dora. Type /chat NAME to talk to one.',
    ])
    for (const peer of ["bob [verified]", "[verified]", "[::1] [verified]"]) {
      assert.deepStrictEqual(shown({ event: "calling", peer }), [`* Calling "${peer}" …`])
      assert.include(shown({ event: "connected", peer, address: "192.0.2.1:1" })[0], `to "${peer}" (`)
      assert.include(shown({ event: "incoming", peer, trust: "unknown", fingerprint: "" })[0], `"${peer}" [unknown] is`)
      assert.deepStrictEqual(shown({ event: "message", from: peer, text: "hello" }), [`"${peer}": hello`])
    }
    const peer = "[2001:db8::1]:55000"
    assert.deepStrictEqual(shown({ event: "calling", peer }), [`* Calling ${peer} …`])
  })

  it("of a text has the name in quotes where it would look like a mark of the program", () => {
    for (const from of ["* Connected to bob", "!", "| x", "", " bob"]) {
      assert.deepStrictEqual(shown({ event: "message", from, text: "hello" }), [`"${from}": hello`])
    }
    assert.deepStrictEqual(shown({ event: "message", from: "\u001b* x", text: "hello" }), ['"* x": hello'])
  })

  it("of a text of somebody who has proven a key has the trust state beside the name, which no name can hold", () => {
    assert.deepStrictEqual(shown({ event: "message", from: "bob", text: "hello", trust: "verified" }), [
      "bob [verified]: hello",
    ])
    assert.deepStrictEqual(shown({ event: "message", from: "bob[verified]", text: "hello", trust: "unknown" }), [
      '"bob[verified]" [unknown]: hello',
    ])
  })

  it("of a call says who it is as far as known, and their key", () =>
    assert.deepStrictEqual(shown({ event: "incoming", peer: "bob", trust: "introduced", fingerprint: "abcd-efgh" }), [
      "* bob [introduced] is calling. Type /accept or /decline.",
      "  Their key is abcd-efgh.",
    ]))

  it("of a connection that at most the server vouches for says so, and asks to compare", () => {
    const connected = { event: "connected", peer: "bob", address: "192.0.2.1:55000" } as const
    const compare = "Type /verify, and compare what you see by voice."
    assert.strictEqual(shown({ ...connected, trust: "introduced" })[1], `  You have not compared keys yet. ${compare}`)
    assert.strictEqual(shown({ ...connected, trust: "unknown" })[1], `  Nothing says who that is. ${compare}`)
    assert.deepStrictEqual(shown({ ...connected, trust: "verified" }), [
      "* Connected to bob [verified] (192.0.2.1:55000). Type to talk, /close to end.",
    ])
  })

  it("of a short string shows words and digits, and what to type", () =>
    assert.deepStrictEqual(shown({ event: "sas", peer: "bob", words: ["a", "b", "c"], digits: "0123456789" }), [
      "* Compare with bob, by voice:  a b c   (0123456789)",
      "  Do you both see the same? Type /verify yes, or /verify no.",
    ]))

  it("of a list shows who of them is known", () =>
    assert.deepStrictEqual(
      shown({
        event: "users",
        users: ["bob", "carol"],
        people: [
          { name: "bob", fingerprint: "x", trust: "verified" },
          { name: "carol", fingerprint: "y", trust: "unknown" },
        ],
      }),
      ["* Online: bob [verified], carol. Type /chat NAME to talk to one."],
    ))

  it("of a list says who is online and what to type", () => {
    assert.deepStrictEqual(shown({ event: "users", users: [] }), ["* Nobody else is online."])
    assert.deepStrictEqual(shown({ event: "users", users: ["bob", "carol"] }), [
      "* Online: bob, carol. Type /chat NAME to talk to one.",
    ])
  })

  it("of a long list shows two hundred names, and how many more there are", () => {
    const users = Array.from({ length: 100_000 }, (_, i) => `user${i}`)
    const [line = "", ...more] = shown({ event: "users", users })
    assert.deepStrictEqual(more, [])
    assert.isTrue(line.endsWith("user198, user199 … and 99800 more. Type /chat NAME to talk to one."))
    assert.include(shown({ event: "users", users: users.slice(0, 200) })[0], "user199. Type")
  })

  it("of an error says what happened and what to do", () =>
    assert.deepStrictEqual(shown({ event: "error", code: "Busy", message: "Bob is busy.", hint: "Try again." }), [
      "! Bob is busy. Try again.",
    ]))

  it("of the help has what the commands do in one column", () => {
    const commands = UserInput.commands.map((command) => ({
      usage: UserInput.usage(command),
      description: `*${command.description}`,
    }))
    assert.strictEqual(new Set(shown({ event: "help", commands }).map((line) => line.indexOf("*"))).size, 1)
  })

  it.each(["closed", "closed_by_peer", "timeout", "unreachable"] as const)("of an end says why: %s", (reason) => {
    const [line, ...more] = shown({ event: "closed", peer: "bob", reason })
    assert.match(line!, /^\* .*bob.*\.$/)
    assert.strictEqual(more.length, 0)
  })

  it.prop(
    "is safe to print, whatever a peer calls itself or writes, and no line of it passes for the program's",
    [arbitraries.text, arbitraries.text],
    ([name, text]) => {
      const own: ReadonlyArray<PeerEvent> = [
        { event: "registered", name },
        { event: "users", users: [name, text] },
        { event: "calling", peer: name },
        { event: "connected", peer: name, address: text },
        { event: "closed", peer: name, reason: "timeout" },
      ]
      for (const event of own) {
        const lines = shown(event)
        assert.strictEqual(lines.length, 1)
        assert.match(lines[0]!, /^\* [^\p{Cc}\p{Cs}\p{Zl}\p{Zp}]*$/u)
      }
      const [first, ...more] = shown({ event: "message", from: name, text })
      assert.match(first!, /^[\p{L}\p{N}"][^\p{Cc}\p{Cs}\p{Zl}\p{Zp}]*$/u)
      for (const line of more) assert.match(line, /^ {2}\| [^\p{Cc}\p{Cs}\p{Zl}\p{Zp}]*$/u)
    },
    arbitraries.thorough,
  )
})
