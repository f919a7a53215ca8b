/**
 * What a client says to the server over TLS, one message a line (PROTOCOL.md, section 14).
 */
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import type { ErrorCode } from "../ErrorCode.ts"
import * as PersonName from "../PersonName.ts"
import * as Base64Field from "./Base64Field.ts"
import * as Who from "./Who.ts"

/** Why a side ends a call. */
export const EndCode = Schema.Literals(["Declined", "Cancelled", "Failed"])
export type EndCode = typeof EndCode.Type

const callId = Base64Field.exactly(Base64Field.callIdBytes)

export const ClientLine = Schema.TaggedUnion({
  Hello: {},
  Register: {
    name: PersonName.PersonName,
    certificate: Base64Field.exactly(Base64Field.certificateBytes),
    signature: Base64Field.exactly(Base64Field.signatureBytes),
    /** It is left out of LISTUSERS. */
    unlisted: Schema.Boolean,
  },
  Release: {},
  ListUsers: {},
  LookUp: { who: Who.Who },
  Chat: { who: Who.Who, callId, m1: Base64Field.exactly(Base64Field.m1Bytes) },
  Pass: { callId, data: Base64Field.atMost(Base64Field.maxDataBytes) },
  /** A record for the other side of the call: a datagram, which may be dropped. */
  Relay: { callId, record: Base64Field.atMost(Base64Field.maxRecordBytes) },
  /** The one called wants the chat. */
  Accept: { callId },
  End: { callId, code: EndCode },
  /** The port asked for by PORT is free. */
  PortFree: { callId },
  /** It is not. */
  PortTaken: { callId },
  /** No port is wanted: the relay is all that this side uses. */
  NoPortWanted: { callId },
  /** Where does the server see this client, and where does it answer lookups? */
  Reflex: {},
  Ping: {},
  Close: {},
})
export type ClientLine = typeof ClientLine.Type

const hello: ClientLine = { _tag: "Hello" }
const release: ClientLine = { _tag: "Release" }
const listUsers: ClientLine = { _tag: "ListUsers" }
const reflex: ClientLine = { _tag: "Reflex" }
const ping: ClientLine = { _tag: "Ping" }
const close: ClientLine = { _tag: "Close" }

/** The line of a message, without its line end. */
export const encode = (message: ClientLine): string => {
  switch (message._tag) {
    case "Hello":
      return "HELLO nomitm/1"
    case "Register": {
      const { name, certificate, signature, unlisted } = message
      const proof = `${Base64Field.encode(certificate)} ${Base64Field.encode(signature)}`
      return `REGISTER ${name} ${proof}${unlisted ? " unlisted" : ""}`
    }
    case "Release":
      return "RELEASE"
    case "ListUsers":
      return "LISTUSERS"
    case "LookUp":
      return `LOOKUP ${Who.encode(message.who)}`
    case "Chat":
      return `CHAT ${Who.encode(message.who)} ${Base64Field.encode(message.callId)} ${Base64Field.encode(message.m1)}`
    case "Pass":
      return `PASS ${Base64Field.encode(message.callId)} ${Base64Field.encode(message.data)}`
    case "Relay":
      return `RELAY ${Base64Field.encode(message.callId)} ${Base64Field.encode(message.record)}`
    case "Accept":
      return `ACCEPT ${Base64Field.encode(message.callId)}`
    case "End":
      return `END ${Base64Field.encode(message.callId)} ${message.code}`
    case "PortFree":
      return `OK ${Base64Field.encode(message.callId)}`
    case "PortTaken":
      return `ERROR Taken ${Base64Field.encode(message.callId)}`
    case "NoPortWanted":
      return `ERROR Relay ${Base64Field.encode(message.callId)}`
    case "Reflex":
      return "REFLEX"
    case "Ping":
      return "PING"
    case "Close":
      return "CLOSE"
  }
}

/** What a line would have been. */
export type Operation = Exclude<ClientLine["_tag"], "PortFree" | "PortTaken" | "NoPortWanted"> | "Answer"

/** Why a line is no message: the code word that answers it. */
export interface Unreadable {
  readonly code: ErrorCode
  readonly operation: Operation | undefined
  /** Of a CHAT: the call that comes to nothing, if so much could be read. */
  readonly callId: Uint8Array | undefined
}

