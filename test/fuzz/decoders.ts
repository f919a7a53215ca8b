/**
 * Every decoder of the domain with what holds of it for any bytes: it does not throw, what it gives is of bounded size,
 * and what it gives is the same after being written and read again.
 */
import { assert } from "@effect/vitest"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as Bytes from "../../src/domain/crypto/Bytes.ts"
import * as ClientMessage from "../../src/domain/ClientMessage.ts"
import type { Dialect } from "../../src/domain/Dialect.ts"
import * as DirectDatagram from "../../src/domain/direct/DirectDatagram.ts"
import * as Endpoint from "../../src/domain/Endpoint.ts"
import * as ErrorCode from "../../src/domain/ErrorCode.ts"
import * as KnownServerList from "../../src/domain/KnownServerList.ts"
import * as LineSplitter from "../../src/domain/LineSplitter.ts"
import * as SecureClientLine from "../../src/domain/nomitm1/ClientLine.ts"
import * as SecureServerLine from "../../src/domain/nomitm1/ServerLine.ts"
import * as PeerMessage from "../../src/domain/PeerMessage.ts"
import * as PersonName from "../../src/domain/PersonName.ts"
import * as PrintableText from "../../src/domain/PrintableText.ts"
import * as Frame from "../../src/domain/record/Frame.ts"
import * as RecordHeader from "../../src/domain/record/RecordHeader.ts"
import * as RecordLayer from "../../src/domain/record/RecordLayer.ts"
import * as ServerAddress from "../../src/domain/ServerAddress.ts"
import * as Contact from "../../src/domain/profile/Contact.ts"
import * as ContactFile from "../../src/domain/profile/ContactFile.ts"
import * as InvitationBook from "../../src/domain/profile/InvitationBook.ts"
import * as InvitationTime from "../../src/domain/profile/InvitationTime.ts"
import { skeleton } from "../../src/domain/profile/Lookalike.ts"
import * as ProfileFile from "../../src/domain/profile/ProfileFile.ts"
import * as ProfileState from "../../src/domain/profile/ProfileState.ts"
import * as ServerMessage from "../../src/domain/ServerMessage.ts"
import * as UserInput from "../../src/domain/UserInput.ts"
import * as Username from "../../src/domain/Username.ts"
import { primitives } from "../domain/crypto/primitives.ts"
import { epochs } from "../domain/record/arbitraries.ts"
import * as ProfileOwner from "../../src/services/profile/ProfileOwner.ts"
import { reachDecoders } from "./reachDecoders.ts"

export interface Decoder {
  readonly name: string
  /** Valid input, to be mutated. */
  readonly seeds: ReadonlyArray<Uint8Array>
  /** Only reads, to see how long that takes. */
  readonly read: (bytes: Uint8Array) => void
  /** Throws if what must hold does not. */
  readonly check: (bytes: Uint8Array) => void
}

const encoder = new TextEncoder()
const tolerant = new TextDecoder("utf-8", { ignoreBOM: true })
const utf8 = (texts: ReadonlyArray<string>) => texts.map((text) => encoder.encode(text))
const isError = Schema.is(ErrorCode.ErrorCode)
const isClientMessage = Schema.is(ClientMessage.ClientMessage)
const isPeerMessage = Schema.is(PeerMessage.PeerMessage)

/** The lines of a stream, cut in two ways; what is kept between chunks stays bounded. */
const split = (bytes: Uint8Array): ReadonlyArray<LineSplitter.Line> => {
  const inOne: Array<LineSplitter.Line> = []
  const inTwo: Array<LineSplitter.Line> = []
  const push = (state: LineSplitter.State, chunk: Uint8Array, lines: Array<LineSplitter.Line>) => {
    const [next, more] = LineSplitter.push(state, chunk)
    assert.isAtMost(next.rest.length, LineSplitter.maxLineBytes)
    lines.push(...more)
    return next
  }
  inOne.push(...LineSplitter.end(push(LineSplitter.initial, bytes, inOne)))
  const middle = bytes.length >> 1
  const state = push(LineSplitter.initial, bytes.subarray(0, middle), inTwo)
  inTwo.push(...LineSplitter.end(push(state, bytes.subarray(middle), inTwo)))
  assert.deepStrictEqual(inTwo, inOne)
  return inOne
}

