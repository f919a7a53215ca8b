/**
 * `nomitm1-records.json` once more, as someone would who has PROTOCOL.md only: other primitives (@noble), and none of the
 * project's code.
 */
import { assert, describe, it } from "@effect/vitest"
import { chacha20poly1305 } from "@noble/ciphers/chacha.js"
import { hkdf } from "@noble/hashes/hkdf.js"
import { sha256 } from "@noble/hashes/sha2.js"
import { ml_kem768 } from "@noble/post-quantum/ml-kem.js"
import own from "./nomitm1-records.json" with { type: "json" }
import { bytes, dh, hex, join, pub, transcript } from "./transcript.ts"

const text = (text: string): Uint8Array => new TextEncoder().encode(text)
const empty = new Uint8Array(0)
const number = (value: number | bigint, length: number): Uint8Array =>
  bytes(value.toString(16).padStart(2 * length, "0"))
const derive = (salt: Uint8Array, ikm: Uint8Array, info: string | Uint8Array, length: number): Uint8Array =>
  hkdf(sha256, ikm, salt, typeof info === "string" ? text(info) : info, length)
const frame = (type: number, ...body: ReadonlyArray<Uint8Array>): Uint8Array =>
  join(Uint8Array.of(type), number(join(...body).length, 2), ...body)

const keysOf = (root: Uint8Array) => {
  const key = (label: string, length = 32) => hex(derive(empty, root, `nomitm/1 ${label}`, length))
  return {
    recordI2r: key("record i2r"),
    recordR2i: key("record r2i"),
    indexI2r: key("index i2r", 4),
    indexR2i: key("index r2i", 4),
    exporter: key("exporter"),
  }
}

type Keys = ReturnType<typeof keysOf>

const datagram = (keys: Keys, record: (typeof own.records)[number]): string => {
  const isI2r = record.from === "initiator"
  const frames = bytes(record.frames)
  const length = Math.min(Math.ceil(frames.length / 64) * 64, 1200)
  const header = join(
    Uint8Array.of(1, record.epoch % 256, 0, 0),
    bytes(isI2r ? keys.indexI2r : keys.indexR2i),
    number(record.counter, 8),
  )
  const nonce = join(new Uint8Array(4), number(record.counter, 8).toReversed())
  const padded = join(frames, new Uint8Array(length - frames.length))
  const key = bytes(isI2r ? keys.recordI2r : keys.recordR2i)
  return hex(join(header, chacha20poly1305(key, nonce, header).encrypt(padded)))
}

const { sas, ...firstKeys } = own.keys

it("the keys of the first epoch", () => {
  assert.deepStrictEqual(keysOf(bytes(own.root)), firstKeys)
  assert.strictEqual(hex(derive(empty, bytes(own.root), "nomitm/1 sas", 32)), sas)
})

describe("section 16: records", () => {
  it.each(own.records)("$from, counter $counter", (record) => {
    assert.strictEqual(datagram(firstKeys, record), record.datagram)
  })

  it("say what they should", () => {
    const challenge = own.records[4]!.frames.slice(-16)
    const message = (body: string) => join(Uint8Array.of(1), number(text(body).length, 3), text(body))
    const [ofInitiator, ofResponder] = [join(message("hello"), message("zoë \u{1f600}")), message("x".repeat(1191))]
    const data = (offset: number, bytes: Uint8Array) => frame(14, number(offset, 6), bytes)
    const ack = (consumed: number, delay: number, ...ranges: ReadonlyArray<readonly [number, number]>) => {
      const limit = consumed + 262_144
      const counters = ranges.flat().map((counter) => number(counter, 6))
      const fields = [number(consumed, 6), number(limit, 6), number(delay, 2), number(0, 4)]
      return frame(15, ...fields, Uint8Array.of(ranges.length), ...counters)
    }
    assert.lengthOf(ofResponder, 1195)
    assert.deepStrictEqual(
      own.records.map(({ frames }) => frames),
      [
        frame(1),
        frame(2),
        data(0, ofInitiator),
        join(ack(ofInitiator.length, 3, [0, 1]), data(0, ofResponder.slice(0, 1157))),
        join(data(1157, ofResponder.slice(1157)), frame(5, bytes(challenge))),
        join(frame(6, bytes(challenge)), ack(1195, 0, [0, 2])),
        ack(1195, 65_535, [4, 2 ** 32], [0, 2]),
        frame(2),
        frame(4),
      ].map(hex),
    )
    assert.lengthOf(bytes(own.records[3]!.datagram), 1232)
  })
})

