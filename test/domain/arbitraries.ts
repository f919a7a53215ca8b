/**
 * What property tests are fed with: values of every kind the domain knows, with a weight on what breaks codecs.
 */
import * as Arbitrary from "effect/Arbitrary"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { Refusal, type ClientMessage } from "../../src/domain/ClientMessage.ts"
import { Dialect } from "../../src/domain/Dialect.ts"
import * as Endpoint from "../../src/domain/Endpoint.ts"
import * as ErrorCode from "../../src/domain/ErrorCode.ts"
import type { PeerMessage } from "../../src/domain/PeerMessage.ts"
import type { ServerMessage } from "../../src/domain/ServerMessage.ts"
import * as Username from "../../src/domain/Username.ts"

/** Enough to find a property false that fails for one value in a few hundred. */
export const thorough = { arbitrary: { runs: 2000, size: 60 } }

export const integer = (minimum: number, maximum: number): Arbitrary.Arbitrary<number> =>
  Arbitrary.schema(Schema.Int.check(Schema.isBetween({ minimum, maximum })))

export const pick = <const A extends Schema.Literals<never>["Type"] | string | number | boolean>(
  ...values: readonly [A, ...Array<A>]
): Arbitrary.Arbitrary<A> => Arbitrary.map(integer(0, values.length - 1), (index) => values[index]!)

/** One of several kinds of values, each as likely. */
export const oneOf = <A>(...kinds: readonly [Arbitrary.Arbitrary<A>, ...Array<Arbitrary.Arbitrary<A>>]) =>
  Arbitrary.flatMap(integer(0, kinds.length - 1), (index) => kinds[index]!)

export const optional = <A>(value: Arbitrary.Arbitrary<A>): Arbitrary.Arbitrary<Option.Option<A>> =>
  oneOf<Option.Option<A>>(Arbitrary.Constant(Option.none()), Arbitrary.map(value, Option.some))

export const mapAll = <const A extends ReadonlyArray<Arbitrary.Arbitrary<unknown>>, B>(
  parts: A,
  f: (values: { -readonly [K in keyof A]: A[K] extends Arbitrary.Arbitrary<infer T> ? T : never }) => B,
): Arbitrary.Arbitrary<B> => Arbitrary.map(Arbitrary.all(parts), (values) => f(values as never))

export const dialect = Arbitrary.schema(Dialect)

const words = (text: string): ReadonlyArray<string> => text.split(" ")

/** Characters and words with a meaning somewhere: line ends, quotes, escapes, what terminals obey, what Unicode hides. */
const pieces = [
  ..."\n\r\0\t\b\\\"'/ .:,%[]-+09aZ",
  ..."\u001b\u007f\u0085\u009b\u00a0\u00ad\u00e9\u034f\u061c\u115f\u200b\u200d\u200e\u2028\u2029\u202e\u2066\u3000\u3164",
  ..."\ufeff\ufffd\ufffe\ue000\u4e2d\u{1f600}\u{e0001}\u{f0000}\u{10ffff}",
  "\ud800",
  "\udc00",
  "\r\n",
  "\u001b[2J",
  "\u001b]0;title\u0007",
  "\\u0000",
  '\\"',
  ...words(`HELLO REGISTER REGISTERED LISTUSERS STARTUSERS ENDUSERS CHAT PORT STARTCHAT OK ERROR CLOSE Declined Busy`),
  ...words(`CONNECT MSG KEEPALIVE Connect Msg Close KeepAliveToken 0 65535 65536 55000 -2147483648 2147483648 bob`),
  ...words(`127.0.0.1 ::1 ::ffff:192.0.2.1 /list /chat /close /help /quit //`),
]

const piece = oneOf(
  Arbitrary.map(integer(0, pieces.length - 1), (index) => pieces[index]!),
  Arbitrary.schema(Schema.String.check(Schema.isMaxLength(8))),
)

/** Any text at all, lone surrogates and what a terminal obeys included. */
export const text = Arbitrary.map(Arbitrary.array(piece, { maxLength: 40 }), (parts) => parts.join(""))

/** Any text that UTF-8 can carry. */
export const wellFormedText = Arbitrary.map(text, (text) => text.toWellFormed())

/** A line as a splitter gives it: well formed, no line end. */
export const line = Arbitrary.map(wellFormedText, (text) => text.replace(/[\r\n]/g, ""))

/** A line of words, as all protocols here are made of. */
export const wordLine = Arbitrary.map(Arbitrary.array(piece, { maxLength: 6 }), (words) =>
  words
    .join(" ")
    .toWellFormed()
    .replace(/[\r\n]/g, ""),
)

/** Any bytes: plain noise, or text with line ends, NULs and broken UTF-8 in it. */
export const bytes: Arbitrary.Arbitrary<Uint8Array> = oneOf(
  Arbitrary.schema(Schema.Uint8Array),
  Arbitrary.map(
    Arbitrary.array(oneOf<string | number>(piece, pick(10, 13, 0, 32, 34, 128, 255), integer(0, 255)), {
      maxLength: 40,
    }),
    (parts) =>
      Uint8Array.from(
        parts.flatMap((part) => (typeof part === "number" ? [part] : [...new TextEncoder().encode(part)])),
      ),
  ),
)

