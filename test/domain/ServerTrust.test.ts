import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import { exitCodes } from "../../src/domain/Problem.ts"
import { formatKey } from "../../src/domain/ServerAddress.ts"
import * as ServerTrust from "../../src/domain/ServerTrust.ts"
import * as arbitraries from "./arbitraries.ts"

const key = (byte: number) => new Uint8Array(32).fill(byte)
const server = key(1)
const other = key(2)

const decide = (encounter: Partial<ServerTrust.Encounter>) =>
  ServerTrust.decide({
    serverKey: server,
    webPki: false,
    pins: [],
    remembered: undefined,
    isInteractive: false,
    ...encounter,
  })

describe("a server", () => {
  it("with the pinned key is trusted, and remembered where nothing else vouches for it", () => {
    assert.deepStrictEqual(decide({ pins: [other, server] }), { _tag: "TrustedAndRemember" })
    assert.deepStrictEqual(decide({ pins: [server], remembered: server }), { _tag: "Trusted" })
    assert.deepStrictEqual(decide({ pins: [server], webPki: true }), { _tag: "Trusted" })
    // An address that somebody sent does not change what is remembered.
    assert.deepStrictEqual(decide({ pins: [server], remembered: other }), { _tag: "Trusted" })
  })

  it("with another key than the pinned one is refused, whatever else speaks for it", () => {
    assert.deepStrictEqual(decide({ pins: [other], webPki: true, remembered: server, isInteractive: true }), {
      _tag: "Refuse",
      code: "Server_pin_mismatch",
      old: [formatKey(other)],
      new: formatKey(server),
    })
  })

  it("with the remembered key is trusted; with another it is refused, though an authority vouches for it", () => {
    assert.deepStrictEqual(decide({ remembered: server }), { _tag: "Trusted" })
    assert.deepStrictEqual(decide({ remembered: other, webPki: true, isInteractive: true }), {
      _tag: "Refuse",
      code: "Server_key_changed",
      old: [formatKey(other)],
      new: formatKey(server),
    })
  })

  it("with a valid certificate for its host is trusted, and nothing is remembered", () => {
    assert.deepStrictEqual(decide({ webPki: true }), { _tag: "Trusted" })
  })

  it("that nobody knows is asked about, or refused where nobody can be asked", () => {
    assert.deepStrictEqual(decide({ isInteractive: true }), { _tag: "AskPerson", fingerprint: formatKey(server) })
    assert.deepStrictEqual(decide({}), { _tag: "Refuse", code: "Server_unknown", old: [], new: formatKey(server) })
  })

  const Byte = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 3 }))
  it.prop(
    "is trusted only by a pin, by memory, or by a certificate, in this order",
    [Byte, Schema.Array(Byte), Schema.UndefinedOr(Byte), Schema.Boolean, Schema.Boolean],
    ([mine, pins, remembered, webPki, isInteractive]) => {
      const decision = ServerTrust.decide({
        serverKey: key(mine),
        pins: pins.map(key),
        remembered: remembered === undefined ? undefined : key(remembered),
        webPki,
        isInteractive,
      })
      const isTrusted = decision._tag === "Trusted" || decision._tag === "TrustedAndRemember"
      const expected = pins.length > 0 ? pins.includes(mine) : remembered === undefined ? webPki : remembered === mine
      assert.strictEqual(isTrusted, expected)
      if (decision._tag === "TrustedAndRemember") assert.isUndefined(remembered)
      if (decision._tag === "AskPerson") assert.isTrue(isInteractive && !webPki && remembered === undefined)
    },
    arbitraries.thorough,
  )

  it("that is refused is told about with both fingerprints, what to do, and exit code 4", () => {
    const refusals = [decide({ pins: [other] }), decide({ remembered: other }), decide({})]
    for (const refusal of refusals) {
      assert(refusal._tag === "Refuse")
      const problem = ServerTrust.explain(refusal, { host: "2001:db8::1", port: 7000 })
      assert.strictEqual(problem.code, refusal.code)
      assert.strictEqual(problem.exitCode, exitCodes.authentication)
      assert.strictEqual(problem.exitCode, 4)
      assert.include(problem.message, "[2001:db8::1]:7000")
      for (const fingerprint of [...refusal.old, refusal.new]) assert.include(problem.message, fingerprint)
      assert.isNotEmpty(problem.hint)
    }
  })
})