describe("section 16.1: new keys", () => {
  it.each(
    own.rekeys.map((rekey, i) => [rekey.newEpoch, rekey, i === 0 ? firstKeys : own.rekeys[i - 1]!.keys] as const),
  )("of epoch %i", (_, rekey, before) => {
    const [s, rs] = [bytes(own.initiatorStatic), bytes(own.responderStatic)]
    const [e, re] = [bytes(rekey.initiatorEphemeral), bytes(rekey.responderEphemeral)]
    const t = transcript("Noise_IKpsk2_25519_ChaChaPoly_SHA256")
    t.mixHash(join(text("nomitm/1 rekey"), bytes(own.callId), number(rekey.newEpoch, 4)))
    t.mixHash(pub(rs))
    const refresh = Uint8Array.of(1, rekey.refresh ? 1 : 0)
    const kem = rekey.initiatorKemSeed === null ? undefined : ml_kem768.keygen(bytes(rekey.initiatorKemSeed))
    const sent = kem && ml_kem768.encapsulate(kem.publicKey, bytes(rekey.responderKemEntropy!))

    t.mixHash(pub(e))
    t.mixKey(pub(e))
    t.mixKey(dh(e, pub(rs)))
    const identity = t.say(pub(s))
    t.mixKey(dh(s, pub(rs)))
    const rekey1 = join(pub(e), identity, t.say(join(refresh, kem?.publicKey ?? empty)))
    assert.strictEqual(hex(rekey1), rekey.rekey1)

    t.mixHash(pub(re))
    t.mixKey(pub(re))
    t.mixKey(dh(re, pub(e)))
    t.mixKey(dh(re, pub(s)))
    t.mixKeyAndHash(bytes(before.exporter))
    const rekey2 = join(pub(re), t.say(join(refresh, sent?.cipherText ?? empty)))
    assert.strictEqual(hex(rekey2), rekey.rekey2)

    const secret = join(t.chainingKey(), sent?.sharedSecret ?? empty)
    const keys = keysOf(derive(bytes(t.hash()), secret, "nomitm/1 root", 32))
    assert.deepStrictEqual(keys, rekey.keys)

    const parts = (type: number, message: Uint8Array) => {
      const count = Math.ceil(message.length / 1100)
      return Array.from({ length: count }, (_, i) =>
        hex(frame(type, number(rekey.newEpoch, 4), Uint8Array.of(i, count), message.slice(i * 1100, (i + 1) * 1100))),
      )
    }
    assert.deepStrictEqual(
      rekey.records.map(({ frames }) => frames),
      [...parts(7, rekey1), ...parts(8, rekey2), hex(frame(1)), hex(frame(2))],
    )
    for (const record of rekey.records) {
      assert.strictEqual(datagram(record.epoch === rekey.newEpoch ? keys : before, record), record.datagram)
    }
  })
})

it("section 17: the short string", () => {
  const { rA, rB, commit, reply, reveal, value, indices, digits } = own.shortString
  const h = bytes(own.h)
  const commitment = sha256(join(text("nomitm/1 sas commit"), Uint8Array.of(0), h, bytes(rA)))
  const run = Uint8Array.of(1)
  assert.deepStrictEqual([frame(9, run, commitment), frame(10, run, bytes(rB)), frame(11, run, bytes(rA))].map(hex), [
    commit,
    reply,
    reveal,
  ])
  const string = derive(empty, bytes(sas), join(text("nomitm/1 sas string"), h, bytes(rA), bytes(rB)), 5)
  const bits = Array.from(string)
    .map((byte) => byte.toString(2).padStart(8, "0"))
    .join("")
    .slice(0, 33)
  assert.strictEqual(Number.parseInt(bits, 2), value)
  assert.deepStrictEqual(
    bits.match(/.{11}/g)!.map((eleven) => Number.parseInt(eleven, 2)),
    indices,
  )
  assert.strictEqual(value.toString().padStart(10, "0"), digits)
})
