import { assert, describe, it } from "@effect/vitest"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import type { Dialect } from "../../src/domain/Dialect.ts"
import * as PeerMessage from "../../src/domain/PeerMessage.ts"
import * as arbitraries from "./arbitraries.ts"

const utf8 = (text: string) => new TextEncoder().encode(text)
const written = (dialect: Dialect, message: PeerMessage.PeerMessage) =>
  new TextDecoder("utf-8", { ignoreBOM: true }).decode(PeerMessage.encode(dialect, message))

const reads = (dialect: Dialect, datagram: string | Uint8Array, expected: PeerMessage.PeerMessage) =>
  assert.deepStrictEqual(
    PeerMessage.decode(dialect, typeof datagram === "string" ? utf8(datagram) : datagram),
    Result.succeed(expected),
  )
const refuses = (
  dialect: Dialect,
  datagram: string | Uint8Array,
  reason: "NotUtf8" | "NoSender" | "UnknownType" | "TooFewLines" | "BadNumber",
) => {
  const read = PeerMessage.decode(dialect, typeof datagram === "string" ? utf8(datagram) : datagram)
  assert.strictEqual(Result.isFailure(read) ? read.failure.reason : JSON.stringify(read), reason)
}
const text = (text: string, from = "user1"): PeerMessage.PeerMessage => ({ _tag: "Text", from, text })

describe("a datagram of the readme dialect", () => {
  it.each<[string, PeerMessage.PeerMessage]>([
    ["user1 CONNECT", { _tag: "Connect", from: "user1", number: 0 }],
    ['user1 MSG "hello there"', text("hello there")],
    ["user1 KEEPALIVE", { _tag: "KeepAlive", from: "user1" }],
    ["user1 CLOSE", { _tag: "Close", from: "user1" }],
    ['user1 MSG ""', text("")],
    ['user1 MSG "she said \\"hi\\" \\\\ bye"', text('she said "hi" \\ bye')],
    ['user1 MSG "one\\ntwo"', text("one\ntwo")],
    ['user1 MSG "Zoë 李 \u{1f600}"', text("Zoë 李 \u{1f600}")],
  ])("is written and read: %s", (datagram, message) => {
    assert.strictEqual(written("readme", message), datagram)
    reads("readme", datagram, message)
  })

  it.each([
    ["without quotes", "user1 MSG hello there", "hello there"],
    ["without quotes, with quotes in it", 'user1 MSG say "hi" now', 'say "hi" now'],
    ["with a quote at the start only", 'user1 MSG "hello', '"hello'],
    ["with a quote at the end only", 'user1 MSG hello"', 'hello"'],
    ["of one quote", 'user1 MSG "', '"'],
    ["in quotes that are no JSON: the quotes go, the rest stays", 'user1 MSG "a "b" c"', 'a "b" c'],
    ["in quotes with an unknown escape", 'user1 MSG "C:\\dir"', "C:\\dir"],
    ["in quotes with a bare line feed", 'user1 MSG "a\nb"', "a\nb"],
    ["in quotes that JSON would take for two strings", 'user1 MSG "a", "b"', 'a", "b'],
    ["in single quotes", "user1 MSG 'a'", "'a'"],
    ["with a blank in front", "user1 MSG  a", " a"],
    ["that looks like a number", "user1 MSG 5", "5"],
    ["that is missing", "user1 MSG", ""],
    ["that is empty", "user1 MSG ", ""],
    ["with a line end after it", 'user1 MSG "a"\r\n', "a"],
  ])("brings a text %s", (_, datagram, expected) => reads("readme", datagram, text(expected)))

  it("may end in one line end, and have surplus words", () => {
    reads("readme", "user1 CONNECT\n", { _tag: "Connect", from: "user1", number: 0 })
    reads("readme", "user1 CONNECT\r\n", { _tag: "Connect", from: "user1", number: 0 })
    reads("readme", "user1 KEEPALIVE again", { _tag: "KeepAlive", from: "user1" })
    refuses("readme", "user1 CONNECT\n\n", "UnknownType")
  })

  it("is none without a sender that can be a name", () => {
    for (const datagram of ["", "CONNECT", " CONNECT", "user1", "PORTER CONNECT", "a\tb CONNECT", "a\0b CONNECT"]) {
      refuses("readme", datagram, "NoSender")
    }
    refuses("readme", `${"x".repeat(33)} CONNECT`, "NoSender")
    refuses("readme", "us\u202eer MSG a", "NoSender")
  })

  it("is none with another type: types are case-sensitive", () => {
    for (const type of ["", "Connect", "connect", " CONNECT", "CONNECT\t", "MSGS", "HELLO"]) {
      refuses("readme", `user1 ${type}`, "UnknownType")
    }
  })

  it("is none when it is no UTF-8, or one of the original dialect", () => {
    refuses("readme", Uint8Array.of(...utf8("user1 MSG "), 0xff), "NotUtf8")
    refuses("readme", Uint8Array.of(...utf8("user1 MSG "), 0xed, 0xa0, 0x80), "NotUtf8")
    refuses("readme", "user1\nConnect\n5\n\n", "NoSender")
  })

  it.prop(
    "is read back from what is written, for every message (CONNECT has no number)",
    [arbitraries.readmePeerMessage],
    ([message]) =>
      reads(
        "readme",
        PeerMessage.encode("readme", message),
        message._tag === "Connect" ? { ...message, number: 0 } : message,
      ),
    arbitraries.thorough,
  )

  it.prop(
    "is one line of text that nothing can break out of",
    [arbitraries.readmePeerMessage],
    ([message]) => assert.notMatch(written("readme", message), /[\0-\u001f]/),
    arbitraries.thorough,
  )
})