const unknown: Result.Result<ClientLine, Unreadable> = Result.fail({
  code: "Operation_unknown",
  operation: undefined,
  callId: undefined,
})

const unreadable = (
  operation: Operation,
  code: ErrorCode = "Malformed",
  call?: Uint8Array,
): Result.Result<ClientLine, Unreadable> => Result.fail({ code, operation, callId: call })

/** No operation has more words than these: what comes after is not cut into pieces. */
const maxWords = 6

/** Reads a client's line. Surplus words are ignored, but for REGISTER, LOOKUP and CHAT. Never throws. */
export const decode = (line: string): Result.Result<ClientLine, Unreadable> => {
  const words = line.split(" ", maxWords)
  switch (words[0]) {
    case "HELLO":
      return words[1] === "nomitm/1" ? Result.succeed(hello) : unreadable("Hello")
    case "REGISTER":
      return decodeRegister(words)
    case "RELEASE":
      return Result.succeed(release)
    case "LISTUSERS":
      return Result.succeed(listUsers)
    case "LOOKUP": {
      if (words.length !== 2) return unreadable("LookUp")
      const who = Who.decode(words[1]!)
      return who === undefined ? unreadable("LookUp", "Name_invalid") : Result.succeed({ _tag: "LookUp", who })
    }
    case "CHAT":
      return decodeChat(words)
    case "PASS": {
      const callId = decodeCallId(words[1])
      const data = Base64Field.decodeAtMost(words[2], Base64Field.maxDataBytes)
      return callId === undefined || data === undefined
        ? unreadable("Pass")
        : Result.succeed({ _tag: "Pass", callId, data })
    }
    case "RELAY": {
      const callId = decodeCallId(words[1])
      const record = Base64Field.decodeAtMost(words[2], Base64Field.maxRecordBytes)
      return callId === undefined || record === undefined
        ? unreadable("Relay")
        : Result.succeed({ _tag: "Relay", callId, record })
    }
    case "ACCEPT": {
      const callId = decodeCallId(words[1])
      return callId === undefined ? unreadable("Accept") : Result.succeed({ _tag: "Accept", callId })
    }
    case "END": {
      const callId = decodeCallId(words[1])
      const code = EndCode.literals.find((code) => code === words[2])
      return callId === undefined || code === undefined
        ? unreadable("End")
        : Result.succeed({ _tag: "End", callId, code })
    }
    case "OK": {
      const callId = decodeCallId(words[1])
      return callId === undefined ? unreadable("Answer") : Result.succeed({ _tag: "PortFree", callId })
    }
    case "ERROR": {
      const _tag = words[1] === "Taken" ? "PortTaken" : words[1] === "Relay" ? "NoPortWanted" : undefined
      const callId = decodeCallId(words[2])
      return _tag === undefined || callId === undefined ? unreadable("Answer") : Result.succeed({ _tag, callId })
    }
    case "REFLEX":
      return Result.succeed(reflex)
    case "PING":
      return Result.succeed(ping)
    case "CLOSE":
      return Result.succeed(close)
    default:
      return unknown
  }
}

const decodeCallId = (word: string | undefined): Uint8Array | undefined =>
  Base64Field.decode(word, Base64Field.callIdBytes)

const decodeRegister = (words: ReadonlyArray<string>): Result.Result<ClientLine, Unreadable> => {
  const unlisted = words[4] === "unlisted"
  const certificate = Base64Field.decode(words[2], Base64Field.certificateBytes)
  const signature = Base64Field.decode(words[3], Base64Field.signatureBytes)
  if (words.length !== (unlisted ? 5 : 4) || certificate === undefined || signature === undefined) {
    return unreadable("Register")
  }
  const name = words[1]!
  return PersonName.isPersonName(name)
    ? Result.succeed({ _tag: "Register", name, certificate, signature, unlisted })
    : unreadable("Register", "Name_invalid")
}

const decodeChat = (words: ReadonlyArray<string>): Result.Result<ClientLine, Unreadable> => {
  const callId = decodeCallId(words[2])
  const m1 = Base64Field.decode(words[3], Base64Field.m1Bytes)
  if (words.length !== 4 || callId === undefined || m1 === undefined) return unreadable("Chat", "Malformed", callId)
  const who = Who.decode(words[1]!)
  return who === undefined
    ? unreadable("Chat", "Name_invalid", callId)
    : Result.succeed({ _tag: "Chat", who, callId, m1 })
}
