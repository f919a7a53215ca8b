import { assert, describe, it } from "@effect/vitest"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as ClientMessage from "../../src/domain/ClientMessage.ts"
import { ErrorCode } from "../../src/domain/ErrorCode.ts"
import { Username } from "../../src/domain/Username.ts"
import * as arbitraries from "./arbitraries.ts"

const alice = Username.make("alice")
const decode = ClientMessage.decode
const both = ["readme", "original"] as const

const succeeds = (dialect: "readme" | "original", line: string, message: ClientMessage.ClientMessage) =>
  assert.deepStrictEqual(decode(dialect, line), Result.succeed(message))
const fails = (dialect: "readme" | "original", line: string, code: ErrorCode) =>
  assert.deepStrictEqual(
    Result.mapError(decode(dialect, line), (error) => error.code),
    Result.fail(code),
  )

describe.each(both)("a client's line (%s)", (dialect) => {
  it.each<[string, ClientMessage.ClientMessage]>([
    ["HELLO", { _tag: "Hello" }],
    ["REGISTER alice", { _tag: "Register", name: alice }],
    ["LISTUSERS", { _tag: "ListUsers" }],
    ["CHAT alice", { _tag: "Chat", name: alice }],
    ["OK", { _tag: "Accept" }],
    ["ERROR", { _tag: "Refuse", reason: "Taken" }],
    ["ERROR Busy", { _tag: "Refuse", reason: "Busy" }],
    ["ERROR Declined", { _tag: "Refuse", reason: "Declined" }],
    ["CLOSE", { _tag: "Close" }],
  ])("is written and read: %s", (line, message) => {
    assert.strictEqual(ClientMessage.encode(message), line)
    succeeds(dialect, line, message)
  })

  it("refuses the port with any ERROR, whatever it says", () => {
    for (const line of ["ERROR ", "ERROR Taken", "ERROR in use", "ERROR declined"]) {
      succeeds(dialect, line, { _tag: "Refuse", reason: "Taken" })
    }
  })

  it("ignores surplus words where no name stands", () => {
    succeeds(dialect, "ERROR Declined now", { _tag: "Refuse", reason: "Declined" })
    succeeds(dialect, "ERROR Busy ", { _tag: "Refuse", reason: "Busy" })
    succeeds(dialect, "HELLO there", { _tag: "Hello" })
    succeeds(dialect, "LISTUSERS all of them", { _tag: "ListUsers" })
    succeeds(dialect, "OK 55000", { _tag: "Accept" })
    succeeds(dialect, "CLOSE ", { _tag: "Close" })
  })

  it.each(["", " ", "   ", " HELLO", "hello", "Hello", "HELLO\t", "HELLOX", "\0", "GET / HTTP/1.1", "\ufeffHELLO"])(
    "is an unknown operation: %j",
    (line) => fails(dialect, line, "Operation_unknown"),
  )

  it("without its name is malformed, and does not close the connection", () => {
    fails(dialect, "REGISTER", "Malformed")
    fails(dialect, "CHAT", "Malformed")
  })

  it("with a name that can't be used says so", () => {
    fails(dialect, "REGISTER ", "Name_invalid")
    fails(dialect, "CHAT ", "Name_invalid")
    fails(dialect, "REGISTER PORTER", "Name_invalid")
    fails(dialect, "REGISTER ENDUSERS", "Name_invalid")
    fails(dialect, `REGISTER ${"x".repeat(33)}`, "Name_invalid")
    fails(dialect, "REGISTER al\u202eice", "Name_invalid")
    fails(dialect, "REGISTER al\ufffdice\u0000", "Name_invalid")
  })

  it.prop(
    "is read back from what is written, for every message",
    [arbitraries.clientMessage],
    ([message]) => succeeds(dialect, ClientMessage.encode(message), message),
    arbitraries.thorough,
  )

  it.prop(
    "fits into a line, and is one",
    [arbitraries.clientMessage],
    ([message]) => {
      const line = ClientMessage.encode(message)
      assert.notMatch(line, /[\r\n\0]/)
      assert.isAtMost(new TextEncoder().encode(line).length, 200)
    },
    arbitraries.thorough,
  )

  it.prop(
    "is read or refused with a code word, whatever it is; and what is read is written to the same again",
    [arbitraries.oneOf(arbitraries.text, arbitraries.wordLine)],
    ([line]) => {
      const message = decode(dialect, line)
      if (Result.isFailure(message)) {
        assert.isTrue(Schema.is(ErrorCode)(message.failure.code))
        return
      }
      assert.isTrue(Schema.is(ClientMessage.ClientMessage)(message.success))
      succeeds(dialect, ClientMessage.encode(message.success), message.success)
    },
    { arbitrary: { runs: 5000, size: 6 } },
  )
})

describe("a name of two words", () => {
  it("is refused in the readme dialect", () => {
    fails("readme", "REGISTER two words", "Malformed")
    fails("readme", "CHAT two words", "Malformed")
    fails("readme", "REGISTER alice ", "Malformed")
    fails("readme", "REGISTER  alice", "Malformed")
  })

  it("is its first word with the older server (SPEC section 2)", () => {
    succeeds("original", "REGISTER alice words", { _tag: "Register", name: alice })
    succeeds("original", "CHAT alice ", { _tag: "Chat", name: alice })
  })

  it("is empty after two blanks (SPEC section 2), and an empty name can't be used", () =>
    fails("original", "REGISTER  alice", "Name_invalid"))
})
