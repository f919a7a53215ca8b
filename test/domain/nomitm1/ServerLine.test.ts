import { assert, describe, it } from "@effect/vitest"
import * as Result from "effect/Result"
import { maxLineBytes } from "../../../src/domain/LineSplitter.ts"
import * as Base64Field from "../../../src/domain/nomitm1/Base64Field.ts"
import * as ServerLine from "../../../src/domain/nomitm1/ServerLine.ts"
import * as arbitraries from "./arbitraries.ts"

const word = (bytes: number) => Base64Field.encode(new Uint8Array(bytes).fill(7))
const callId = word(16)
const encoder = new TextEncoder()

describe("a server's line over TLS", () => {
  it.prop(
    "is the same after being written and read, and fits a line",
    [arbitraries.serverMessage],
    ([message]) => {
      const text = ServerLine.encode(message)
      assert.isTrue(text.endsWith("\n"))
      const lines = text.slice(0, -1).split("\n")
      for (const line of lines) assert.isAtMost(encoder.encode(line).length, maxLineBytes)
      const read = lines.map((line) => Result.getOrThrow(ServerLine.decode(line)))
      if (message._tag === "Users") {
        assert.deepStrictEqual(read, [
          { _tag: "UsersBegin" },
          ...message.users.map((user) => ({ _tag: "User" as const, user })),
          { _tag: "UsersEnd" },
        ])
      } else assert.deepStrictEqual(read, [message])
    },
    { arbitrary: { runs: 500 } },
  )

  it.prop(
    "never makes its reader throw, and is written as it was read",
    [arbitraries.line],
    ([line]) => {
      const read = ServerLine.decode(line)
      if (Result.isFailure(read)) return
      const { success } = read
      const isPart = ["UsersBegin", "User", "UsersEnd", "AskNoPort"].includes(success._tag)
      if (isPart) return
      const written = ServerLine.encode(success as ServerLine.ServerMessage)
      assert.deepStrictEqual(ServerLine.decode(written.slice(0, -1)), read)
    },
    { arbitrary: { runs: 1000 } },
  )

  it.each([
    `alice ${word(32)}`,
    `USER alice ${word(144)}`,
    `INCOMING ${callId} ${word(32)} ${word(1800)}`,
    `PORT 55000 ${callId}`,
    `PORT 0 ${callId}`,
    `STARTCHAT 192.0.2.1 55000 bob ${callId}`,
    `STARTCHAT 2001:db8::1 55000 bob ${callId}`,
    `STARTCHAT 0.0.0.0 0 bob ${callId}`,
    `RELAY ${callId} ${word(1232)}`,
    `REFLEX ${word(16)} ${word(32)} 192.0.2.1 6969 6970`,
    `REFLEX ${word(16)} ${word(32)} 2001:db8::1 6969 6970 2001:db8::2`,
    `REFLEX ${word(16)} ${word(32)} 192.0.2.1 6969 6970 something new`,
    "ERROR Relay_refused",
    `ENDED ${callId} Declined`,
    `ENDED ${callId} Something_new`,
    "ERROR Name_owned alice",
    `ERROR User_not_online ${word(32)}`,
    "REGISTER alice OK",
    "RELEASE alice OK",
    "PONG",
  ])("is read: %s", (line) => assert.isTrue(Result.isSuccess(ServerLine.decode(line))))

  it.each([
    "",
    "HELLO",
    "HELLO nomitm/0",
    "alice",
    `Alice ${word(32)}`,
    `alice ${word(31)}`,
    `USER alice ${word(145)}`,
    `USER Alice ${word(144)}`,
    `INCOMING ${callId} ${word(32)} ${word(1799)}`,
    `INCOMING ${callId} ${word(31)} ${word(1800)}`,
    `PASS ${callId} ${word(2251)}`,
    `PORT 55000`,
    `PORT many ${callId}`,
    `STARTCHAT 192.0.2.1 0 bob ${callId}`,
    `STARTCHAT 0.0.0.0 00 bob ${callId}`,
    `STARTCHAT 0.0.0.0 0 Bob ${callId}`,
    "STARTCHAT 0.0.0.0 0 bob",
    `RELAY ${callId} ${word(1233)}`,
    `RELAY ${callId}`,
    `REFLEX ${word(16)} ${word(32)} 192.0.2.1 6969`,
    `REFLEX ${word(16)} ${word(32)} 192.0.2.1 6969 0`,
    `REFLEX ${word(16)} ${word(32)} localhost 6969 6970`,
    `REFLEX ${word(15)} ${word(32)} 192.0.2.1 6969 6970`,
    `REFLEX ${word(16)} ${word(31)} 192.0.2.1 6969 6970`,
    `STARTCHAT localhost 55000 bob ${callId}`,
    "STARTCHAT 192.0.2.1 55000 bob",
    `ENDED ${callId} \u001b[2J`,
    `ENDED ${callId}`,
    "ERROR",
    "REGISTER alice",
  ])("is no message: %s", (line) => assert.isTrue(Result.isFailure(ServerLine.decode(line))))
})
