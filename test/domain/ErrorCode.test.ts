import { assert, describe, it } from "@effect/vitest"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as ErrorCode from "../../src/domain/ErrorCode.ts"
import * as ServerMessage from "../../src/domain/ServerMessage.ts"
import * as arbitraries from "./arbitraries.ts"

describe.each(ErrorCode.all)("the code word %s", (code) => {
  it("has none of the words that the older client takes for a command (SPEC section 6.2)", () =>
    assert.notMatch(code, /PORT|STARTCHAT|STARTUSERS|ENDUSERS/))

  it("tells a person what happened and what to do next", () => {
    const { message, hint } = ErrorCode.explain(code)
    for (const sentence of [message, hint]) assert.match(sentence, /^[A-Z].{8,100}\.$/)
    assert.notStrictEqual(message, hint)
  })

  it("goes through an ERROR line of either dialect", () => {
    for (const dialect of ["readme", "original"] as const) {
      const line = ServerMessage.encode(dialect, { _tag: "Error", code, about: Option.none() })
      assert.strictEqual(line, `ERROR ${code}\n`)
      assert.deepStrictEqual(
        ServerMessage.decode(dialect, line.trimEnd(), false),
        Result.succeed({ _tag: "Error" as const, code, about: Option.none() }),
      )
    }
  })
})

describe("the code words", () => {
  it("of the older server are among them, as it writes them", () =>
    assert.includeMembers(
      [...ErrorCode.all],
      ["Operation_unknown", "User_exists", "Already_auth", "Not_registered", "User_not_online"],
    ))

  it("of every refusal there is are among them", () =>
    assert.includeMembers(
      [...ErrorCode.all],
      ["Self_call", "Busy", "Declined", "Too_many_tries", "No_answer", "Malformed", "Too_long", "Peer_gone"],
    ))

  it("are told apart by their messages", () =>
    assert.strictEqual(
      new Set(ErrorCode.all.map((code) => ErrorCode.explain(code).message)).size,
      ErrorCode.all.length,
    ))

  it.each(["infoerror", "toString", "__proto__", "hasOwnProperty", ""])(
    "of another server are shown as they are: %j",
    (code) =>
      assert.deepStrictEqual(ErrorCode.explain(code), {
        message: `The server reports ${code}.`,
        hint: "Try again; if it stays so, ask whoever runs the server.",
      }),
  )

  it.prop(
    "of whatever text are explained in words",
    [arbitraries.text],
    ([code]) => {
      const { message, hint } = ErrorCode.explain(code)
      assert.isString(message)
      assert.isString(hint)
    },
    arbitraries.thorough,
  )
})