const readLines = (bytes: Uint8Array, read: (line: string) => void) => {
  for (const line of LineSplitter.push(LineSplitter.initial, bytes)[1]) if (line._tag === "Line") read(line.text)
  read(tolerant.decode(bytes))
}

const eachLine = (bytes: Uint8Array, check: (line: string) => void) => {
  for (const line of split(bytes)) if (line._tag === "Line") check(line.text)
  // Nobody but the splitter makes lines, yet a decoder must stand any text.
  check(tolerant.decode(bytes))
}

const client = (dialect: Dialect): Decoder => ({
  name: `client's lines, ${dialect}`,
  seeds: utf8(
    [
      ["HELLO", "REGISTER alice", "REGISTER two words", "LISTUSERS", "CHAT bob", "OK", "ERROR", "ERROR Busy", "CLOSE"],
      ["HELLO\r\nREGISTER alice\r\nLISTUSERS\r\nCHAT bob\r\nOK\r\nOK\r\nCLOSE\r\n", `REGISTER ${"x".repeat(32)}\n`],
    ].flat(),
  ),
  read: (bytes) => readLines(bytes, (line) => ClientMessage.decode(dialect, line)),
  check: (bytes) =>
    eachLine(bytes, (line) => {
      const message = ClientMessage.decode(dialect, line)
      if (Result.isFailure(message)) return assert.isTrue(isError(message.failure.code))
      assert.isTrue(isClientMessage(message.success))
      const written = ClientMessage.encode(message.success)
      assert.isAtMost(written.length, 80)
      assert.deepStrictEqual(ClientMessage.decode(dialect, written), message)
    }),
})

const server = (dialect: Dialect): Decoder => ({
  name: `server's lines, ${dialect}`,
  seeds: utf8(
    [
      ["HELLO", "REGISTER alice OK", "REGISTERED alice OK", "STARTUSERS", "alice", "ENDUSERS", "OK", "PORT 55000"],
      ["STARTCHAT 192.0.2.1 55000 bob", "STARTCHAT 2001:db8:0:0:0:0:0:1 40000 bob", "STARTCHAT fe80::1%eth0 40000"],
      ["ERROR Declined bob", "ERROR infoerror", "CLOSE", "STARTUSERS\nalice\nbob\nENDUSERS\nPORT 55000\n"],
    ].flat(),
  ),
  read: (bytes) => readLines(bytes, (line) => ServerMessage.decode(dialect, line, false)),
  check: (bytes) =>
    eachLine(bytes, (line) => {
      for (const inList of [false, true]) {
        const message = ServerMessage.decode(dialect, line, inList)
        if (Result.isFailure(message)) {
          assert.instanceOf(message.failure, ServerMessage.ServerLineError)
          continue
        }
        const read = message.success
        if (read._tag === "User" || read._tag === "UsersBegin" || read._tag === "UsersEnd" || /[\r\n]/.test(line))
          continue
        if (read._tag === "AskNoPort") continue
        const written = ServerMessage.encode(dialect, read)
        assert.isAtMost(written.length, line.length + 100)
        if (read._tag === "Calling") continue
        const kept =
          read._tag === "Error" && dialect === "original" ? Result.succeed({ ...read, about: Option.none() }) : message
        assert.deepStrictEqual(
          ServerMessage.decode(dialect, written.slice(0, -1), inList && read._tag === "AskPort"),
          kept,
        )
      }
    }),
})

