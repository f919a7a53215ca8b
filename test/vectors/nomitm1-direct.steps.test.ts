/**
 * `nomitm1-direct.json` once more, as someone would who has PROTOCOL.md only: other primitives (@noble), and none of the
 * project's code.
 */
import { assert, it } from "@effect/vitest"
import { hkdf } from "@noble/hashes/hkdf.js"
import { sha256 } from "@noble/hashes/sha2.js"
import { ml_kem768 } from "@noble/post-quantum/ml-kem.js"
import vectors from "./nomitm1-direct.json" with { type: "json" }
import people from "./nomitm1-handshake.json" with { type: "json" }
import { bytes, dh, hex, join, pub, transcript } from "./transcript.ts"

const v = vectors
const text = (text: string): Uint8Array => new TextEncoder().encode(text)
const derive = (salt: Uint8Array, ikm: Uint8Array, info: string, length: number): Uint8Array =>
  hkdf(sha256, ikm, salt, text(info), length)
const padded = (length: number, ...parts: ReadonlyArray<Uint8Array>): Uint8Array => {
  const whole = new Uint8Array(length)
  whole.set(join(...parts))
  return whole
}
const word = (word: string): Uint8Array => join(Uint8Array.of(text(word).length), text(word))

it("section 15.2: CONNECT, while neither knows the other and when both do", () => {
  const [initiator, responder] = [bytes(v.initiatorNonce), bytes(v.responderNonce)]
  const connect = (nonce: Uint8Array, echo: Uint8Array) => hex(join(Uint8Array.of(2, 1, 0, 0), nonce, echo))
  const zeros = new Uint8Array(16)
  assert.isAbove(Buffer.compare(initiator, responder), 0)
  assert.deepStrictEqual(v.connects, {
    initiatorFirst: connect(initiator, zeros),
    responderFirst: connect(responder, zeros),
    initiator: connect(initiator, responder),
    responder: connect(responder, initiator),
  })
})

it("section 15.2: XX1 to XX3, their fragments, and the keys", () => check(v))

it("section 15.4: the same for a chat that goes on", () => {
  assert.notStrictEqual(v.resuming.callId, v.callId)
  check(v.resuming, bytes(v.callId))
})

/** @param chatId of the chat that goes on */
const check = (v: typeof vectors.resuming, chatId?: Uint8Array): void => {
  const goesOn = chatId === undefined ? new Uint8Array(0) : join(Uint8Array.of(1), chatId)
  const [initiator, responder] = [bytes(v.initiatorNonce), bytes(v.responderNonce)]
  const { alice, bob } = people
  const [s, rs] = [bytes(alice.staticSecret), bytes(bob.staticSecret)]
  const [e, re] = [bytes(v.initiatorEphemeral), bytes(v.responderEphemeral)]
  const kem = ml_kem768.keygen(bytes(v.initiatorKemSeed))
  const { cipherText, sharedSecret } = ml_kem768.encapsulate(kem.publicKey, bytes(v.responderKemEntropy))

  const t = transcript("Noise_XX_25519_ChaChaPoly_SHA256")
  t.mixHash(join(text("nomitm/1 direct"), initiator, responder))

  t.mixHash(pub(e))
  const xx1 = join(pub(e), t.say(padded(1504, Uint8Array.of(1), kem.publicKey)))
  assert.strictEqual(xx1.length, 1536)
  assert.strictEqual(hex(xx1), v.xx1)

  t.mixHash(pub(re))
  t.mixKey(dh(re, pub(e)))
  const bobsKey = t.say(pub(rs))
  t.mixKey(dh(rs, pub(e)))
  const xx2Payload = padded(1440, Uint8Array.of(1), bytes(bob.certificate), cipherText, word(bob.name), goesOn)
  const xx2 = join(pub(re), bobsKey, t.say(xx2Payload))
  assert.strictEqual(xx2.length, 1536)
  assert.strictEqual(hex(xx2), v.xx2)

  const alicesKey = t.say(pub(s))
  t.mixKey(dh(s, pub(re)))
  const xx3 = join(alicesKey, t.say(padded(320, Uint8Array.of(1), bytes(alice.certificate), word(alice.name), goesOn)))
  assert.strictEqual(xx3.length, 384)
  assert.strictEqual(hex(xx3), v.xx3)

  const fragment = (message: number, index: number, count: number, piece: Uint8Array) =>
    hex(
      join(
        Uint8Array.of(3, message, index, count),
        ...(message === 2 ? [responder, initiator] : [initiator, responder]),
        piece,
      ),
    )
  const two = (message: number, bytes: Uint8Array) => [
    fragment(message, 0, 2, bytes.slice(0, 1100)),
    fragment(message, 1, 2, bytes.slice(1100)),
  ]
  assert.deepStrictEqual(
    [v.xx1Fragments, v.xx2Fragments, v.xx3Fragments],
    [two(1, xx1), two(2, xx2), [fragment(3, 0, 1, xx3)]],
  )

  assert.strictEqual(t.hash(), v.h)
  assert.strictEqual(hex(t.chainingKey()), v.ck)
  assert.strictEqual(hex(sharedSecret), v.kemSecret)
  const root = derive(bytes(v.h), join(t.chainingKey(), sharedSecret), "nomitm/1 root", 32)
  assert.strictEqual(hex(root), v.root)
  const key = (label: string, length = 32) => hex(derive(new Uint8Array(0), root, `nomitm/1 ${label}`, length))
  assert.deepStrictEqual(
    [key("link i2r"), key("link r2i"), key("record i2r"), key("record r2i"), key("exporter"), key("sas")],
    [v.linkI2r, v.linkR2i, v.recordI2r, v.recordR2i, v.exporter, v.sas],
  )
  assert.deepStrictEqual([key("index i2r", 4), key("index r2i", 4)], [v.indexI2r, v.indexR2i])
  assert.strictEqual(v.callId, v.h.slice(0, 32))
}
