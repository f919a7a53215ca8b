/**
 * `nomitm1-handshake.json` once more, as someone would who has PROTOCOL.md only: other primitives (@noble), and none of
 * the project's code.
 */
import { assert, describe, it } from "@effect/vitest"
import { chacha20poly1305 } from "@noble/ciphers/chacha.js"
import { ed25519 } from "@noble/curves/ed25519.js"
import { hkdf } from "@noble/hashes/hkdf.js"
import { sha256 } from "@noble/hashes/sha2.js"
import { ml_kem768 } from "@noble/post-quantum/ml-kem.js"
import own from "./nomitm1-handshake.json" with { type: "json" }
import { bytes, dh, hex, join, pub, transcript } from "./transcript.ts"

const text = (text: string): Uint8Array => new TextEncoder().encode(text)
const empty = new Uint8Array(0)
const derive = (salt: Uint8Array, ikm: Uint8Array, info: string | Uint8Array, length: number): Uint8Array =>
  hkdf(sha256, ikm, salt, typeof info === "string" ? text(info) : info, length)
const labelled = (label: string, data: Uint8Array): Uint8Array => join(text(label), Uint8Array.of(0), data)
const u64 = (value: number): Uint8Array => {
  const bytes = new Uint8Array(8)
  new DataView(bytes.buffer).setBigUint64(0, BigInt(value))
  return bytes
}
const padded = (length: number, ...parts: ReadonlyArray<Uint8Array>): Uint8Array => {
  const whole = new Uint8Array(length)
  whole.set(join(...parts))
  return whole
}
const word = (word: string): Uint8Array => join(Uint8Array.of(text(word).length), text(word))

describe("section 12", () => {
  it.each([own.alice, own.bob])("the identity of $name", (person) => {
    const seed = bytes(person.seed)
    const id = ed25519.getPublicKey(seed)
    assert.strictEqual(hex(id), person.id)
    assert.strictEqual(Buffer.from(id).toString("base64url"), person.idText)
    const secret = derive(empty, seed, join(text("nomitm/1 static"), u64(person.serial)), 32)
    assert.strictEqual(hex(secret), person.staticSecret)
    assert.strictEqual(hex(pub(secret)), person.staticKey)
    const body = join(id, pub(secret), u64(person.serial), u64(person.expiry))
    const signature = ed25519.sign(labelled("nomitm/1 certificate", body), seed)
    assert.strictEqual(hex(join(body, signature)), person.certificate)
    const bits = Array.from(sha256(labelled("nomitm/1 fingerprint", id)).slice(0, 20))
      .map((byte) => byte.toString(2).padStart(8, "0"))
      .join("")
    const letters = bits.match(/.{5}/g)!.map((five) => "abcdefghijklmnopqrstuvwxyz234567"[Number.parseInt(five, 2)])
    assert.strictEqual(letters.join("").match(/.{4}/g)!.join("-"), person.fingerprint)
  })

  it("the safety number", () => {
    const [lower, higher] = [own.alice.id, own.bob.id].toSorted()
    const okm = derive(empty, join(bytes(lower), bytes(higher)), "nomitm/1 safety number", 60)
    const groups = hex(okm)
      .match(/.{10}/g)!
      .map((five) => (BigInt(`0x${five}`) % 100_000n).toString().padStart(5, "0"))
    assert.strictEqual(groups.join(" "), own.safetyNumber)
  })
})

it("section 15.4: the chat that goes on is the one of the first call", () => {
  const { psk, resumes } = own.resumingHandshake
  assert.strictEqual(resumes, own.handshake.callId)
  assert.strictEqual(psk, "00".repeat(32))
})

it("section 14.1: what REGISTER signs", () => {
  const { exporter, serverKey, name, message, signature } = own.register
  const signed = labelled("nomitm/1 register", join(bytes(exporter), bytes(serverKey), text(name)))
  assert.strictEqual(hex(signed), message)
  assert.strictEqual(hex(ed25519.sign(signed, bytes(own.alice.seed))), signature)
})