const isSecureClientLine = Schema.is(SecureClientLine.ClientLine)
/** So many bytes as base64url. */
const word = (bytes: number) => `${"q83v".repeat(Math.floor(bytes / 3))}${["", "qw", "q80"][bytes % 3]!}`

const secureClient: Decoder = {
  name: "client's lines over TLS",
  seeds: utf8(
    [
      ["HELLO nomitm/1", "RELEASE", "LISTUSERS", "LOOKUP bob", `LOOKUP ${word(32)}`, "PING", "CLOSE"],
      [`REGISTER alice ${word(144)} ${word(64)}`, `REGISTER zoë ${word(144)} ${word(64)} unlisted`],
      [`CHAT bob ${word(16)} ${word(1800)}`, `PASS ${word(16)} ${word(80)}`, `ACCEPT ${word(16)}`],
      [`END ${word(16)} Declined`, `OK ${word(16)}`, `ERROR Taken ${word(16)}`],
      ["REFLEX", `RELAY ${word(16)} ${word(1232)}`, `ERROR Relay ${word(16)}`],
    ].flat(),
  ),
  read: (bytes) => readLines(bytes, SecureClientLine.decode),
  check: (bytes) =>
    eachLine(bytes, (line) => {
      const message = SecureClientLine.decode(line)
      if (Result.isFailure(message)) return assert.isTrue(isError(message.failure.code))
      assert.isTrue(isSecureClientLine(message.success))
      const written = SecureClientLine.encode(message.success)
      assert.isAtMost(written.length, LineSplitter.maxLineBytes)
      assert.deepStrictEqual(SecureClientLine.decode(written), message)
    }),
}

const secureServer: Decoder = {
  name: "server's lines over TLS",
  seeds: utf8(
    [
      ["HELLO nomitm/1", "REGISTER alice OK", "RELEASE alice OK", "STARTUSERS", `zoë ${word(32)}`, "ENDUSERS", "PONG"],
      [`USER bob ${word(144)}`, `INCOMING ${word(16)} ${word(32)} ${word(1800)}`, `PASS ${word(16)} ${word(80)}`],
      [`ENDED ${word(16)} No_answer`, `PORT 55000 ${word(16)}`, `STARTCHAT 2001:db8::1 40000 bob ${word(16)}`],
      [`RELAY ${word(16)} ${word(64)}`, `STARTCHAT 0.0.0.0 0 bob ${word(16)}`, "ERROR Relay_refused"],
      [`REFLEX ${word(16)} ${word(32)} 192.0.2.1 6969 6970 2001:db8::1`],
      ["ERROR Name_owned alice", `ERROR User_not_online ${word(32)}`, "CLOSE"],
    ].flat(),
  ),
  read: (bytes) => readLines(bytes, SecureServerLine.decode),
  check: (bytes) =>
    eachLine(bytes, (line) => {
      const message = SecureServerLine.decode(line)
      if (Result.isFailure(message)) return assert.instanceOf(message.failure, SecureServerLine.ServerLineError)
      const read = message.success
      if (read._tag === "UsersBegin" || read._tag === "UsersEnd" || read._tag === "AskNoPort") return
      if (read._tag === "User") {
        const block = SecureServerLine.encode({ _tag: "Users", users: [read.user] })
        return assert.deepStrictEqual(SecureServerLine.decode(block.split("\n")[1]!), message)
      }
      const written = SecureServerLine.encode(read)
      assert.isAtMost(written.length, LineSplitter.maxLineBytes)
      assert.deepStrictEqual(SecureServerLine.decode(written.slice(0, -1)), message)
    }),
}

