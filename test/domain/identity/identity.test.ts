import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Arbitrary from "effect/Arbitrary"
import * as Result from "effect/Result"
import * as Bytes from "../../../src/domain/crypto/Bytes.ts"
import * as Certificate from "../../../src/domain/identity/Certificate.ts"
import * as Fingerprint from "../../../src/domain/identity/Fingerprint.ts"
import * as Identity from "../../../src/domain/identity/Identity.ts"
import * as PersonId from "../../../src/domain/identity/PersonId.ts"
import * as RegisterProof from "../../../src/domain/identity/RegisterProof.ts"
import * as SafetyNumber from "../../../src/domain/identity/SafetyNumber.ts"
import * as arbitraries from "../arbitraries.ts"
import { bytesOf, primitives } from "../crypto/primitives.ts"

const day = 86_400
const now = 1_800_000_000
const alice = Identity.fromSeed(primitives, bytesOf("alice", 32), { now })
const bob = Identity.fromSeed(primitives, bytesOf("bob", 32), { now })

const reasonOf = (encoded: Uint8Array, at = now, highestSerial?: number) =>
  Result.match(Certificate.read(primitives, encoded, { now: at, highestSerial }), {
    onFailure: ({ reason }) => reason,
    onSuccess: () => "counts" as const,
  })

describe("an id", () => {
  it("has one text, and each text that is read is one of 32 bytes", () => {
    assert.strictEqual(alice.id.length, PersonId.textLength)
    assert.isTrue(PersonId.isPersonId(alice.id))
    assert.deepStrictEqual(PersonId.toBytes(alice.id), primitives.ed25519.publicKey(alice.seed))
    for (const wrong of [
      "",
      alice.id.slice(1),
      `${alice.id}A`,
      `${alice.id}=`,
      `${alice.id.slice(0, 42)}B`,
      `${"A".repeat(42)}\n`,
    ])
      assert.deepStrictEqual(PersonId.parse(wrong), Option.none(), wrong)
  })

  it.effect.prop(
    "of any 32 bytes comes back from its text, and the order is that of the bytes",
    [Arbitrary.array(arbitraries.integer(0, 255), { minLength: 64, maxLength: 64 })],
    ([numbers]) =>
      Effect.sync(() => {
        const [a, b] = [Uint8Array.from(numbers.slice(0, 32)), Uint8Array.from(numbers.slice(32))]
        const [idA, idB] = [PersonId.ofBytes(a), PersonId.ofBytes(b)]
        assert.isTrue(PersonId.isPersonId(idA))
        assert.deepStrictEqual(PersonId.toBytes(idA), a)
        assert.strictEqual(Math.sign(PersonId.compare(idA, idB)), Math.sign(Bytes.compare(a, b)))
      }),
    { arbitrary: { runs: 300 } },
  )
})

describe("an identity", () => {
  it("is restored, byte for byte, by the seed and the serial alone", () => {
    const again = Identity.fromSeed(primitives, bytesOf("alice", 32), { serial: now, now: now + 100 * day })
    assert.deepStrictEqual(again, alice)
  })

  it("has the static key that its certificate names", () => {
    assert.deepStrictEqual(primitives.x25519.publicKey(alice.staticSecret), alice.certificate.staticKey)
  })

  it("stays as it is while half a year is left, then has another static key and a higher serial", () => {
    assert.strictEqual(Identity.renewed(primitives, alice, now + 185 * day), alice)
    const later = now + 186 * day
    const renewed = Identity.renewed(primitives, alice, later)
    assert.strictEqual(renewed.id, alice.id)
    assert.strictEqual(renewed.certificate.serial, later)
    assert.notDeepEqual(renewed.staticSecret, alice.staticSecret)
    assert.strictEqual(reasonOf(renewed.certificate.encoded, later, alice.certificate.serial), "counts")
  })

  it("never gets the same serial or a lower one again, whatever the clock says", () => {
    const short = {
      ...alice,
      certificate: Certificate.make(primitives, { ...alice.certificate, seed: alice.seed, expiry: now + day }),
    }
    assert.strictEqual(Identity.renewed(primitives, short, now).certificate.serial, now + 1)
    assert.strictEqual(Identity.renewed(primitives, short, now - 10).certificate.serial, now + 1)
  })
})