describe("a datagram of the original dialect", () => {
  it.each<[string, PeerMessage.PeerMessage]>([
    ["user1\nConnect\n-712\n\n", { _tag: "Connect", from: "user1", number: -712 }],
    ["user1\nMsg\nhello there\n\n", text("hello there")],
    ["user1\nKeepAliveToken\n\n\n", { _tag: "KeepAlive", from: "user1" }],
    ["user1\nClose\n\n\n", { _tag: "Close", from: "user1" }],
    ["user1\nProbe\n\n\n", { _tag: "Unknown", from: "user1", type: "Probe" }],
    ["user1\nMsg\n\n\n", text("")],
    ['user1\nMsg\n"quoted"\n\n', text('"quoted"')],
    ["user1\nMsg\nZoë\n\n", text("Zoë")],
    ["two words\nMsg\na\n\n", text("a", "two words")],
    ["\nMsg\na\n\n", text("a", "")],
  ])("is written and read: %j", (datagram, message) => {
    assert.strictEqual(written("original", message), datagram)
    reads("original", datagram, message)
  })

  it("carries text of one line: line ends and NULs become blanks, as in the older program's text field", () => {
    assert.strictEqual(written("original", text("a\nb\r\nc\rd\0e")), "user1\nMsg\na b c d e\n\n")
    assert.strictEqual(written("original", text("a", "us\ner")), "us er\nMsg\na\n\n")
    assert.strictEqual(
      written("original", { _tag: "Unknown", from: "user1", type: "a\nMsg\nb" }),
      "user1\na Msg b\n\n\n",
    )
  })

  it.each([
    ["LF", "user1\nMsg\nhello\n\n"],
    ["CR", "user1\rMsg\rhello\r\r"],
    ["CR LF", "user1\r\nMsg\r\nhello\r\n\r\n"],
    ["no line end after the third line", "user1\nMsg\nhello"],
    ["more lines, which are ignored", "user1\nMsg\nhello\nmore\nand more"],
    ["a NUL, at which it ends", "user1\nMsg\nhello\0 and\nmore"],
    ["a NUL and broken UTF-8 after it", Uint8Array.of(...utf8("user1\nMsg\nhello\0"), 0xff, 0xff)],
  ])("has lines that end in %s (SPEC section 5)", (_, datagram) => reads("original", datagram, text("hello")))

  it("is none with fewer than three lines, which would end the older program's receiver (SPEC section 5)", () => {
    for (const datagram of ["", "\0user1\nMsg\nhello", "user1", "user1\n", "user1\nMsg", "user1\nMsg\n"]) {
      refuses("original", datagram, "TooFewLines")
    }
    refuses("original", 'user1 MSG "hello"', "TooFewLines")
    refuses("original", Uint8Array.of(0x80, 0xff, 0x01), "TooFewLines")
    reads("original", "user1\nMsg\n\n", text(""))
  })

  it.each([
    ["0", 0],
    ["-0", 0],
    ["+7", 7],
    ["0000000007", 7],
    ["2147483647", 2147483647],
    ["-2147483648", -2147483648],
  ])("has a decimal number of 32 bits, signed, in Connect: %s", (written, number) =>
    reads("original", `user1\nConnect\n${written}\n\n`, { _tag: "Connect", from: "user1", number }),
  )

  it.each(["", "x", "1x", " 1", "1 ", "1.5", "1e3", "0x10", "--1", "+", "2147483648", "-2147483649", "99999999999"])(
    "is none with another number in Connect: %j",
    (written) => refuses("original", `user1\nConnect\n${written}\n\n`, "BadNumber"),
  )

  it("of an unknown type is safely read, and types are case-sensitive (SPEC section 8.1)", () => {
    for (const type of ["CONNECT", "msg", "", "KeepAlive", "Close "]) {
      reads("original", `user1\n${type}\nx\n\n`, { _tag: "Unknown", from: "user1", type })
    }
  })

  it("that is no UTF-8 is read byte by byte (SPEC section 8.6)", () => {
    reads("original", Uint8Array.of(...utf8("user1\nMsg\nZo"), 0xeb, ...utf8("\n\n")), text("Zoë"))
    reads("original", Uint8Array.of(...utf8("user1\nMsg\n"), 0xff, 0xfe, 0x0a), text("ÿþ"))
  })

  it.prop(
    "is read back from what is written, for every message of one-line text",
    [arbitraries.originalPeerMessage],
    ([message]) => reads("original", PeerMessage.encode("original", message), message),
    arbitraries.thorough,
  )

  it.prop(
    "has three lines and no NUL whatever it says, so that the older program survives it (SPEC section 8.1)",
    [arbitraries.text, arbitraries.text, arbitraries.pick("Connect", "Text", "KeepAlive", "Close", "Unknown")],
    ([from, said, _tag]) => {
      const message = { _tag, from, text: said, type: said, number: 7 } as PeerMessage.PeerMessage
      const datagram = written("original", message)
      assert.notMatch(datagram, /[\0\r]/)
      assert.strictEqual(datagram.split("\n").length, 5)
      assert.isTrue(datagram.endsWith("\n\n"))
    },
    arbitraries.thorough,
  )

  it.prop(
    "with text of several lines is read as the same text in one",
    [arbitraries.username, arbitraries.wellFormedText],
    ([from, said]) =>
      reads(
        "original",
        PeerMessage.encode("original", text(said, from)),
        text(said.replace(/\r\n|[\r\n\0]/g, " "), from),
      ),
    arbitraries.thorough,
  )
})

