import { assert, describe, it } from "@effect/vitest"
import * as CipherState from "../../../src/domain/noise/CipherState.ts"
import { bytesOf, primitives } from "../crypto/primitives.ts"

const none = new Uint8Array(0)
const key = bytesOf("key", 32)

describe("a key and its counter", () => {
  it("without a key what is said goes in clear, and takes no counter", () => {
    const state = CipherState.initial()
    const sealed = CipherState.encrypt(primitives, state, none, bytesOf("text", 10))
    assert.deepStrictEqual(sealed, { state, ciphertext: bytesOf("text", 10) })
    assert.deepStrictEqual(CipherState.decrypt(primitives, state, none, bytesOf("text", 10)), {
      state,
      plaintext: bytesOf("text", 10),
    })
    assert.strictEqual(CipherState.rekey(primitives, state), state)
  })

  it("each message takes the next nonce; one that doesn't open takes none", () => {
    let sender = CipherState.initial(key)
    let receiver = CipherState.initial(key)
    const seen = new Set<string>()
    for (let i = 0; i < 5; i++) {
      const sealed = CipherState.encrypt(primitives, sender, none, bytesOf("the same", 20))!
      seen.add(Buffer.from(sealed.ciphertext).toString("hex"))
      assert.isUndefined(CipherState.decrypt(primitives, receiver, none, bytesOf("forged", 36)))
      const opened = CipherState.decrypt(primitives, receiver, none, sealed.ciphertext)!
      assert.deepStrictEqual(opened.plaintext, bytesOf("the same", 20))
      assert.isUndefined(CipherState.decrypt(primitives, opened.state, none, sealed.ciphertext), "a replay")
      sender = sealed.state
      receiver = opened.state
    }
    assert.strictEqual(seen.size, 5)
    assert.deepStrictEqual([sender.nonce, receiver.nonce], [5, 5])
  })

  it("is used up rather than used twice with one nonce", () => {
    const last = { key, nonce: Number.MAX_SAFE_INTEGER - 1 }
    const sealed = CipherState.encrypt(primitives, last, none, none)
    assert.isDefined(sealed)
    assert.isUndefined(CipherState.encrypt(primitives, sealed!.state, none, none))
    const opened = CipherState.decrypt(primitives, last, none, sealed!.ciphertext)
    assert.isDefined(opened)
    assert.isUndefined(CipherState.decrypt(primitives, opened!.state, none, sealed!.ciphertext))
  })

  it("a message has at most 65,535 bytes, its tag included", () => {
    const state = CipherState.initial(key)
    const longest = CipherState.encrypt(primitives, state, none, new Uint8Array(65_519))
    assert.strictEqual(longest?.ciphertext.length, 65_535)
    assert.strictEqual(CipherState.decrypt(primitives, state, none, longest!.ciphertext)?.plaintext.length, 65_519)
    assert.isUndefined(CipherState.encrypt(primitives, state, none, new Uint8Array(65_520)))
    const sealed = primitives.chacha20Poly1305.seal(key, new Uint8Array(12), none, new Uint8Array(65_520))
    assert.isUndefined(CipherState.decrypt(primitives, state, none, sealed))
    assert.isUndefined(CipherState.encrypt(primitives, CipherState.initial(), none, new Uint8Array(65_536)))
    assert.isUndefined(CipherState.decrypt(primitives, CipherState.initial(), none, new Uint8Array(65_536)))
  })

  it("rekeying gives both the same new key, which is the cipher's output for the last nonce (section 4.2)", () => {
    const nonce = new Uint8Array(12).fill(0xff, 4)
    const expected = primitives.chacha20Poly1305.seal(key, nonce, none, new Uint8Array(32)).slice(0, 32)
    assert.deepStrictEqual(CipherState.rekey(primitives, { key, nonce: 7 }), { key: expected, nonce: 7 })
  })
})
