/**
 * What the rendezvous server says to a client, one message a line but for the list of users (PROTOCOL.md, section 5).
 */
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import type { Dialect } from "./Dialect.ts"
import * as Endpoint from "./Endpoint.ts"
import * as Username from "./Username.ts"

export const ServerMessage = Schema.TaggedUnion({
  Hello: {},
  Registered: { name: Username.Username },
  /** The names online, sent as one uninterrupted block. */
  Users: { names: Schema.Array(Username.Username) },
  /** CHAT was understood, PORT follows. Only the `original` dialect has a line for it. */
  Calling: {},
  /** Is this UDP port free? */
  AskPort: { port: Endpoint.Port },
  /** Both sides have the port free: start. The name is missing in a line of an older or smaller server. */
  StartChat: { endpoint: Endpoint.Endpoint, name: Schema.Option(Username.Username) },
  /** A refusal: its code word, and the name it is about where there is one. */
  Error: {
    code: Schema.String.check(Schema.isPattern(/^[A-Za-z][A-Za-z0-9_]{0,63}$/)),
    about: Schema.Option(Username.Username),
  },
  Close: {},
})
export type ServerMessage = typeof ServerMessage.Type

/** A line as it stands: the list of users takes several, so that it is read line by line. */
export type ServerLine =
  | Exclude<ServerMessage, { readonly _tag: "Users" }>
  | { readonly _tag: "UsersBegin" }
  | { readonly _tag: "User"; readonly name: string }
  | { readonly _tag: "UsersEnd" }
  /** PORT with a number that no port has. It is refused as any port in use, so that the server asks for another. */
  | { readonly _tag: "AskNoPort" }

/** A line is no message. */
export class ServerLineError extends Schema.TaggedError<ServerLineError>()("ServerLineError", {}) {}

/** One for all: an error of its own for each would make lines of one byte cost a hostile server nothing and us much. */
const failure = Result.fail(new ServerLineError())

/** The line or lines of a message, each with its LF; empty if the dialect has none for it. */
export const encode = (dialect: Dialect, message: ServerMessage): string => {
  switch (message._tag) {
    case "Hello":
      return "HELLO\n"
    case "Registered":
      return `${dialect === "readme" ? "REGISTER" : "REGISTERED"} ${message.name} OK\n`
    case "Users":
      return `STARTUSERS\n${message.names.map((name) => `${name}\n`).join("")}ENDUSERS\n`
    case "Calling":
      return dialect === "original" ? "OK\n" : ""
    case "AskPort":
      return `PORT ${message.port}\n`
    case "StartChat": {
      const { address, port } = message.endpoint
      const written = dialect === "original" ? allGroups(address) : address
      return `STARTCHAT ${written} ${port}${Option.match(message.name, { onNone: () => "", onSome: (name) => ` ${name}` })}\n`
    }
    case "Error":
      // The older client looks for its words anywhere in a line: it gets the bare code word.
      return dialect === "readme" && Option.isSome(message.about)
        ? `ERROR ${message.code} ${message.about.value}\n`
        : `ERROR ${message.code}\n`
    case "Close":
      return "CLOSE\n"
  }
}

/**
 * Reads a server's line.
 *
 * @param inList between STARTUSERS and ENDUSERS a line is a name, unless its form says otherwise
 */
export const decode = (dialect: Dialect, line: string, inList: boolean): Result.Result<ServerLine, ServerLineError> => {
  const words = line.split(" ")
  if (inList && line !== "ENDUSERS" && (words.length === 1 || !isOperation(words[0]!))) {
    return Result.succeed({ _tag: "User", name: line })
  }
  switch (words[0]) {
    case "HELLO":
      return Result.succeed({ _tag: "Hello" })
    case "REGISTER":
    case "REGISTERED": {
      const name = words[1] ?? ""
      const right = words[0] === (dialect === "readme" ? "REGISTER" : "REGISTERED")
      return right && words[2] === "OK" && Username.isUsername(name)
        ? Result.succeed({ _tag: "Registered", name })
        : failure
    }
    case "STARTUSERS":
      return Result.succeed({ _tag: "UsersBegin" })
    case "ENDUSERS":
      return Result.succeed({ _tag: "UsersEnd" })
    case "OK":
      return Result.succeed({ _tag: "Calling" })
    case "PORT": {
      const number = words[1] ?? ""
      const port = Endpoint.parsePort(number)
      if (Option.isSome(port)) return Result.succeed({ _tag: "AskPort", port: port.value })
      return /^-?[0-9]{1,20}$/.test(number) ? Result.succeed({ _tag: "AskNoPort" }) : failure
    }
    case "STARTCHAT": {
      const address = Endpoint.canonicalAddress(words[1] ?? "")
      const port = Endpoint.parsePort(words[2] ?? "")
      if (Option.isNone(address) || Option.isNone(port)) return failure
      const name = Username.parse(words[3] ?? "")
      return Result.succeed({ _tag: "StartChat", endpoint: { address: address.value, port: port.value }, name })
    }
    case "ERROR": {
      const code = words[1] ?? ""
      if (!/^[A-Za-z][A-Za-z0-9_]{0,63}$/.test(code)) return failure
      return Result.succeed({ _tag: "Error", code, about: Username.parse(words[2] ?? "") })
    }
    case "CLOSE":
      return Result.succeed({ _tag: "Close" })
    default:
      return failure
  }
}

const operations = new Set(["PORT", "STARTCHAT", "ERROR", "REGISTER", "REGISTERED"])
const isOperation = (word: string): boolean => operations.has(word)

/** IPv6 with all eight groups, as the older server writes it; IPv4 as it is. */
const allGroups = (address: string): string => {
  if (!Endpoint.isIpv6(address)) return address
  const zone = address.indexOf("%")
  return Endpoint.groups(address).join(":") + (zone < 0 ? "" : address.slice(zone))
}
