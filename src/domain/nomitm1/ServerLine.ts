/**
 * What the server says to a client over TLS, one message a line but for the list of users (PROTOCOL.md, section 14).
 */
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as Endpoint from "../Endpoint.ts"
import * as PersonId from "../identity/PersonId.ts"
import * as PersonName from "../PersonName.ts"
import * as Base64Field from "./Base64Field.ts"
import * as Who from "./Who.ts"

const callId = Base64Field.exactly(Base64Field.callIdBytes)
const codePattern = /^[A-Za-z][A-Za-z0-9_]{0,63}$/
const Code = Schema.String.check(Schema.isPattern(codePattern))

/** Somebody who is online. */
export const User = Schema.Struct({ name: PersonName.PersonName, id: PersonId.PersonId })
export type User = typeof User.Type

export const ServerMessage = Schema.TaggedUnion({
  Hello: {},
  Registered: { name: PersonName.PersonName },
  Released: { name: PersonName.PersonName },
  /** Who is online, sent as one uninterrupted block. */
  Users: { users: Schema.Array(User) },
  /** The answer to LOOKUP. */
  Found: {
    name: PersonName.PersonName,
    certificate: Base64Field.exactly(Base64Field.certificateBytes),
  },
  /** Somebody calls. */
  Incoming: {
    callId,
    /** SHA-256 of the caller's id. */
    callerHash: Base64Field.exactly(Base64Field.hashBytes),
    m1: Base64Field.exactly(Base64Field.m1Bytes),
  },
  /** From the other side of the call. */
  Pass: { callId, data: Base64Field.atMost(Base64Field.maxDataBytes) },
  /** A record from the other side of the call. */
  Relay: { callId, record: Base64Field.atMost(Base64Field.maxRecordBytes) },
  /** The call is over. */
  Ended: { callId, code: Code },
  /** Is this UDP port free? */
  AskPort: { port: Endpoint.Port, callId },
  /** Both sides have the port free: start. */
  StartChat: { endpoint: Endpoint.Endpoint, name: PersonName.PersonName, callId },
  /** Start without a port: the relay is what there is. On the line it is STARTCHAT with `0.0.0.0 0`. */
  StartRelayOnly: { name: PersonName.PersonName, callId },
  /** The answer to REFLEX: where the client is seen, and where it may ask from its other sockets. */
  Reflex: {
    /** Names the client in lookups, until the next REFLEX or the end of the connection. */
    token: Base64Field.exactly(Base64Field.lookupTokenBytes),
    key: Base64Field.exactly(Base64Field.lookupKeyBytes),
    /** The client's, as the server sees it. */
    address: Endpoint.Address,
    /** The server's UDP ports, at the address the client is connected to. */
    ports: Schema.Tuple([Endpoint.Port, Endpoint.Port]),
    /** Another address of the server, with the same two ports. */
    alternate: Schema.Option(Endpoint.Address),
  },
  /** A refusal: its code word, and whom it is about where it is about somebody. */
  Error: { code: Code, about: Schema.Option(Who.Who) },
  Pong: {},
  Close: {},
})
export type ServerMessage = typeof ServerMessage.Type

/** A line as it stands: the list of users takes several, so that it is read line by line. */
export type ServerLine =
  | Exclude<ServerMessage, { readonly _tag: "Users" }>
  | { readonly _tag: "UsersBegin" }
  | { readonly _tag: "User"; readonly user: User }
  | { readonly _tag: "UsersEnd" }
  /** PORT with a number that no port has. It is refused as any port in use, so that the server asks for another. */
  | { readonly _tag: "AskNoPort"; readonly callId: Uint8Array }

/** A line is no message. */
export class ServerLineError extends Schema.TaggedError<ServerLineError>()("nomitm1/ServerLineError", {}) {}

/** One for all: an error of its own for each would make lines of one byte cost a hostile server nothing and us much. */
const failure = Result.fail(new ServerLineError())

