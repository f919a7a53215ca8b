import { assert, describe, it } from "@effect/vitest"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as LineSplitter from "../../src/domain/LineSplitter.ts"
import * as ServerMessage from "../../src/domain/ServerMessage.ts"
import { Username } from "../../src/domain/Username.ts"
import type { Dialect } from "../../src/domain/Dialect.ts"
import * as arbitraries from "./arbitraries.ts"

const alice = Username.make("alice")
const bob = Username.make("bob")
const both = ["readme", "original"] as const
const none = Option.none()

const reads = (dialect: Dialect, line: string, expected: ServerMessage.ServerLine, inList = false) =>
  assert.deepStrictEqual(ServerMessage.decode(dialect, line, inList), Result.succeed(expected))
const refuses = (dialect: Dialect, line: string, inList = false) =>
  assert.isTrue(Result.isFailure(ServerMessage.decode(dialect, line, inList)), line)

/** Reads the lines of what was sent as a client does: between STARTUSERS and ENDUSERS they are names. */
const readAll = (dialect: Dialect, sent: string): ReadonlyArray<ServerMessage.ServerLine> => {
  const bytes = new TextEncoder().encode(sent)
  const read: Array<ServerMessage.ServerLine> = []
  let inList = false
  for (const line of LineSplitter.push(LineSplitter.initial, bytes)[1]) {
    if (line._tag === "TooLong") throw new Error("too long")
    const message = Result.getOrThrow(ServerMessage.decode(dialect, line.text, inList))
    if (message._tag === "UsersBegin") inList = true
    if (message._tag === "UsersEnd") inList = false
    read.push(message)
  }
  return read
}

describe.each(both)("a server's line (%s)", (dialect) => {
  it.each<[string, ServerMessage.ServerLine & ServerMessage.ServerMessage]>([
    ["HELLO", { _tag: "Hello" }],
    ["PORT 55000", { _tag: "AskPort", port: 55000 }],
    [
      "STARTCHAT 192.0.2.1 55000 bob",
      {
        _tag: "StartChat",
        endpoint: { address: "192.0.2.1", port: 55000 },
        name: Option.some("bob" as Username),
      },
    ],
    [
      "STARTCHAT 192.0.2.1 55000",
      {
        _tag: "StartChat",
        endpoint: { address: "192.0.2.1", port: 55000 },
        name: none,
      },
    ],
    ["ERROR Declined", { _tag: "Error", code: "Declined", about: none }],
    ["CLOSE", { _tag: "Close" }],
  ])("is written and read: %s", (line, message) => {
    assert.strictEqual(ServerMessage.encode(dialect, message), `${line}\n`)
    reads(dialect, line, message)
  })

  it("lists the users in one block", () => {
    const sent = ServerMessage.encode(dialect, { _tag: "Users", names: [alice, bob] })
    assert.strictEqual(sent, "STARTUSERS\nalice\nbob\nENDUSERS\n")
    assert.deepStrictEqual(readAll(dialect, sent), [
      { _tag: "UsersBegin" },
      { _tag: "User", name: "alice" },
      { _tag: "User", name: "bob" },
      { _tag: "UsersEnd" },
    ])
    assert.strictEqual(ServerMessage.encode(dialect, { _tag: "Users", names: [] }), "STARTUSERS\nENDUSERS\n")
  })

  it("is a name within the list, even one that looks like an operation", () => {
    for (const name of ["HELLO", "OK", "CLOSE", "ERROR", "STARTUSERS", "two words", ""]) {
      reads(dialect, name, { _tag: "User", name }, true)
    }
    reads(dialect, "ENDUSERS", { _tag: "UsersEnd" }, true)
  })

  it("that asks or starts is taken for that even within the list", () => {
    reads(dialect, "PORT 55000", { _tag: "AskPort", port: 55000 }, true)
    reads(dialect, "ERROR Busy", { _tag: "Error", code: "Busy", about: none }, true)
  })

  it("starts a chat whatever else it says, as the older client takes it (SPEC section 1)", () =>
    reads(dialect, "STARTCHAT 127.0.0.1 40000 bob and more", {
      _tag: "StartChat",
      endpoint: { address: "127.0.0.1", port: 40000 },
      name: Option.some("bob" as Username),
    }))

  it("starts a chat over IPv6, however the address is written", () => {
    for (const written of ["2001:db8:0:0:0:0:0:1", "2001:DB8::1"]) {
      reads(dialect, `STARTCHAT ${written} 40000 bob`, {
        _tag: "StartChat",
        endpoint: { address: "2001:db8::1", port: 40000 },
        name: Option.some("bob" as Username),
      })
    }
  })

  it("that the older client dies from is refused, without dying (SPEC section 4)", () => {
    for (const line of ["PORT", "PORT x", "PORT 1e3", "STARTCHAT", "STARTCHAT 127.0.0.1"]) {
      refuses(dialect, line)
    }
    for (const line of ["STARTCHAT nowhere.invalid 40000 bob", "STARTCHAT 127.0.0.1 x bob", "STARTCHAT  1 2"]) {
      refuses(dialect, line)
    }
    for (const line of ["PORT -1", "PORT 0", "PORT 65536"]) reads(dialect, line, { _tag: "AskNoPort" })
    reads(dialect, "ERROR PORT_X", { _tag: "Error", code: "PORT_X", about: none })
  })

  it.each(["", " ", "hello", " HELLO", "ERROR", "ERROR ", "ERROR 404", `ERROR ${"x".repeat(65)}`, "ERROR a-b", "bob"])(
    "is none: %j",
    (line) => refuses(dialect, line),
  )

  it.prop(
    "is read back from what is written, for every message",
    [arbitraries.serverMessage],
    ([message]) => {
      const read = readAll(dialect, ServerMessage.encode(dialect, message))
      switch (message._tag) {
        case "Users":
          return assert.deepStrictEqual(read, [
            { _tag: "UsersBegin" },
            ...message.names.map((name) => ({ _tag: "User" as const, name })),
            { _tag: "UsersEnd" },
          ])
        case "Calling":
          return assert.deepStrictEqual(read, dialect === "original" ? [message] : [])
        case "Error":
          return assert.deepStrictEqual(read, [dialect === "original" ? { ...message, about: none } : message])
        default:
          return assert.deepStrictEqual(read, [message])
      }
    },
    arbitraries.thorough,
  )

  it.prop(
    "has a word that the older client acts on only where it is meant (SPEC section 6.2)",
    [arbitraries.serverMessage],
    ([message]) => {
      const sent = ServerMessage.encode(dialect, message)
      assert.match(sent, /^(?:[^\r\n]+\n)*$/)
      const words = { AskPort: /PORT/, StartChat: /STARTCHAT/, Users: /STARTUSERS/ }
      for (const [tag, word] of Object.entries(words)) {
        if (message._tag === "Error" && !arbitraries.ownCode(message.code)) continue
        assert.strictEqual(word.test(sent), tag === message._tag)
      }
      assert.strictEqual(
        sent.split("\n").filter((line) => line === "ENDUSERS").length,
        message._tag === "Users" ? 1 : 0,
      )
    },
    arbitraries.thorough,
  )

  it.prop(
    "is read or refused, whatever it is; and what is read is written to the same again",
    [arbitraries.oneOf(arbitraries.line, arbitraries.wordLine), arbitraries.pick(false, true)],
    ([line, inList]) => {
      const read = ServerMessage.decode(dialect, line, inList)
      if (Result.isFailure(read)) return assert.instanceOf(read.failure, ServerMessage.ServerLineError)
      const message = read.success
      switch (message._tag) {
        case "UsersBegin":
        case "UsersEnd":
          return
        case "AskNoPort":
          return assert.strictEqual(line.split(" ")[0], "PORT")
        case "User":
          return assert.isTrue(inList && message.name === line)
        case "Calling":
          return assert.strictEqual(line.split(" ")[0], "OK")
        default: {
          const again = readAll(dialect, ServerMessage.encode(dialect, message))
          const kept = message._tag === "Error" && dialect === "original" ? { ...message, about: none } : message
          assert.deepStrictEqual(again, [kept])
        }
      }
    },
    { arbitrary: { runs: 5000, size: 6 } },
  )
})

