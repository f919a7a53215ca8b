import { assert, describe, it } from "@effect/vitest"
import { Result, Schema } from "effect"
import * as ServerAddress from "../../src/domain/ServerAddress.ts"
import * as arbitraries from "./arbitraries.ts"

const pin = "A".repeat(42) + "E"
const other = "_-".repeat(21) + "8"

const read = (text: string) =>
  Result.match(ServerAddress.parse(text), {
    onSuccess: ({ host, port, pins }) => [host, port, ...pins.map(ServerAddress.formatKey)],
    onFailure: (failure) => failure,
  })

const HostPort = Schema.Struct({
  host: Schema.Literals(["example.org", "localhost", "192.0.2.1", "2001:db8::1", "a-b.c_d.example"]),
  port: Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 65535 })),
})
const Key = Schema.Array(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 255 }))).check(
  Schema.isBetweenLength(32, 32),
)
const Pins = Schema.Array(Key).check(Schema.isMaxLength(ServerAddress.maxPins))

describe("the address of a server", () => {
  it.each([
    [`nomitm://example.org:7000#${pin}`, ["example.org", 7000, pin]],
    [`nomitm://example.org#${pin}`, ["example.org", 6969, pin]],
    [`nomitm://example.org/#${pin}`, ["example.org", 6969, pin]],
    [`NOMITM://example.org#${pin},${other}`, ["example.org", 6969, pin, other]],
    [`nomitm://[2001:DB8::1]:80#${pin}`, ["2001:db8::1", 80, pin]],
    [`nomitm://[::1]#${pin}`, ["::1", 6969, pin]],
    ["nomitm://example.org:7000", ["example.org", 7000]],
    ["nomitm://example.org/", ["example.org", 6969]],
    ["example.org", ["example.org", 6969]],
    ["example.org:80", ["example.org", 80]],
    ["192.0.2.1", ["192.0.2.1", 6969]],
    ["[::1]:80", ["::1", 80]],
  ])("%s", (text, expected) => assert.deepStrictEqual(read(text), expected))

  it("is not an invitation, and that is said", () => {
    for (const text of ["nomitm://example.org:6969/#1.", `nomitm://example.org/#1.${pin}`, "nomitm://x#1.x"]) {
      assert.strictEqual(read(text), "Invitation")
    }
  })

  it("with a pin that can't be one is refused, never taken for one without", () => {
    const bad = ["", ",", pin.slice(1), `${pin}A`, `${pin},`, `,${pin}`, `${pin} `, `${pin}=`, "A".repeat(42) + "B"]
    bad.push(`${pin.slice(1)}+`, `${pin}#${pin}`, `${pin},${pin.slice(1)}`, "ä".repeat(43), "\0".repeat(43))
    bad.push(Array.from({ length: ServerAddress.maxPins + 1 }, () => pin).join(","))
    for (const fragment of bad) assert.strictEqual(read(`nomitm://example.org#${fragment}`), "BadPin", fragment)
  })

  it.each([
    "",
    "nomitm://",
    "nomitm:///",
    `nomitm://#${pin}`,
    "nomitm:example.org",
    "http://example.org",
    "nomitm://example.org/x",
    "nomitm://example.org//",
    "nomitm://a b",
    "nomitm://user@example.org",
    "nomitm://example.org:0",
    "nomitm://example.org?x",
    `example.org#${pin}`,
    ` nomitm://example.org#${pin}`,
    "nomitm://example.org\n",
    `nomitm://${"a.".repeat(600)}`,
  ])("is nothing else: %j", (text) => assert.strictEqual(read(text), "NotAnAddress"))

  it("is no longer than it needs to be", () => {
    const longest = `nomitm://${"a".repeat(60)}.${"b.".repeat(96)}:65535#${Array.from({ length: 8 }, () => pin).join(",")}`
    assert.isBelow(longest.length, ServerAddress.maxLength)
    assert.isArray(read(longest))
    assert.strictEqual(read(`nomitm://example.org#${`${pin},`.repeat(100_000)}`), "NotAnAddress")
  })

  it.prop(
    "is read back from what is printed",
    [HostPort, Pins],
    ([{ host, port }, keys]) => {
      const address = { host, port, pins: keys.map((key) => Uint8Array.from(key)) }
      assert.deepStrictEqual(ServerAddress.parse(ServerAddress.format(address)), Result.succeed(address))
    },
    arbitraries.thorough,
  )

  it.prop(
    "is read or refused, whatever the text",
    [arbitraries.text],
    ([text]) => {
      for (const attempt of [text, `nomitm://${text}`, `nomitm://h#${text}`, `nomitm://h/#${pin},${text}`]) {
        const address = Result.getOrUndefined(ServerAddress.parse(attempt))
        if (address === undefined) continue
        assert.deepStrictEqual(ServerAddress.parse(ServerAddress.format(address)), Result.succeed(address))
        // Nobody who gave a pin is served without one.
        assert.strictEqual(address.pins.length > 0, attempt.includes("#"))
      }
    },
    arbitraries.thorough,
  )
})