const peer = (dialect: Dialect): Decoder => ({
  name: `datagrams, ${dialect}`,
  seeds: utf8(
    dialect === "readme"
      ? [
          ["user1 CONNECT", 'user1 MSG "hello there"', "user1 MSG hello", "user1 KEEPALIVE", "user1 CLOSE"],
          ['user1 MSG "a \\"b\\" \\\\ \\n \\u202e \\ud83d\\ude00"', `user1 MSG ${JSON.stringify("é".repeat(500))}`],
        ].flat()
      : [
          [
            "user1\nConnect\n-712\n\n",
            "user1\nMsg\nhello there\n\n",
            "user1\nKeepAliveToken\n\n\n",
            "user1\nClose\n\n\n",
          ],
          ["user1\r\nMsg\r\nZoë\r\n\r\n", "user1\nProbe\nx", `user1\nMsg\n${"é".repeat(500)}\n\n`],
        ].flat(),
  ),
  read: (bytes) => PeerMessage.decode(dialect, bytes),
  check: (bytes) => {
    const message = PeerMessage.decode(dialect, bytes)
    if (Result.isFailure(message)) return assert.instanceOf(message.failure, PeerMessage.DatagramError)
    assert.isTrue(isPeerMessage(message.success))
    const written = PeerMessage.encode(dialect, message.success)
    // A control character takes six bytes as a JSON escape, a byte of Latin-1 at most three as UTF-8.
    assert.isAtMost(written.length, 6 * bytes.length + 40)
    assert.deepStrictEqual(PeerMessage.decode(dialect, written), message)
  },
})

const text: Decoder = {
  name: "names, addresses, typed lines, text to print",
  seeds: utf8(
    [
      ["alice", "Zoë", "\u{1f600}", "PORTER", "192.0.2.1", "2001:db8::1", "::ffff:192.0.2.1", "fe80::1%eth0"],
      ["example.org:6969", "[2001:db8::1]:80", "/chat bob", "/hlep", "//home", "hello there", "a\u001b[2Jb\u202ec"],
    ].flat(),
  ),
  read: (bytes) => {
    const given = tolerant.decode(bytes)
    Username.problem(given)
    PersonName.problem(given)
    PersonName.fold(given)
    Endpoint.canonicalAddress(given)
    Endpoint.parseHostPort(given, 6969)
    UserInput.parse(given)
    PrintableText.oneLine(given)
    PrintableText.json(given)
  },
  check: (bytes) => {
    const given = tolerant.decode(bytes)
    assert.strictEqual(Username.isUsername(given), Option.isNone(Username.problem(given)))
    if (PersonName.isPersonName(given)) assert.strictEqual(PersonName.fold(given), given)
    const address = Option.getOrUndefined(Endpoint.canonicalAddress(given))
    if (address !== undefined) assert.deepStrictEqual(Endpoint.canonicalAddress(address), Option.some(address))
    const hostPort = Endpoint.parseHostPort(given, 6969)
    if (Option.isSome(hostPort)) {
      const { host, port } = hostPort.value
      assert.deepStrictEqual(Endpoint.parseHostPort(Endpoint.formatHostPort(host, port)), hostPort)
    }
    const input = UserInput.parse(given)
    if (given.startsWith("/") && !given.startsWith("//")) assert.notStrictEqual(input._tag, "Text")
    if (input._tag === "Mistyped") assert.isAtMost(input.problem.length + input.hint.length, 300)
    const printed = PrintableText.oneLine(given)
    assert.isAtMost(printed.length, given.length)
    assert.notMatch(printed, /[\p{Cc}\p{Cs}]/u)
    assert.strictEqual(PrintableText.oneLine(printed), printed)
    const json = PrintableText.json(given)
    assert.notMatch(json, /[\p{Cc}\p{Cs}]/u)
    assert.strictEqual(JSON.parse(json), given)
  },
}

const aKey = new Uint8Array(32).fill(7)
const home = { host: "home.example", port: 6969 }