/** The line or lines of a message, each with its LF. */
export const encode = (message: ServerMessage): string => {
  switch (message._tag) {
    case "Hello":
      return "HELLO nomitm/1\n"
    case "Registered":
      return `REGISTER ${message.name} OK\n`
    case "Released":
      return `RELEASE ${message.name} OK\n`
    case "Users":
      return `STARTUSERS\n${message.users.map(({ name, id }) => `${name} ${id}\n`).join("")}ENDUSERS\n`
    case "Found":
      return `USER ${message.name} ${Base64Field.encode(message.certificate)}\n`
    case "Incoming": {
      const { callId, callerHash, m1 } = message
      return `INCOMING ${Base64Field.encode(callId)} ${Base64Field.encode(callerHash)} ${Base64Field.encode(m1)}\n`
    }
    case "Pass":
      return `PASS ${Base64Field.encode(message.callId)} ${Base64Field.encode(message.data)}\n`
    case "Relay":
      return `RELAY ${Base64Field.encode(message.callId)} ${Base64Field.encode(message.record)}\n`
    case "Ended":
      return `ENDED ${Base64Field.encode(message.callId)} ${message.code}\n`
    case "AskPort":
      return `PORT ${message.port} ${Base64Field.encode(message.callId)}\n`
    case "StartChat": {
      const { endpoint, name, callId } = message
      return `STARTCHAT ${endpoint.address} ${endpoint.port} ${name} ${Base64Field.encode(callId)}\n`
    }
    case "StartRelayOnly":
      return `STARTCHAT ${noEndpoint} ${message.name} ${Base64Field.encode(message.callId)}\n`
    case "Reflex": {
      const { token, key, address, ports, alternate } = message
      const last = Option.match(alternate, { onNone: () => "", onSome: (other) => ` ${other}` })
      return `REFLEX ${Base64Field.encode(token)} ${Base64Field.encode(key)} ${address} ${ports.join(" ")}${last}\n`
    }
    case "Error":
      return `ERROR ${message.code}${Option.match(message.about, { onNone: () => "", onSome: (who) => ` ${Who.encode(who)}` })}\n`
    case "Pong":
      return "PONG\n"
    case "Close":
      return "CLOSE\n"
  }
}

/** What stands for the endpoint in STARTCHAT where there is none. */
const noEndpoint = "0.0.0.0 0"

/** No message has more words than these: what comes after is not cut into pieces. */
const maxWords = 8

/**
 * Reads a server's line. Never throws.
 *
 * No name is an operation, being in lower case: a line of the list needs no list around it to be told from others.
 */
