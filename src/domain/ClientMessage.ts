/**
 * What a client says to the rendezvous server, one message a line (PROTOCOL.md, section 4).
 */
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import type { Dialect } from "./Dialect.ts"
import type { ErrorCode } from "./ErrorCode.ts"
import * as Username from "./Username.ts"

/** Why a client refuses a port: it is in use (another is tried), or the call itself is not wanted (it ends). */
export const Refusal = Schema.Literals(["Taken", "Busy", "Declined"])
export type Refusal = typeof Refusal.Type

export const ClientMessage = Schema.TaggedUnion({
  Hello: {},
  Register: { name: Username.Username },
  ListUsers: {},
  Chat: { name: Username.Username },
  /** The port asked for by PORT is free. */
  Accept: {},
  /** It is not, or the call is not wanted. */
  Refuse: { reason: Refusal },
  Close: {},
})
export type ClientMessage = typeof ClientMessage.Type

const hello: ClientMessage = { _tag: "Hello" }
const listUsers: ClientMessage = { _tag: "ListUsers" }
const accept: ClientMessage = { _tag: "Accept" }
const close: ClientMessage = { _tag: "Close" }
const taken: ClientMessage = { _tag: "Refuse", reason: "Taken" }
const refusals: ReadonlyMap<string, ClientMessage> = new Map([
  ["Busy", { _tag: "Refuse", reason: "Busy" }],
  ["Declined", { _tag: "Refuse", reason: "Declined" }],
])

/** The line of a message, without its line end. It is the same in both dialects. */
export const encode = (message: ClientMessage): string => {
  switch (message._tag) {
    case "Hello":
      return "HELLO"
    case "Register":
      return `REGISTER ${message.name}`
    case "ListUsers":
      return "LISTUSERS"
    case "Chat":
      return `CHAT ${message.name}`
    case "Accept":
      return "OK"
    case "Refuse":
      return message.reason === "Taken" ? "ERROR" : `ERROR ${message.reason}`
    case "Close":
      return "CLOSE"
  }
}

/** Why a line is no message: the code word of the ERROR line that answers it, and what it would have been. */
export interface Unreadable {
  readonly code: ErrorCode
  readonly operation: "REGISTER" | "CHAT" | undefined
}

const unknown: Unreadable = { code: "Operation_unknown", operation: undefined }

/**
 * Reads a client's line. Operations are case-sensitive and stand at the start; surplus words are ignored, but for a
 * name in the `readme` dialect: `REGISTER two words` is refused there, and registers `two` with the older server.
 */
export const decode = (dialect: Dialect, line: string): Result.Result<ClientMessage, Unreadable> => {
  const blank = line.indexOf(" ")
  const operation = blank < 0 ? line : line.slice(0, blank)
  const rest = blank < 0 ? "" : line.slice(blank + 1)
  switch (operation) {
    case "HELLO":
      return Result.succeed(hello)
    case "REGISTER":
      return decodeName(dialect, "REGISTER", blank < 0, rest, (name) => ({ _tag: "Register", name }))
    case "LISTUSERS":
      return Result.succeed(listUsers)
    case "CHAT":
      return decodeName(dialect, "CHAT", blank < 0, rest, (name) => ({ _tag: "Chat", name }))
    case "OK":
      return Result.succeed(accept)
    case "ERROR":
      return Result.succeed(refusals.get(firstWord(rest)) ?? taken)
    case "CLOSE":
      return Result.succeed(close)
    default:
      return Result.fail(unknown)
  }
}

const firstWord = (text: string): string => {
  const blank = text.indexOf(" ")
  return blank < 0 ? text : text.slice(0, blank)
}

const decodeName = (
  dialect: Dialect,
  operation: "REGISTER" | "CHAT",
  missing: boolean,
  rest: string,
  make: (name: Username.Username) => ClientMessage,
): Result.Result<ClientMessage, Unreadable> => {
  const name = firstWord(rest)
  if (missing || (name !== rest && dialect === "readme")) return Result.fail({ code: "Malformed", operation })
  return Username.isUsername(name) ? Result.succeed(make(name)) : Result.fail({ code: "Name_invalid", operation })
}
