/**
 * What the property tests of `nomitm/1`'s lines are fed with.
 */
import * as Arbitrary from "effect/Arbitrary"
import * as Result from "effect/Result"
import * as ErrorCode from "../../../src/domain/ErrorCode.ts"
import * as PersonId from "../../../src/domain/identity/PersonId.ts"
import * as Base64Field from "../../../src/domain/nomitm1/Base64Field.ts"
import { type ClientLine, EndCode } from "../../../src/domain/nomitm1/ClientLine.ts"
import type { ServerMessage } from "../../../src/domain/nomitm1/ServerLine.ts"
import * as Who from "../../../src/domain/nomitm1/Who.ts"
import * as PersonName from "../../../src/domain/PersonName.ts"
import { endpoint, integer, oneOf, optional, pick, port, tagged } from "../arbitraries.ts"
import * as Schema from "effect/Schema"

/** So many bytes, of any value. */
export const bytes = (length: number): Arbitrary.Arbitrary<Uint8Array> =>
  Arbitrary.map(Arbitrary.all([integer(0, 255), integer(0, 255), integer(1, 255)]), ([first, step, last]) => {
    const bytes = Uint8Array.from({ length }, (_, i) => first + i * step)
    bytes[length - 1] = last
    return bytes
  })

const upTo = (length: number): Arbitrary.Arbitrary<Uint8Array> =>
  Arbitrary.flatMap(oneOf(integer(1, 70), integer(1, length), pick(length)), bytes)

const scripts = ["abcdefz0-_.", "éßøñ1'", "абвя5", "αβγω", "日本語のカナー", "한국어漢字", "ㄅㄆ漢", "עברית", "ไทย"]

export const personName: Arbitrary.Arbitrary<PersonName.PersonName> = Arbitrary.filterMap(
  Arbitrary.flatMap(pick(...(scripts as [string, ...Array<string>])), (script) =>
    Arbitrary.map(Arbitrary.array(integer(0, [...script].length - 1), { minLength: 1, maxLength: 32 }), (indices) =>
      indices.map((index) => [...script][index]!).join(""),
    ),
  ),
  (name) => (PersonName.isPersonName(name) ? Result.succeed(name) : Result.fail(name)),
)

export const callId = bytes(Base64Field.callIdBytes)
export const id = Arbitrary.map(bytes(PersonId.bytes), PersonId.ofBytes)
const certificate = bytes(Base64Field.certificateBytes)
const m1 = bytes(Base64Field.m1Bytes)
const data = upTo(Base64Field.maxDataBytes)
const record = upTo(Base64Field.maxRecordBytes)
const address = Arbitrary.map(endpoint, ({ address }) => address)

export const who: Arbitrary.Arbitrary<Who.Who> = oneOf<Who.Who>(
  Arbitrary.map(personName, Who.byName),
  Arbitrary.map(id, Who.byId),
)

export const clientLine: Arbitrary.Arbitrary<ClientLine> = oneOf<ClientLine>(
  tagged("Hello", {}),
  tagged("Register", {
    name: personName,
    certificate,
    signature: bytes(Base64Field.signatureBytes),
    unlisted: pick(true, false),
  }),
  tagged("Release", {}),
  tagged("ListUsers", {}),
  tagged("LookUp", { who }),
  tagged("Chat", { who, callId, m1 }),
  tagged("Pass", { callId, data }),
  tagged("Relay", { callId, record }),
  tagged("Accept", { callId }),
  tagged("End", { callId, code: Arbitrary.schema(EndCode) }),
  tagged("PortFree", { callId }),
  tagged("PortTaken", { callId }),
  tagged("NoPortWanted", { callId }),
  tagged("Reflex", {}),
  tagged("Ping", {}),
  tagged("Close", {}),
)

const code = oneOf<string>(Arbitrary.schema(ErrorCode.ErrorCode), pick("infoerror", "X", "a".repeat(64)))

export const serverMessage: Arbitrary.Arbitrary<ServerMessage> = oneOf<ServerMessage>(
  tagged("Hello", {}),
  tagged("Registered", { name: personName }),
  tagged("Released", { name: personName }),
  tagged("Users", { users: Arbitrary.array(Arbitrary.all({ name: personName, id }), { maxLength: 20 }) }),
  tagged("Found", { name: personName, certificate }),
  tagged("Incoming", { callId, callerHash: bytes(Base64Field.hashBytes), m1 }),
  tagged("Pass", { callId, data }),
  tagged("Relay", { callId, record }),
  tagged("Ended", { callId, code }),
  tagged("AskPort", { port, callId }),
  tagged("StartChat", { endpoint, name: personName, callId }),
  tagged("StartRelayOnly", { name: personName, callId }),
  Arbitrary.map(
    Arbitrary.all({
      token: bytes(Base64Field.lookupTokenBytes),
      key: bytes(Base64Field.lookupKeyBytes),
      address,
      first: port,
      second: port,
      alternate: optional(address),
    }),
    ({ first, second, ...rest }) => ({ _tag: "Reflex", ...rest, ports: [first, second] }) as const,
  ),
  tagged("Error", { code, about: optional(who) }),
  tagged("Pong", {}),
  tagged("Close", {}),
)

/** Lines of words that mean something to these protocols, each perhaps of a wrong length. */
export const line: Arbitrary.Arbitrary<string> = Arbitrary.map(
  Arbitrary.array(
    oneOf<string>(
      pick(
        ...("HELLO REGISTER RELEASE LISTUSERS LOOKUP CHAT PASS ACCEPT END OK ERROR PING CLOSE USER INCOMING ENDED RELAY REFLEX".split(
          " ",
        ) as [string, ...Array<string>]),
      ),
      pick(
        "PORT",
        "STARTCHAT",
        "PONG",
        "nomitm/1",
        "unlisted",
        "Taken",
        "Relay",
        "Declined",
        "55000",
        "0",
        "192.0.2.1",
        "0.0.0.0",
        "2001:db8::1",
        "alice",
        "",
      ),
      Arbitrary.map(
        Arbitrary.flatMap(pick(1, 15, 16, 17, 31, 32, 33, 64, 144, 1232, 1233, 1800, 2250, 2251), bytes),
        Base64Field.encode,
      ),
      Arbitrary.schema(Schema.String.check(Schema.isMaxLength(8))),
    ),
    { maxLength: 8 },
  ),
  (words) => words.join(" "),
)