it("section 15.1: the invitation", () => {
  const { serverKey, inviter, secret, expiry, link, inviteId, psk } = own.invitation
  const token = join(bytes(serverKey), bytes(inviter), bytes(secret), u64(expiry).slice(4))
  assert.strictEqual(link, `nomitm://chat.example:6969/#1.${Buffer.from(token).toString("base64url")}`)
  assert.strictEqual(hex(derive(empty, bytes(secret), "nomitm/1 invite id", 16)), inviteId)
  assert.strictEqual(hex(derive(empty, bytes(secret), "nomitm/1 invite psk", 32)), psk)
})

describe("section 15", () => {
  it.each([
    ["a call", own.handshake],
    ["a call with an invitation", own.invitedHandshake],
    ["a call with which a chat goes on (section 15.4)", own.resumingHandshake],
  ])("%s, from M1 to M4", (_, v) => {
    const { alice, bob } = own
    const [s, rs] = [bytes(alice.staticSecret), bytes(bob.staticSecret)]
    const [e, re] = [bytes(v.callerEphemeral), bytes(v.calleeEphemeral)]
    const kem = ml_kem768.keygen(bytes(v.callerKemSeed))
    const { cipherText, sharedSecret } = ml_kem768.encapsulate(kem.publicKey, bytes(v.calleeKemEntropy))
    const callId = bytes(v.callId)

    const t = transcript("Noise_IKpsk2_25519_ChaChaPoly_SHA256")
    t.mixHash(join(text("nomitm/1"), callId, sha256(bytes(alice.id)), sha256(bytes(bob.id))))
    t.mixHash(pub(rs))

    const m1Payload = padded(
      1704,
      Uint8Array.of(1),
      bytes(alice.certificate),
      kem.publicKey,
      Uint8Array.of(v.resumes !== null ? 2 : v.inviteId !== null ? 1 : 0),
      bytes(v.resumes ?? v.inviteId ?? "00".repeat(16)),
      word(alice.name),
      word(v.dialled),
    )
    assert.strictEqual(hex(m1Payload), v.m1Payload)
    t.mixHash(pub(e))
    t.mixKey(pub(e))
    t.mixKey(dh(e, pub(rs)))
    const identity = t.say(pub(s))
    t.mixKey(dh(s, pub(rs)))
    const m1 = join(pub(e), identity, t.say(m1Payload))
    assert.strictEqual(m1.length, 1800)
    assert.strictEqual(hex(m1), v.m1)

    const m2Payload = padded(1432, Uint8Array.of(1), bytes(bob.certificate), cipherText, word(bob.name))
    assert.strictEqual(hex(m2Payload), v.m2Payload)
    t.mixHash(pub(re))
    t.mixKey(pub(re))
    t.mixKey(dh(re, pub(e)))
    t.mixKey(dh(re, pub(s)))
    t.mixKeyAndHash(bytes(v.psk))
    const m2 = join(pub(re), t.say(m2Payload))
    assert.strictEqual(m2.length, 1480)
    assert.strictEqual(hex(m2), v.m2)

    assert.strictEqual(t.hash(), v.h)
    assert.strictEqual(hex(t.chainingKey()), v.ck)
    assert.strictEqual(hex(sharedSecret), v.kemSecret)
    const root = derive(bytes(v.h), join(t.chainingKey(), sharedSecret), "nomitm/1 root", 32)
    assert.strictEqual(hex(root), v.root)
    const key = (label: string, length = 32) => hex(derive(empty, root, `nomitm/1 ${label}`, length))
    assert.deepStrictEqual(
      [key("link i2r"), key("link r2i"), key("record i2r"), key("record r2i"), key("exporter"), key("sas")],
      [v.linkI2r, v.linkR2i, v.recordI2r, v.recordR2i, v.exporter, v.sas],
    )
    assert.deepStrictEqual([key("index i2r", 4), key("index r2i", 4)], [v.indexI2r, v.indexR2i])

    const seal = (key: string, type: number) =>
      hex(chacha20poly1305(bytes(key), new Uint8Array(12), callId).encrypt(padded(64, Uint8Array.of(type, 0, 0))))
    assert.strictEqual(seal(v.linkI2r, 1), v.m3)
    assert.strictEqual(seal(v.linkR2i, 2), v.m4)
  })
})