const servers: Decoder = {
  name: "addresses of servers, and the list of those that are known",
  seeds: utf8([
    ServerAddress.format({ host: "2001:db8::1", port: 80, pins: [aKey, aKey] }),
    ServerAddress.format({ ...home, pins: [aKey] }),
    "nomitm://home.example/#1.AAAA",
    `${KnownServerList.withKey("", home, aKey)}# mine\n[::1]:80 x\n`,
  ]),
  read: (bytes) => {
    const given = tolerant.decode(bytes)
    ServerAddress.parse(given)
    KnownServerList.find(given, home)
    KnownServerList.withKey(given, home, aKey)
  },
  check: (bytes) => {
    const given = tolerant.decode(bytes)
    const address = ServerAddress.parse(given)
    if (Result.isSuccess(address)) {
      assert.isAtMost(address.success.pins.length, ServerAddress.maxPins)
      assert.deepStrictEqual(ServerAddress.parse(ServerAddress.format(address.success)), address)
    }
    const found = KnownServerList.find(given, home)
    if (found !== undefined) assert.lengthOf(found, ServerAddress.serverKeyBytes)
    const list = KnownServerList.withKey(given, home, aKey)
    assert.deepStrictEqual(KnownServerList.find(list, home), aKey)
    assert.isAtMost(list.length, given.length + 70)
    assert.isUndefined(KnownServerList.find(KnownServerList.without(list, home), home))
  },
}

const base64 = (bytes: number) => Bytes.toBase64Url(new Uint8Array(bytes))
const kept = [ProfileFile, ContactFile, InvitationBook, ProfileState] as const
const decodeRequest = Schema.decodeUnknownResult(Schema.fromJsonString(ProfileOwner.Request))
const aContact = { id: base64(32), label: "bob", name: "bob", server: "a:1", trust: "invited", since: 1, serial: 2 }
const anInvitation = { inviteId: base64(16), server: "a:1", expiry: 9 }

const profiles: Decoder = {
  name: "what a profile keeps, and is asked",
  seeds: utf8(
    [
      { nomitm: "identity", version: 1, seed: base64(32) },
      {
        nomitm: "identity",
        version: 1,
        kdf: { name: "argon2id", memoryKib: 65536, passes: 3, salt: base64(16) },
        nonce: base64(24),
        sealed: base64(48),
      },
      { nomitm: "contacts", version: 1, contacts: [aContact] },
      {
        nomitm: "invitations",
        version: 1,
        invitations: [
          { ...anInvitation, state: { open: { psk: base64(32) } } },
          { ...anInvitation, inviteId: `${base64(16).slice(1)}A`, state: { used: { by: base64(32), at: 1 } } },
        ],
      },
      { nomitm: "state", version: 1, serial: 1, contacts: 2, invitations: 3, names: [] },
      { _tag: "Add", label: "bob", id: base64(32), server: "" },
      { _tag: "Invite", server: "a", seconds: 60 },
      { _tag: "Import", contacts: [aContact], trusted: false },
    ].map((value) => JSON.stringify(value)),
  ),
  read: (bytes) => {
    const given = tolerant.decode(bytes)
    for (const { decode } of kept) decode(given)
    decodeRequest(given)
    Contact.labelOf(given)
    skeleton(given)
    InvitationTime.parse(given)
  },
  check: (bytes) => {
    const given = tolerant.decode(bytes)
    for (const format of kept) {
      const { decode, encode } = format as typeof ContactFile
      const read = decode(given)
      if (Result.isSuccess(read)) assert.deepStrictEqual(decode(encode(read.success)), read)
    }
    decodeRequest(given)
    assert.isTrue(Contact.isLabel(Contact.labelOf(given)))
    const seconds = InvitationTime.parse(given)
    if (Option.isSome(seconds)) assert.isTrue(seconds.value > 0 && seconds.value <= InvitationBook.maxValidSeconds)
  },
}

const framesOf = (...frames: ReadonlyArray<Frame.Frame>): Uint8Array => {
  const bytes = new Uint8Array(frames.reduce((sum, frame) => sum + Frame.length(frame), 0))
  let at = 0
  for (const frame of frames) at = Frame.write(frame, bytes, at)
  return bytes
}

