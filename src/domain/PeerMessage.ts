/**
 * What two peers say to each other over UDP in the seed's plaintext, one message a datagram (PROTOCOL.md, section 7).
 *
 * ```
 * readme                        original (LF is a line feed)
 * user1 CONNECT                 user1 LF Connect LF -712 LF LF
 * user1 MSG "hello there"       user1 LF Msg LF hello there LF LF
 * user1 KEEPALIVE               user1 LF KeepAliveToken LF LF LF
 * user1 CLOSE                   (never sent; Close is ignored)
 * ```
 */
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import type { Dialect } from "./Dialect.ts"
import * as Username from "./Username.ts"

/** The longest text a message carries, in bytes of UTF-8: larger datagrams get lost in pieces on many paths. */
export const maxTextBytes = 4096

export const PeerMessage = Schema.TaggedUnion({
  /** Sent until the other side is heard. The number decides in the `original` dialect who sends the first token. */
  Connect: { from: Schema.String, number: Schema.Int.check(Schema.isInt32()) },
  Text: { from: Schema.String, text: Schema.String },
  /** Keeps NAT mappings open; in the `original` dialect a token that goes to and fro. */
  KeepAlive: { from: Schema.String },
  Close: { from: Schema.String },
  /** `original` only: a type this program does not know. It is safely ignored in every state. */
  Unknown: { from: Schema.String, type: Schema.String },
})
export type PeerMessage = typeof PeerMessage.Type

/** Why a datagram is no message of the dialect. */
export class DatagramError extends Schema.TaggedError<DatagramError>()("DatagramError", {
  reason: Schema.Literals(["NotUtf8", "NoSender", "UnknownType", "TooFewLines", "BadNumber"]),
}) {}

const errors = {
  NotUtf8: Result.fail(new DatagramError({ reason: "NotUtf8" })),
  NoSender: Result.fail(new DatagramError({ reason: "NoSender" })),
  UnknownType: Result.fail(new DatagramError({ reason: "UnknownType" })),
  TooFewLines: Result.fail(new DatagramError({ reason: "TooFewLines" })),
  BadNumber: Result.fail(new DatagramError({ reason: "BadNumber" })),
}

const encoder = new TextEncoder()
const strict = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true })
const latin1 = new TextDecoder("latin1")

/** The length of a text in bytes of UTF-8. */
export const textBytes = (text: string): number => encoder.encode(text).length

/** Whether a message can carry a text. Most are short enough to tell without counting: no unit takes over 3 bytes. */
export const fits = (text: string): boolean => 3 * text.length <= maxTextBytes || textBytes(text) <= maxTextBytes

/**
 * The datagram of a message.
 *
 * In the `original` dialect text is one line without NUL: line breaks become blanks, as in the older program.
 */
export const encode = (dialect: Dialect, message: PeerMessage): Uint8Array =>
  toBytes(dialect === "readme" ? encodeReadme(message) : encodeOriginal(message))

/** Memory for the datagrams to come: many small ones share a piece, which is much cheaper than one for each. */
let slab = new ArrayBuffer(0)
let used = 0
const slabBytes = 16 * 1024

const toBytes = (text: string): Uint8Array => {
  const most = 3 * text.length
  if (used + most > slab.byteLength) {
    slab = new ArrayBuffer(Math.max(slabBytes, most))
    used = 0
  }
  const { written } = encoder.encodeInto(text, new Uint8Array(slab, used))
  const datagram = new Uint8Array(slab, used, written)
  used += written
  return datagram
}

/**
 * Reads a datagram. Never throws, whatever the bytes.
 *
 * @param known the sender's name where it is known: the same again need not be checked
 */
export const decode = (
  dialect: Dialect,
  datagram: Uint8Array,
  known?: string,
): Result.Result<PeerMessage, DatagramError> =>
  dialect === "readme" ? decodeReadme(datagram, known) : decodeOriginal(datagram)

const encodeReadme = (message: PeerMessage): string => {
  switch (message._tag) {
    case "Connect":
      return `${message.from} CONNECT`
    case "Text":
      return `${message.from} MSG ${JSON.stringify(message.text)}`
    case "KeepAlive":
      return `${message.from} KEEPALIVE`
    case "Close":
      return `${message.from} CLOSE`
    case "Unknown":
      return `${message.from} ${message.type}`
  }
}

