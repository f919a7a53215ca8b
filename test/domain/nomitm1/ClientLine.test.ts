import { assert, describe, it } from "@effect/vitest"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { maxLineBytes } from "../../../src/domain/LineSplitter.ts"
import * as Base64Field from "../../../src/domain/nomitm1/Base64Field.ts"
import * as ClientLine from "../../../src/domain/nomitm1/ClientLine.ts"
import * as arbitraries from "./arbitraries.ts"

const word = (bytes: number) => Base64Field.encode(new Uint8Array(bytes).fill(7))
const callId = word(16)
const isClientLine = Schema.is(ClientLine.ClientLine)

describe("a client's line over TLS", () => {
  it.prop(
    "is the same after being written and read, and fits a line",
    [arbitraries.clientLine],
    ([message]) => {
      const line = ClientLine.encode(message)
      assert.isAtMost(new TextEncoder().encode(line).length, maxLineBytes)
      assert.deepStrictEqual(ClientLine.decode(line), Result.succeed(message))
    },
    { arbitrary: { runs: 500 } },
  )

  it.prop(
    "is what the schema says, or an error, whatever is read",
    [arbitraries.line],
    ([line]) => {
      const read = ClientLine.decode(line)
      if (Result.isSuccess(read)) assert.isTrue(isClientLine(read.success))
    },
    { arbitrary: { runs: 1000 } },
  )

  it.each<readonly [string, string]>([
    ["HELLO nomitm/1", "Hello"],
    [`REGISTER alice ${word(144)} ${word(64)}`, "Register"],
    [`REGISTER alice ${word(144)} ${word(64)} unlisted`, "Register"],
    ["RELEASE", "Release"],
    ["LISTUSERS", "ListUsers"],
    ["LOOKUP bob", "LookUp"],
    [`LOOKUP ${word(32)}`, "LookUp"],
    [`CHAT bob ${callId} ${word(1800)}`, "Chat"],
    [`PASS ${callId} ${word(2250)}`, "Pass"],
    [`PASS ${callId} ${word(1)} and more`, "Pass"],
    [`RELAY ${callId} ${word(1232)}`, "Relay"],
    [`RELAY ${callId} ${word(1)} and more`, "Relay"],
    [`ACCEPT ${callId}`, "Accept"],
    [`END ${callId} Declined`, "End"],
    [`OK ${callId}`, "PortFree"],
    [`ERROR Taken ${callId}`, "PortTaken"],
    [`ERROR Relay ${callId}`, "NoPortWanted"],
    ["REFLEX", "Reflex"],
    ["REFLEX again", "Reflex"],
    ["PING", "Ping"],
    ["CLOSE", "Close"],
  ])("is read: %s", (line, tag) => {
    const read = ClientLine.decode(line)
    assert.strictEqual(Result.isSuccess(read) ? read.success._tag : undefined, tag)
  })

  it.each<readonly [string, string, string]>([
    ["", "Operation_unknown", "nothing"],
    ["hello nomitm/1", "Operation_unknown", "an operation in lower case"],
    [" PING", "Operation_unknown", "a blank in front"],
    ["HELLO", "Malformed", "a greeting without version"],
    ["HELLO nomitm/2", "Malformed", "another version"],
    [`REGISTER alice ${word(144)}`, "Malformed", "no signature"],
    [`REGISTER alice ${word(143)} ${word(64)}`, "Malformed", "a short certificate"],
    [`REGISTER alice ${word(145)} ${word(64)}`, "Malformed", "a long certificate"],
    [`REGISTER alice ${word(144)} ${word(63)}`, "Malformed", "a short signature"],
    [`REGISTER alice ${word(144)} ${word(65)}`, "Malformed", "a long signature"],
    [`REGISTER alice ${word(144)} ${word(64)} hidden`, "Malformed", "another fourth word"],
    [`REGISTER alice ${word(144)} ${word(64)} unlisted x`, "Malformed", "a fifth word"],
    [`REGISTER Alice ${word(144)} ${word(64)}`, "Name_invalid", "a name in capitals"],
    [`REGISTER Alice ${word(143)} ${word(64)}`, "Malformed", "that before the name"],
    ["LOOKUP", "Malformed", "nobody to look up"],
    ["LOOKUP bob carol", "Malformed", "two to look up"],
    ["LOOKUP Bob", "Name_invalid", "a name in capitals to look up"],
    [`CHAT bob ${callId}`, "Malformed", "no M1"],
    [`CHAT bob ${callId} ${word(1799)}`, "Malformed", "a short M1"],
    [`CHAT bob ${callId} ${word(1801)}`, "Malformed", "a long M1"],
    [`CHAT bob ${callId} ${word(1800)} x`, "Malformed", "a word after M1"],
    [`CHAT bob ${word(15)} ${word(1800)}`, "Malformed", "a short callId"],
    [`CHAT Bob ${callId} ${word(1800)}`, "Name_invalid", "a name in capitals to call"],
    [`PASS ${callId} ${word(2251)}`, "Malformed", "too much data"],
    [`PASS ${callId} `, "Malformed", "no data"],
    [`PASS ${callId}`, "Malformed", "no word of data"],
    [`PASS ${callId} AB=`, "Malformed", "padding"],
    [`PASS ${callId} AB`, "Malformed", "a form that is not canonical"],
    [`PASS ${callId} A+/A`, "Malformed", "the other alphabet"],
    [`RELAY ${callId} ${word(1233)}`, "Malformed", "a record too long"],
    [`RELAY ${callId}`, "Malformed", "no record"],
    [`RELAY ${callId} `, "Malformed", "an empty record"],
    [`RELAY ${word(15)} ${word(64)}`, "Malformed", "a record for no call"],
    ["ERROR Relay", "Malformed", "no port for no call"],
    [`ACCEPT ${word(17)}`, "Malformed", "a long callId"],
    ["ACCEPT", "Malformed", "no callId"],
    [`END ${callId}`, "Malformed", "no code"],
    [`END ${callId} Peer_gone`, "Malformed", "a code that is the server's"],
    ["OK", "Malformed", "an answer to no call"],
    [`ERROR Busy ${callId}`, "Malformed", "an answer of the other protocol"],
    [`ERROR ${callId}`, "Malformed", "an answer without reason"],
  ])("is refused: %s (%s: %s)", (line, code) => {
    const read = ClientLine.decode(line)
    assert.strictEqual(Result.isFailure(read) ? read.failure.code : undefined, code)
  })

  it("of a call that can't be read still names the call, if it does", () => {
    const idOf = (line: string) => {
      const read = ClientLine.decode(line)
      return Result.isFailure(read) ? read.failure.callId : undefined
    }
    assert.deepStrictEqual(idOf(`CHAT bob ${callId} x`), new Uint8Array(16).fill(7))
    assert.deepStrictEqual(idOf(`CHAT Bob ${callId} ${word(1800)}`), new Uint8Array(16).fill(7))
    assert.isUndefined(idOf(`CHAT bob x ${word(1800)}`))
  })
})