describe("what the dialects write differently", () => {
  it("is the answer to REGISTER (SPEC section 1)", () => {
    const registered = { _tag: "Registered", name: alice } as const
    assert.strictEqual(ServerMessage.encode("readme", registered), "REGISTER alice OK\n")
    assert.strictEqual(ServerMessage.encode("original", registered), "REGISTERED alice OK\n")
    reads("readme", "REGISTER alice OK", registered)
    reads("original", "REGISTERED alice OK", registered)
    for (const line of ["REGISTERED alice OK", "REGISTER alice", "REGISTER alice ok", "REGISTER", "REGISTER  OK"]) {
      refuses("readme", line)
    }
    for (const line of ["REGISTER alice OK", "REGISTERED alice", "REGISTERED two words OK"]) refuses("original", line)
  })

  it("is the answer to CHAT: OK first in the original dialect only (SPEC section 1)", () => {
    assert.strictEqual(ServerMessage.encode("readme", { _tag: "Calling" }), "")
    assert.strictEqual(ServerMessage.encode("original", { _tag: "Calling" }), "OK\n")
    for (const dialect of both) reads(dialect, "OK", { _tag: "Calling" })
  })

  it("is IPv6, in eight groups in the original dialect (SPEC section 2)", () => {
    const start = (address: string) =>
      ({ _tag: "StartChat", endpoint: { address, port: 40000 }, name: Option.some("bob" as Username) }) as const
    assert.strictEqual(ServerMessage.encode("readme", start("2001:db8::1")), "STARTCHAT 2001:db8::1 40000 bob\n")
    for (const [address, groups] of [
      ["::", "0:0:0:0:0:0:0:0"],
      ["::1", "0:0:0:0:0:0:0:1"],
      ["1::", "1:0:0:0:0:0:0:0"],
      ["2001:db8::1", "2001:db8:0:0:0:0:0:1"],
      ["1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7:8"],
      ["fe80::1%eth0", "fe80:0:0:0:0:0:0:1%eth0"],
      ["192.0.2.1", "192.0.2.1"],
    ] as const) {
      assert.strictEqual(ServerMessage.encode("original", start(address)), `STARTCHAT ${groups} 40000 bob\n`)
    }
  })

  it("is the name an ERROR is about: the older client gets the bare code word", () => {
    const error = { _tag: "Error", code: "Busy", about: Option.some(bob) } as const
    assert.strictEqual(ServerMessage.encode("readme", error), "ERROR Busy bob\n")
    assert.strictEqual(ServerMessage.encode("original", error), "ERROR Busy\n")
    reads("readme", "ERROR Busy bob", error)
    reads("readme", "ERROR User_exists PORTER", { _tag: "Error", code: "User_exists", about: none })
  })
})