const eight = new Uint8Array(Frame.pathDataBytes)
const thirtyTwo = new Uint8Array(Frame.sasBytes)

const frames: Decoder = {
  name: "frames of records",
  seeds: [
    framesOf(Frame.probe, Frame.keepAlive, Frame.close, Frame.sasRequest),
    framesOf(
      { _tag: "Ack", consumed: 7, limit: 262_151, delay: 3, epoch: 1, ranges: [{ first: 3, last: 9 }] },
      { _tag: "Data", offset: 7, bytes: encoder.encode("hello there, Zoë") },
    ),
    framesOf({ _tag: "PathChallenge", data: eight }, { _tag: "PathResponse", data: eight }),
    framesOf({ _tag: "Rekey1", epoch: 1, part: 1, parts: 2, bytes: new Uint8Array(300) }),
    framesOf({ _tag: "SasCommit", run: 1, commitment: thirtyTwo }, { _tag: "SasReply", run: 1, nonce: thirtyTwo }),
    framesOf({ _tag: "SasReveal", run: 1, nonce: thirtyTwo }, { _tag: "SasAbort", run: 255 }),
  ],
  read: (bytes) => void Frame.readAll(bytes),
  check: (bytes) => {
    const read = Frame.readAll(bytes)
    const written = framesOf(...read)
    assert.isAtMost(written.length, bytes.length)
    assert.deepStrictEqual(Frame.readAll(written), read)
  },
}

const [ofInitiator, ofResponder] = epochs("fuzz")
const sealing = RecordLayer.make(primitives, ofInitiator)
const record = (...frames: ReadonlyArray<Frame.Frame>): Uint8Array => RecordLayer.seal(sealing, frames)!
const genuine = [record(Frame.keepAlive), record({ _tag: "Data", offset: 0, bytes: new Uint8Array(100) })]

const records: Decoder = {
  name: "records",
  seeds: genuine,
  read: (bytes) => void RecordLayer.open(RecordLayer.make(primitives, ofResponder), bytes),
  check: (bytes) => {
    const layer = RecordLayer.make(primitives, ofResponder)
    const isGenuine = genuine.some(
      (record) => record.length === bytes.length && record.every((byte, i) => byte === bytes[i]),
    )
    assert.strictEqual(typeof RecordLayer.open(layer, bytes) !== "string", isGenuine)
    assert.isFalse(RecordHeader.isRecord(bytes) && bytes.length > RecordHeader.maxRecordBytes)
    // Whatever it was, the genuine ones still open.
    if (isGenuine) return
    for (const record of genuine) assert.isObject(RecordLayer.open(layer, record))
  },
}

const nonces = { nonce: new Uint8Array(16).fill(1), echo: new Uint8Array(16).fill(2) }

const direct: Decoder = {
  name: "datagrams without a server",
  seeds: [
    DirectDatagram.encode({ _tag: "Connect", ...nonces }),
    ...([1, 2, 3] as const).flatMap((message) =>
      DirectDatagram.fragments(message, new Uint8Array(DirectDatagram.messageBytes[message]).fill(message), nonces),
    ),
  ],
  read: DirectDatagram.decode,
  check: (bytes) => {
    const datagram = DirectDatagram.decode(bytes)
    if (datagram === undefined) return
    assert.isAtMost(bytes.length, DirectDatagram.maxFragmentBytes)
    assert.deepStrictEqual(DirectDatagram.encode(datagram), Bytes.concat(bytes))
  },
}

export const decoders: ReadonlyArray<Decoder> = [
  client("readme"),
  client("original"),
  server("readme"),
  server("original"),
  secureClient,
  secureServer,
  peer("readme"),
  peer("original"),
  direct,
  text,
  servers,
  profiles,
  frames,
  records,
  ...reachDecoders,
]