describe.each(["readme", "original"] as const)("any datagram (%s)", (dialect) => {
  it.prop(
    "is read or refused; and what is read is written to the same again",
    [arbitraries.oneOf(arbitraries.bytes, datagramLike(dialect))],
    ([datagram]) => {
      const before = datagram.slice()
      const read = PeerMessage.decode(dialect, datagram)
      assert.deepStrictEqual(datagram, before)
      if (Result.isFailure(read)) {
        assert.instanceOf(read.failure, PeerMessage.DatagramError)
        return
      }
      assert.isTrue(Schema.is(PeerMessage.PeerMessage)(read.success))
      reads(dialect, PeerMessage.encode(dialect, read.success), read.success)
    },
    { arbitrary: { runs: 5000, size: 20 } },
  )
})

describe("a text", () => {
  it("is measured in bytes of UTF-8", () => {
    assert.strictEqual(PeerMessage.textBytes("aé李\u{1f600}"), 1 + 2 + 3 + 4)
    assert.strictEqual(PeerMessage.maxTextBytes, 4096)
  })

  it.prop(
    "fits when it has at most 4096 bytes, and not when it has more",
    [arbitraries.text, arbitraries.pick(1, 20, 60, 100)],
    ([some, times]) => {
      const text = some.repeat(times)
      assert.strictEqual(PeerMessage.fits(text), PeerMessage.textBytes(text) <= PeerMessage.maxTextBytes)
    },
    arbitraries.thorough,
  )

  it("of 4096 bytes fits, and one of 4097 does not", () => {
    for (const character of ["a", "é", "李", "\u{1f600}"]) {
      const rest = (bytes: number) => "a".repeat(bytes % PeerMessage.textBytes(character))
      const of = (bytes: number) => character.repeat(Math.floor(bytes / PeerMessage.textBytes(character))) + rest(bytes)
      assert.isTrue(PeerMessage.fits(of(4096)))
      assert.isFalse(PeerMessage.fits(of(4097)))
    }
  })

  it("of the longest size fits into a datagram in both dialects, whatever it is made of", () => {
    for (const character of ["\0", "\n", '"', "\\", "\u001f", "\u{1f600}", "\ud800", "\u2028"]) {
      const longest = character.repeat(Math.floor(PeerMessage.maxTextBytes / PeerMessage.textBytes(character)))
      for (const dialect of ["readme", "original"] as const) {
        assert.isAtMost(PeerMessage.encode(dialect, text(longest, "x".repeat(32))).length, 65_507)
      }
    }
  })
})

describe("a datagram that was written", () => {
  it("is not changed by those written after it", () => {
    for (const dialect of ["readme", "original"] as const) {
      const texts = Array.from({ length: 2000 }, (_, i) => `${i} ${"é".repeat(i % 700)}`)
      const datagrams = texts.map((said) => PeerMessage.encode(dialect, text(said)))
      for (const [i, said] of texts.entries()) reads(dialect, datagrams[i]!, text(said))
    }
  })
})

describe("a datagram whose sender is known", () => {
  it.prop(
    "is read the same, whoever sent it",
    [arbitraries.readmePeerMessage, arbitraries.username],
    ([message, other]) => {
      const datagram = PeerMessage.encode("readme", message)
      const read = PeerMessage.decode("readme", datagram)
      assert.deepStrictEqual(PeerMessage.decode("readme", datagram, message.from), read)
      assert.deepStrictEqual(PeerMessage.decode("readme", datagram, other), read)
    },
    arbitraries.thorough,
  )
})

/** Bytes that are nearly a datagram of the dialect. */
function datagramLike(dialect: Dialect) {
  const separator = dialect === "readme" ? " " : "\n"
  return arbitraries.mapAll([arbitraries.username, arbitraries.text, arbitraries.text], ([from, type, rest]) =>
    utf8(
      [from, dialect === "readme" && type.length % 2 === 0 ? "MSG" : type.length % 3 === 0 ? "Msg" : type, rest].join(
        separator,
      ),
    ),
  )
}
