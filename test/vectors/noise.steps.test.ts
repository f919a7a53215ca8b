/**
 * The project's own Noise vectors once more, step by step as the specification has them for these two patterns, with
 * other primitives (@noble) and none of the project's code.
 */
import { assert, describe, it } from "@effect/vitest"
import own from "./noise.json" with { type: "json" }
import type { NoiseVector } from "./NoiseVector.ts"
import { bytes, dh, hex, join, pub, transcript } from "./transcript.ts"

const find = (pattern: string): NoiseVector => {
  const vector = own.vectors.find((vector) => vector.protocol_name.includes(`_${pattern}_`))
  assert.isDefined(vector)
  return vector!
}

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
