import { assert, describe, it } from "@effect/vitest"
import * as Arbitrary from "effect/Arbitrary"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Invitation from "../../../src/domain/call/Invitation.ts"
import * as PersonId from "../../../src/domain/identity/PersonId.ts"
import * as arbitraries from "../arbitraries.ts"
import { bytesOf, primitives } from "../crypto/primitives.ts"
import { exactly as bytes } from "./bytes.ts"

const invitation: Arbitrary.Arbitrary<Invitation.Invitation> = Arbitrary.all({
  host: arbitraries.oneOf(arbitraries.pick("chat.example", "localhost", "192.0.2.1"), arbitraries.address),
  port: arbitraries.port,
  serverKey: arbitraries.oneOf<Uint8Array | undefined>(bytes(32), Arbitrary.Constant(undefined)),
  id: Arbitrary.map(bytes(32), PersonId.ofBytes),
  secret: bytes(16),
  expiry: arbitraries.oneOf(arbitraries.integer(0, Invitation.maxExpiry), arbitraries.pick(0, Invitation.maxExpiry)),
})

const one: Invitation.Invitation = {
  host: "chat.example",
  port: 6969,
  serverKey: bytesOf("server key", 32),
  id: PersonId.ofBytes(bytesOf("inviter", 32)),
  secret: bytesOf("secret", 16),
  expiry: 1_800_000_000,
}
const link = Invitation.format(one)

const failure = (text: string) =>
  Result.match(Invitation.parse(text), { onFailure: (failure) => failure, onSuccess: () => "read" as const })

describe("an invitation's link", () => {
  it.effect.prop(
    "is read as it was written, whatever it says",
    [invitation],
    ([value]) =>
      Effect.sync(() => assert.deepStrictEqual(Invitation.parse(Invitation.format(value)), Result.succeed(value))),
    { arbitrary: { runs: 500 } },
  )

  it.effect.prop(
    "that somebody made up never throws",
    [arbitraries.text, arbitraries.text],
    ([a, b]) =>
      Effect.sync(() => {
        for (const text of [a, `nomitm://${a}#1.${b}`, `nomitm://host/#1.${a}`, `${link}${a}`]) Invitation.parse(text)
      }),
    { arbitrary: { runs: 150 } },
  )

  it("is read with blanks around it, as pasted, and without its slash", () => {
    assert.deepStrictEqual(Invitation.parse(` ${link}\n`), Result.succeed(one))
    assert.deepStrictEqual(Invitation.parse(link.replace("/#", "#")), Result.succeed(one))
    assert.deepStrictEqual(Invitation.parse(link.replace(":6969", "")), Result.succeed(one))
  })

  it("that lost a character, at any place, is no invitation", () => {
    for (let at = 0; at < link.length; at++) {
      const cut = link.slice(0, at) + link.slice(at + 1)
      const read = Invitation.parse(cut)
      // Of host and port nobody can tell.
      if (Result.isSuccess(read)) assert.deepStrictEqual({ ...read.success, host: one.host, port: one.port }, one)
    }
    assert.strictEqual(failure(link.slice(0, -1)), "Damaged")
    assert.strictEqual(failure(`${link}A`), "Damaged")
  })

  it("says which kind of wrong it is", () => {
    assert.strictEqual(failure(""), "NotALink")
    assert.strictEqual(failure("nomitm://chat.example:6969#AAAA"), "NotALink")
    assert.strictEqual(failure(link.replace("#1.", "#2.")), "Newer")
    assert.strictEqual(failure(link.replace("nomitm:", "https:")), "NotALink")
    assert.strictEqual(failure(link.replace("chat.example", "chat..example")), "Damaged")
  })

  it("is bounded: a text of a megabyte is not looked at", () => {
    assert.strictEqual(failure(link + "A".repeat(1_000_000)), "NotALink")
    assert.strictEqual(failure(" ".repeat(1_000_000) + link), "NotALink")
  })

  it("has an end", () => {
    assert.isFalse(Invitation.isExpired(one, one.expiry - 1))
    assert.isTrue(Invitation.isExpired(one, one.expiry))
  })
})

describe("what follows from a secret", () => {
  it("is an id of 16 bytes and a key of 32, of which one says nothing about the other", () => {
    const id = Invitation.inviteId(primitives, one.secret)
    const psk = Invitation.psk(primitives, one.secret)
    assert.deepStrictEqual([id.length, psk.length], [16, 32])
    assert.notDeepEqual(id, psk.slice(0, 16))
    assert.notDeepEqual(Invitation.psk(primitives, bytesOf("another", 16)), psk)
  })
})
