/**
 * The project's own Noise vectors once more, step by step as the specification has them for these two patterns, with
 * other primitives (@noble) and none of the project's code.
 */
import { assert, describe, it } from "@effect/vitest"
import { chacha20poly1305 } from "@noble/ciphers/chacha.js"
import { x25519 } from "@noble/curves/ed25519.js"
import { hmac } from "@noble/hashes/hmac.js"
import { sha256 } from "@noble/hashes/sha2.js"
import own from "./noise.json" with { type: "json" }
import type { NoiseVector } from "./NoiseVector.ts"

const bytes = (hex: string | undefined): Uint8Array => new Uint8Array(Buffer.from(hex!, "hex"))
const join = (...parts: ReadonlyArray<Uint8Array>): Uint8Array => new Uint8Array(Buffer.concat(parts))
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex")

/** One side's view of a handshake, for writing only: the transcript of both sides is the same. */
const transcript = (name: string) => {
  let h = name.length <= 32 ? join(Buffer.from(name), new Uint8Array(32 - name.length)) : sha256(Buffer.from(name))
  let ck = h
  let k: Uint8Array | undefined
  let n = 0
  const seal = (key: Uint8Array, counter: number, ad: Uint8Array, text: Uint8Array): Uint8Array => {
    const nonce = new Uint8Array(12)
    nonce[4] = counter
    return chacha20poly1305(key, nonce, ad).encrypt(text)
  }
  const hkdf = (ikm: Uint8Array): [Uint8Array, Uint8Array, Uint8Array] => {
    const temp = hmac(sha256, ck, ikm)
    const first = hmac(sha256, temp, Uint8Array.of(1))
    const second = hmac(sha256, temp, join(first, Uint8Array.of(2)))
    return [first, second, hmac(sha256, temp, join(second, Uint8Array.of(3)))]
  }
  const mixHash = (data: Uint8Array): Uint8Array => {
    h = sha256(join(h, data))
    return data
  }
  return {
    mixHash,
    mixKey: (ikm: Uint8Array) => {
      ;[ck, k] = hkdf(ikm)
      n = 0
    },
    mixKeyAndHash: (ikm: Uint8Array) => {
      const [first, second, third] = hkdf(ikm)
      ck = first
      mixHash(second)
      k = third
      n = 0
    },
    say: (text: Uint8Array) => mixHash(k === undefined ? text : seal(k, n++, h, text)),
    hash: () => hex(h),
    /** What is said after the handshake by the initiator (0) or the responder (1), the `counter`th from them. */
    after: (who: 0 | 1, counter: number, text: Uint8Array) =>
      seal(hkdf(new Uint8Array(0))[who], counter, new Uint8Array(0), text),
  }
}

const find = (pattern: string): NoiseVector => {
  const vector = own.vectors.find((vector) => vector.protocol_name.includes(`_${pattern}_`))
  assert.isDefined(vector)
  return vector!
}

const pub = (secret: Uint8Array): Uint8Array => x25519.getPublicKey(secret)
const dh = (secret: Uint8Array, key: Uint8Array): Uint8Array => x25519.getSharedSecret(secret, key)

const checkRest = (vector: NoiseVector, t: ReturnType<typeof transcript>, from: number): void => {
  assert.strictEqual(t.hash(), vector.handshake_hash)
  const counters = [0, 0]
  vector.messages.slice(from).forEach(({ ciphertext, payload }, i) => {
    const who = ((from + i) % 2) as 0 | 1
    assert.strictEqual(hex(t.after(who, counters[who]!++, bytes(payload))), ciphertext)
  })
}

describe("the project's own vectors, computed a second time", () => {
  it("IKpsk2", () => {
    const v = find("IKpsk2")
    const [s, e, rs, re] = [v.init_static, v.init_ephemeral, v.resp_static, v.resp_ephemeral].map(bytes) as [
      Uint8Array,
      Uint8Array,
      Uint8Array,
      Uint8Array,
    ]
    const t = transcript(v.protocol_name)
    t.mixHash(bytes(v.init_prologue))
    t.mixHash(pub(rs))

    t.mixHash(pub(e))
    t.mixKey(pub(e))
    t.mixKey(dh(e, pub(rs)))
    const identity = t.say(pub(s))
    t.mixKey(dh(s, pub(rs)))
    const first = t.say(bytes(v.messages[0]!.payload))
    assert.strictEqual(hex(join(pub(e), identity, first)), v.messages[0]!.ciphertext)

    t.mixHash(pub(re))
    t.mixKey(pub(re))
    t.mixKey(dh(re, pub(e)))
    t.mixKey(dh(re, pub(s)))
    t.mixKeyAndHash(bytes(v.init_psks![0]))
    const second = t.say(bytes(v.messages[1]!.payload))
    assert.strictEqual(hex(join(pub(re), second)), v.messages[1]!.ciphertext)
    checkRest(v, t, 2)
  })

  it("XX", () => {
    const v = find("XX")
    const [s, e, rs, re] = [v.init_static, v.init_ephemeral, v.resp_static, v.resp_ephemeral].map(bytes) as [
      Uint8Array,
      Uint8Array,
      Uint8Array,
      Uint8Array,
    ]
    const t = transcript(v.protocol_name)
    t.mixHash(bytes(v.init_prologue))

    t.mixHash(pub(e))
    const first = t.say(bytes(v.messages[0]!.payload))
    assert.strictEqual(hex(join(pub(e), first)), v.messages[0]!.ciphertext)

    t.mixHash(pub(re))
    t.mixKey(dh(re, pub(e)))
    const answerer = t.say(pub(rs))
    t.mixKey(dh(rs, pub(e)))
    const second = t.say(bytes(v.messages[1]!.payload))
    assert.strictEqual(hex(join(pub(re), answerer, second)), v.messages[1]!.ciphertext)

    const caller = t.say(pub(s))
    t.mixKey(dh(s, pub(re)))
    const third = t.say(bytes(v.messages[2]!.payload))
    assert.strictEqual(hex(join(caller, third)), v.messages[2]!.ciphertext)
    checkRest(v, t, 3)
  })
})