describe("a certificate", () => {
  it("counts from its serial to its expiry, and a day before for clocks that differ", () => {
    const { encoded } = alice.certificate
    assert.strictEqual(encoded.length, Certificate.bytes)
    assert.strictEqual(reasonOf(encoded), "counts")
    assert.strictEqual(reasonOf(encoded, now - day), "counts")
    assert.strictEqual(reasonOf(encoded, now - day - 1), "NotYet")
    assert.strictEqual(reasonOf(encoded, now + 365 * day - 1), "counts")
    assert.strictEqual(reasonOf(encoded, now + 365 * day), "Expired")
  })

  it("does not count for more than 400 days, whatever it says", () => {
    const of = (days: number) =>
      Certificate.make(primitives, { ...alice.certificate, seed: alice.seed, expiry: now + days * day }).encoded
    assert.strictEqual(reasonOf(of(400)), "counts")
    assert.strictEqual(reasonOf(of(401)), "TooLong")
  })

  it("does not count if a newer one was seen; the same one does", () => {
    assert.strictEqual(reasonOf(alice.certificate.encoded, now, now), "counts")
    assert.strictEqual(reasonOf(alice.certificate.encoded, now, now + 1), "SerialTooLow")
  })

  it("does not count with any bit of it changed", () => {
    const { encoded } = alice.certificate
    for (let bit = 0; bit < encoded.length * 8; bit++) {
      const changed = Uint8Array.from(encoded)
      changed[bit >> 3]! ^= 1 << (bit & 7)
      assert.strictEqual(reasonOf(changed), "BadSignature", `bit ${bit}`)
    }
  })

  it("has 144 bytes, not one more or less", () => {
    for (let length = 0; length < 300; length++) {
      if (length !== Certificate.bytes) assert.strictEqual(reasonOf(new Uint8Array(length)), "BadLength")
    }
  })

  it("of numbers beyond what a double can tell apart does not count either", () => {
    const signed = Certificate.make(primitives, { ...alice.certificate, seed: alice.seed, expiry: 2 ** 63 })
    assert.strictEqual(reasonOf(signed.encoded), "TooLong")
  })
})

describe("a fingerprint", () => {
  it("is eight groups of four, of base32 in lower case", () => {
    assert.match(Fingerprint.of(primitives, alice.id), /^[a-z2-7]{4}(-[a-z2-7]{4}){7}$/)
    assert.notStrictEqual(Fingerprint.of(primitives, alice.id), Fingerprint.of(primitives, bob.id))
  })

  it("has every bit of the 160, first bits first", () => {
    const fixed = (digest: Uint8Array) =>
      Fingerprint.of({ sha256: () => digest, hmacSha256: primitives.hmacSha256 }, alice.id).replaceAll("-", "")
    // RFC 4648, section 10: "fooba" is MZXW6YTB.
    assert.strictEqual(fixed(Bytes.ofText("foobafoobafoobafoobafoobafoobaxx")), "mzxw6ytb".repeat(4))
    assert.strictEqual(fixed(new Uint8Array(32).fill(0xff, 0, 20)), "7".repeat(32))
    assert.strictEqual(fixed(new Uint8Array(32).fill(0xff, 20)), "a".repeat(32))
  })
})

describe("a safety number", () => {
  it("is the same for both, and another one for others", () => {
    const number = SafetyNumber.of(primitives, alice.id, bob.id)
    assert.match(number, /^[0-9]{5}( [0-9]{5}){11}$/)
    assert.strictEqual(SafetyNumber.of(primitives, bob.id, alice.id), number)
    assert.notStrictEqual(SafetyNumber.of(primitives, alice.id, alice.id), number)
  })
})

describe("the signature of REGISTER", () => {
  const registration: RegisterProof.Registration = {
    exporter: bytesOf("exporter", 32),
    serverKey: bytesOf("server", 32),
    name: "alice",
  }
  const signature = RegisterProof.sign(primitives, alice, registration)

  it("is right for this id, this connection, this server and this name, and for no other", () => {
    const check = (id: PersonId.PersonId, changed: Partial<RegisterProof.Registration>) =>
      RegisterProof.verify(primitives, id, { ...registration, ...changed }, signature)
    assert.isTrue(check(alice.id, {}))
    assert.isFalse(check(bob.id, {}))
    assert.isFalse(check(alice.id, { exporter: bytesOf("another", 32) }))
    assert.isFalse(check(alice.id, { serverKey: bytesOf("another", 32) }))
    assert.isFalse(check(alice.id, { name: "alicia" }))
  })

  it("is none for another purpose", () => {
    const { encoded } = alice.certificate
    const asName = { ...registration, exporter: encoded.slice(0, 32), serverKey: encoded.slice(32, 64) }
    assert.isFalse(RegisterProof.verify(primitives, alice.id, asName, encoded.slice(80)))
  })
})