const nameCharacter = oneOf(
  pick("a", "B", "z", "_", "-", ".", "0", '"', "\\", "/", "%", "é", "中", "ß", "\u0301", "\u{1f600}"),
  pick("O", "K", "P", "R", "T", "S", "E", "N", "D", "U", "C", "H", "A"),
  Arbitrary.map(integer(0x21, 0x7e), (code) => String.fromCharCode(code)),
)

export const username: Arbitrary.Arbitrary<Username.Username> = Arbitrary.filterMap(
  oneOf(
    Arbitrary.map(Arbitrary.array(nameCharacter, { minLength: 1, maxLength: 32 }), (characters) => characters.join("")),
    pick("OK", "ERROR", "REGISTER", "HELLO", "CLOSE", "CHAT", "CONNECT", "MSG", "__proto__", "toString"),
  ),
  (name) => (Username.isUsername(name) ? Result.succeed(name) : Result.fail(name)),
)

export const port = integer(1, 65535)

const ipv4 = Arbitrary.map(Arbitrary.array(integer(0, 255), { minLength: 4, maxLength: 4 }), (octets) =>
  octets.join("."),
)
const ipv6 = Arbitrary.map(
  Arbitrary.array(oneOf(pick(0, 0, 0xffff), integer(0, 0xffff)), { minLength: 8, maxLength: 8 }),
  (groups) => groups.map((group) => group.toString(16)).join(":"),
)
const zone = pick("", "", "%eth0", "%1")

/** An address as it may be written. */
export const writtenAddress = oneOf(
  ipv4,
  Arbitrary.map(Arbitrary.all([ipv6, zone]), ([ip, zone]) => ip + zone),
  Arbitrary.map(ipv4, (ip) => `::ffff:${ip}`),
  pick("::", "::1", "1::", "2001:DB8::1", "64:ff9b::192.0.2.1", "0:0:0:0:0:ffff:7f00:1", "FE80::1%eth0"),
)

export const address: Arbitrary.Arbitrary<string> = Arbitrary.filterMap(writtenAddress, (written) =>
  Option.match(Endpoint.canonicalAddress(written), {
    onNone: () => Result.fail(written),
    onSome: (address) => Result.succeed(address),
  }),
)

export const endpoint: Arbitrary.Arbitrary<Endpoint.Endpoint> = Arbitrary.all({ address, port })

/** A value with a tag, and fields. */
export const tagged = <Tag extends string, Fields extends Record<string, Arbitrary.Arbitrary<unknown>>>(
  tag: Tag,
  fields: Fields,
): Arbitrary.Arbitrary<
  { readonly _tag: Tag } & { readonly [K in keyof Fields]: Fields[K] extends Arbitrary.Arbitrary<infer A> ? A : never }
> => Arbitrary.map(Arbitrary.all(fields), (values) => ({ _tag: tag, ...values }) as never)

export const clientMessage: Arbitrary.Arbitrary<ClientMessage> = oneOf<ClientMessage>(
  tagged("Hello", {}),
  tagged("Register", { name: username }),
  tagged("ListUsers", {}),
  tagged("Chat", { name: username }),
  tagged("Accept", {}),
  tagged("Refuse", { reason: Arbitrary.schema(Refusal) }),
  tagged("Close", {}),
)

export const serverMessage: Arbitrary.Arbitrary<ServerMessage> = oneOf<ServerMessage>(
  tagged("Hello", {}),
  tagged("Registered", { name: username }),
  tagged("Users", { names: Arbitrary.array(username, { maxLength: 20 }) }),
  tagged("Calling", {}),
  tagged("AskPort", { port }),
  tagged("StartChat", { endpoint, name: optional(username) }),
  tagged("Error", {
    code: oneOf<string>(Arbitrary.schema(ErrorCode.ErrorCode), pick("infoerror", "X", "a".repeat(64))),
    about: optional(username),
  }),
  tagged("Close", {}),
)

/** A code word this program sends, not one that another server may have made up. */
export const ownCode = (code: string): boolean => ErrorCode.all.some((own) => own === code)

const int32 = oneOf(Arbitrary.schema(Schema.Int.check(Schema.isInt32())), pick(0, 1, -1, -2147483648, 2147483647))

/** What the `readme` dialect can say: the sender is a username, the text anything. */
export const readmePeerMessage: Arbitrary.Arbitrary<PeerMessage> = oneOf<PeerMessage>(
  tagged("Connect", { from: username, number: int32 }),
  tagged("Text", { from: username, text }),
  tagged("KeepAlive", { from: username }),
  tagged("Close", { from: username }),
)

/** A line of the `original` dialect: one that UTF-8 can carry, without line end or NUL. */
const originalLine = Arbitrary.map(wellFormedText, (text) => text.replace(/[\r\n\0]/g, ""))
const originalTypes = new Set(["Connect", "Msg", "KeepAliveToken", "Close"])

/** What the `original` dialect can say: any one-line sender, text and type. */
export const originalPeerMessage: Arbitrary.Arbitrary<PeerMessage> = oneOf<PeerMessage>(
  tagged("Connect", { from: originalLine, number: int32 }),
  tagged("Text", { from: originalLine, text: originalLine }),
  tagged("KeepAlive", { from: originalLine }),
  tagged("Close", { from: originalLine }),
  tagged("Unknown", { from: originalLine, type: Arbitrary.filter(originalLine, (type) => !originalTypes.has(type)) }),
)