export const decode = (line: string): Result.Result<ServerLine, ServerLineError> => {
  const words = line.split(" ", maxWords)
  switch (words[0]) {
    case "HELLO":
      return words[1] === "nomitm/1" ? Result.succeed({ _tag: "Hello" }) : failure
    case "REGISTER":
      return decodeDone(words, (name) => ({ _tag: "Registered", name }))
    case "RELEASE":
      return decodeDone(words, (name) => ({ _tag: "Released", name }))
    case "STARTUSERS":
      return Result.succeed({ _tag: "UsersBegin" })
    case "ENDUSERS":
      return Result.succeed({ _tag: "UsersEnd" })
    case "USER": {
      const name = words[1] ?? ""
      const certificate = Base64Field.decode(words[2], Base64Field.certificateBytes)
      return certificate !== undefined && PersonName.isPersonName(name)
        ? Result.succeed({ _tag: "Found", name, certificate })
        : failure
    }
    case "INCOMING": {
      const callId = decodeCallId(words[1])
      const callerHash = Base64Field.decode(words[2], Base64Field.hashBytes)
      const m1 = Base64Field.decode(words[3], Base64Field.m1Bytes)
      return callId === undefined || callerHash === undefined || m1 === undefined
        ? failure
        : Result.succeed({ _tag: "Incoming", callId, callerHash, m1 })
    }
    case "PASS": {
      const callId = decodeCallId(words[1])
      const data = Base64Field.decodeAtMost(words[2], Base64Field.maxDataBytes)
      return callId === undefined || data === undefined ? failure : Result.succeed({ _tag: "Pass", callId, data })
    }
    case "RELAY": {
      const callId = decodeCallId(words[1])
      const record = Base64Field.decodeAtMost(words[2], Base64Field.maxRecordBytes)
      return callId === undefined || record === undefined ? failure : Result.succeed({ _tag: "Relay", callId, record })
    }
    case "ENDED": {
      const callId = decodeCallId(words[1])
      const code = words[2] ?? ""
      return callId !== undefined && codePattern.test(code) ? Result.succeed({ _tag: "Ended", callId, code }) : failure
    }
    case "PORT": {
      const number = words[1] ?? ""
      const port = Endpoint.parsePort(number)
      const callId = decodeCallId(words[2])
      if (callId === undefined) return failure
      if (Option.isSome(port)) return Result.succeed({ _tag: "AskPort", port: port.value, callId })
      return /^-?[0-9]{1,20}$/.test(number) ? Result.succeed({ _tag: "AskNoPort", callId }) : failure
    }
    case "STARTCHAT": {
      const address = Endpoint.canonicalAddress(words[1] ?? "")
      const port = Endpoint.parsePort(words[2] ?? "")
      const name = words[3] ?? ""
      const callId = decodeCallId(words[4])
      if (callId === undefined || !PersonName.isPersonName(name)) return failure
      if (`${words[1]} ${words[2]}` === noEndpoint) return Result.succeed({ _tag: "StartRelayOnly", name, callId })
      return Option.isSome(address) && Option.isSome(port)
        ? Result.succeed({
            _tag: "StartChat",
            endpoint: { address: address.value, port: port.value },
            name,
            callId,
          })
        : failure
    }
    case "REFLEX":
      return decodeReflex(words)
    case "ERROR": {
      const code = words[1] ?? ""
      if (!codePattern.test(code)) return failure
      const about = Option.fromUndefinedOr(words[2] === undefined ? undefined : Who.decode(words[2]))
      return Result.succeed({ _tag: "Error", code, about })
    }
    case "PONG":
      return Result.succeed({ _tag: "Pong" })
    case "CLOSE":
      return Result.succeed({ _tag: "Close" })
    default:
      return decodeUser(words)
  }
}

const decodeCallId = (word: string | undefined): Uint8Array | undefined =>
  Base64Field.decode(word, Base64Field.callIdBytes)

const decodeReflex = (words: ReadonlyArray<string>): Result.Result<ServerLine, ServerLineError> => {
  const token = Base64Field.decode(words[1], Base64Field.lookupTokenBytes)
  const key = Base64Field.decode(words[2], Base64Field.lookupKeyBytes)
  const address = Endpoint.canonicalAddress(words[3] ?? "")
  const first = Endpoint.parsePort(words[4] ?? "")
  const second = Endpoint.parsePort(words[5] ?? "")
  const alternate = words[6] === undefined ? Option.none<string>() : Endpoint.canonicalAddress(words[6])
  if (token === undefined || key === undefined || Option.isNone(address)) return failure
  if (Option.isNone(first) || Option.isNone(second)) return failure
  // A word that is no address is one of a later version: the two ports are good without it.
  return Result.succeed({
    _tag: "Reflex",
    token,
    key,
    address: address.value,
    ports: [first.value, second.value],
    alternate,
  })
}

const decodeDone = (
  words: ReadonlyArray<string>,
  make: (name: PersonName.PersonName) => ServerLine,
): Result.Result<ServerLine, ServerLineError> => {
  const name = words[1] ?? ""
  return words[2] === "OK" && PersonName.isPersonName(name) ? Result.succeed(make(name)) : failure
}

const decodeUser = (words: ReadonlyArray<string>): Result.Result<ServerLine, ServerLineError> => {
  const name = words[0]!
  const id = words[1] ?? ""
  return PersonId.isPersonId(id) && PersonName.isPersonName(name)
    ? Result.succeed({ _tag: "User", user: { name, id } })
    : failure
}