const decodeReadme = (datagram: Uint8Array, known: string | undefined): Result.Result<PeerMessage, DatagramError> => {
  let whole: string
  try {
    whole = strict.decode(datagram)
  } catch {
    return errors.NotUtf8
  }
  const first = whole.indexOf(" ")
  if (first < 0) return errors.NoSender
  const from = whole.slice(0, first)
  if (from !== known && !Username.isUsername(from)) return errors.NoSender
  const rest = withoutLineEnd(whole.slice(first + 1))
  const second = rest.indexOf(" ")
  switch (second < 0 ? rest : rest.slice(0, second)) {
    case "CONNECT":
      return Result.succeed({ _tag: "Connect", from, number: 0 })
    case "MSG":
      return Result.succeed({ _tag: "Text", from, text: second < 0 ? "" : unquote(rest.slice(second + 1)) })
    case "KEEPALIVE":
      return Result.succeed({ _tag: "KeepAlive", from })
    case "CLOSE":
      return Result.succeed({ _tag: "Close", from })
    default:
      return errors.UnknownType
  }
}

const withoutLineEnd = (text: string): string =>
  text.endsWith("\n") ? text.slice(0, text.endsWith("\r\n") ? -2 : -1) : text

/** Text in quotes is a JSON string; one that merely has quotes around it loses them; any other is taken as it is. */
const unquote = (text: string): string => {
  if (text.length < 2 || !text.startsWith('"') || !text.endsWith('"')) return text
  // Without an escape it says what stands between the quotes, be it JSON or not.
  if (!text.includes("\\")) return text.slice(1, -1)
  try {
    return JSON.parse(text) as string
  } catch {
    return text.slice(1, -1)
  }
}

const encodeOriginal = (message: PeerMessage): string => {
  const from = oneLine(message.from)
  switch (message._tag) {
    case "Connect":
      return `${from}\nConnect\n${message.number}\n\n`
    case "Text":
      return `${from}\nMsg\n${oneLine(message.text)}\n\n`
    case "KeepAlive":
      return `${from}\nKeepAliveToken\n\n\n`
    case "Close":
      return `${from}\nClose\n\n\n`
    case "Unknown":
      return `${from}\n${oneLine(message.type)}\n\n\n`
  }
}

const oneLine = (text: string): string => text.replace(/\r\n|[\r\n\0]/g, " ")

const decodeOriginal = (datagram: Uint8Array): Result.Result<PeerMessage, DatagramError> => {
  const nul = datagram.indexOf(0)
  const bytes = nul < 0 ? datagram : datagram.subarray(0, nul)
  let whole: string
  try {
    whole = strict.decode(bytes)
  } catch {
    whole = latin1.decode(bytes)
  }
  const lines = readLines(whole, 3)
  if (Option.isNone(lines)) return errors.TooFewLines
  const [from, type, text] = lines.value as [string, string, string]
  switch (type) {
    case "Connect": {
      if (!/^[+-]?[0-9]{1,10}$/.test(text)) return errors.BadNumber
      const number = Number(text)
      return number >= -2147483648 && number <= 2147483647
        ? Result.succeed({ _tag: "Connect", from, number: number + 0 })
        : errors.BadNumber
    }
    case "Msg":
      return Result.succeed({ _tag: "Text", from, text })
    case "KeepAliveToken":
      return Result.succeed({ _tag: "KeepAlive", from })
    case "Close":
      return Result.succeed({ _tag: "Close", from })
    default:
      return Result.succeed({ _tag: "Unknown", from, type })
  }
}

/** The first `count` lines, if there are so many. The last needs no line end unless it is empty. */
const readLines = (text: string, count: number): Option.Option<ReadonlyArray<string>> => {
  const lines: Array<string> = []
  let rest = text
  while (lines.length < count) {
    const end = /\r\n|\r|\n/.exec(rest)
    if (end === null) {
      if (rest === "") return Option.none()
      lines.push(rest)
      return lines.length === count ? Option.some(lines) : Option.none()
    }
    lines.push(rest.slice(0, end.index))
    rest = rest.slice(end.index + end[0].length)
  }
  return Option.some(lines)
}
