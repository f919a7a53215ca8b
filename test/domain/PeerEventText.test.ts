import { assert, describe, it } from "@effect/vitest"
import { Ending } from "../../src/domain/Conversation.ts"
import type { PeerEvent } from "../../src/domain/PeerEvent.ts"
import * as PeerEventText from "../../src/domain/PeerEventText.ts"
import * as StuckReason from "../../src/domain/net/StuckReason.ts"
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

  it("of a call beside a chat that is out of reach says what is to be done first", () =>
    assert.strictEqual(
      shown({ event: "incoming", peer: "bob", trust: "verified", fingerprint: "abcd-efgh", beside: "carol" })[0],
      "* bob [verified] is calling. carol is out of reach: /close that chat and /accept, or /decline.",
    ))

  it("of a connection that at most the server vouches for says so, and asks to compare", () => {
    const connected = { event: "connected", peer: "bob", address: "192.0.2.1:55000" } as const
    const compare = "Type /verify, and compare what you see by voice."
    assert.strictEqual(shown({ ...connected, trust: "introduced" })[1], `  You have not compared keys yet. ${compare}`)
    assert.strictEqual(shown({ ...connected, trust: "unknown" })[1], `  Nothing says who that is. ${compare}`)
    assert.deepStrictEqual(shown({ ...connected, trust: "verified" }), [
      "* Connected to bob [verified] (192.0.2.1:55000). Type to talk, /close to end.",
    ])
  })

  it("of a connection says by which path, and on the relay what the server sees", () => {
    const connected = { event: "connected", peer: "bob", trust: "verified" } as const
    const [relay] = shown({ ...connected, kind: "relay" })
    assert.strictEqual(
      relay,
      "* Connected to bob [verified], over the relay at the server: sealed end to end, the server sees size and time. Type to talk, /close to end.",
    )
    const address = "192.0.2.1:55000"
    assert.include(shown({ ...connected, kind: "direct", address })[0], "bob [verified] (192.0.2.1:55000).")
    assert.include(
      shown({ ...connected, kind: "lan", address })[0],
      "bob [verified] in the same network (192.0.2.1:55000).",
    )
    assert.include(
      shown({ ...connected, kind: "mapped", address })[0],
      "by a port that a router opened (192.0.2.1:55000).",
    )
    assert.include(shown({ ...connected, kind: "none" })[0], "out of reach at the moment: what you type waits.")
  })

  it("of a path says which, where to, and how long there and back", () => {
    const path = { event: "path", peer: "bob", kind: "direct", address: "203.0.113.5:41213", rtt_ms: 23 } as const
    assert.deepStrictEqual(shown(path), ["* Directly, 203.0.113.5:41213, 23 ms."])
    assert.deepStrictEqual(shown({ ...path, kind: "lan", rtt_ms: 0.4 }), [
      "* In the same network, 203.0.113.5:41213, 0.4 ms.",
    ])
    assert.deepStrictEqual(shown({ ...path, kind: "mapped" }), [
      "* Directly, by a port that a router opened, 203.0.113.5:41213, 23 ms.",
    ])
    assert.deepStrictEqual(shown({ ...path, kind: "relay", address: "", rtt_ms: 40 }), [
      "* Over the relay at the server, 40 ms: sealed end to end, the server sees size and time.",
    ])
    assert.deepStrictEqual(shown({ event: "path", peer: "bob", kind: "none", address: "" }), [
      "* bob is out of reach: what you type waits, and goes out when there is a path.",
    ])
  })

  it.each(StuckReason.StuckReason.literals)("of what is in the way of a direct path says what to do: %s", (because) => {
    const { message, hint } = StuckReason.explain(because, "bob")
    const [first, second, ...more] = shown({ event: "stuck", peer: "bob", because, message, hint })
    assert.match(first!, /^\* .*bob.*\.$/)
    assert.match(second!, /^ {2}\S.*\.$/)
    assert.deepStrictEqual(more, [])
  })

  it("of a text that failed has its beginning and why, and of one that was delivered there is nothing to say", () => {
    const failed = { event: "failed", peer: "bob", id: 1, reason: "timeout", text: "hello" } as const
    assert.deepStrictEqual(shown(failed), [
      '! Not delivered: "hello". The other side was not heard any more. It may have arrived.',
    ])
    const [long = "", ...more] = shown({ ...failed, text: `\u001b[2J\n${"😀".repeat(20_000)}` })
    assert.isTrue(long.startsWith(`! Not delivered: "[2J ${"😀".repeat(36)}…".`))
    assert.deepStrictEqual(more, [])
    for (const reason of Ending.literals)
      assert.match(shown({ ...failed, reason })[0]!, /^! Not delivered: "hello"\. .*\.$/)
    assert.deepStrictEqual(shown({ event: "sent", peer: "bob", id: 1 }), [])
    assert.deepStrictEqual(shown({ event: "delivered", peer: "bob", id: 1 }), [])
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

  it("of an end says what is known of why, and what to do about it", () => {
    const [message, hint] = ["bob could not be reached: \u001b[2J.", "Start again\nwithout --relay never."]
    const closed = { event: "closed", peer: "bob", reason: "unreachable", because: "Relay_unwanted" } as const
    assert.deepStrictEqual(shown({ ...closed, message, hint }), [
      "* bob could not be reached: [2J.",
      "  Start again without --relay never.",
    ])
  })

  it("of an end there that was not heard here says so, and what to do next: nobody need have started anew", () => {
    const closed = { event: "closed", peer: "alice", reason: "forgotten" } as const
    assert.deepStrictEqual(shown({ ...closed, hint: "Type /chat alice to call them." }), [
      "* alice does not know this chat any more: they ended it while you were out of reach, or started anew.",
      "  Type /chat alice to call them.",
    ])
    assert.match(shown(closed)[0]!, /^\* alice does .* started anew\.$/)
    const failed = { event: "failed", peer: "alice", id: 1, reason: "forgotten", text: "hello" } as const
    assert.deepStrictEqual(shown(failed), [
      '! Not delivered: "hello". The other side does not know this chat any more.',
    ])
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
        { event: "path", peer: name, kind: "direct", address: text },
        { event: "path", peer: name, kind: "none", address: text },
      ]
      for (const event of own) {
        const lines = shown(event)
        assert.strictEqual(lines.length, 1)
        assert.match(lines[0]!, /^\* [^\p{Cc}\p{Cs}\p{Zl}\p{Zp}]*$/u)
      }
      for (const message of [undefined, text]) {
        const more = message === undefined ? {} : { message }
        const ended = shown({ event: "closed", peer: name, reason: "unreachable", ...more, hint: text })
        assert.strictEqual(ended.length, 2)
        assert.match(ended[0]!, /^\* [^\p{Cc}\p{Cs}\p{Zl}\p{Zp}]*$/u)
        assert.match(ended[1]!, /^ {2}[^\p{Cc}\p{Cs}\p{Zl}\p{Zp}]*$/u)
      }
      const [first, ...more] = shown({ event: "message", from: name, text })
      assert.match(first!, /^[\p{L}\p{N}"][^\p{Cc}\p{Cs}\p{Zl}\p{Zp}]*$/u)
      for (const line of more) assert.match(line, /^ {2}\| [^\p{Cc}\p{Cs}\p{Zl}\p{Zp}]*$/u)
    },
    arbitraries.thorough,
  )
})
