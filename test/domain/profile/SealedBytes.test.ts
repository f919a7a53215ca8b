import { assert, describe, it } from "@effect/vitest"
import * as SealedBytes from "../../../src/domain/profile/SealedBytes.ts"
import { bytesOf, primitives } from "../crypto/primitives.ts"

const xchacha = primitives.xchacha20Poly1305
const keyOf = (person: string, kind: string) => SealedBytes.key(primitives, bytesOf(person, 32), kind)
const key = keyOf("alice", "contacts")
const content = new TextEncoder().encode("everybody I know")
const sealed = SealedBytes.seal(xchacha, key, bytesOf("nonce", 24), content)

describe("sealed bytes", () => {
  it("open with their key", () => {
    assert.deepEqual(SealedBytes.open(xchacha, key, sealed), content)
    assert.strictEqual(sealed.length, content.length + SealedBytes.overheadBytes)
  })

  it("of another person, or of another kind, do not", () => {
    for (const other of [keyOf("mallory", "contacts"), keyOf("alice", "invitations")]) {
      assert.isUndefined(SealedBytes.open(xchacha, other, sealed))
    }
  })

  it("of which one bit is another do not open", () => {
    for (let bit = 0; bit < sealed.length * 8; bit++) {
      const changed = Uint8Array.from(sealed)
      changed[bit >> 3]! ^= 1 << (bit & 7)
      assert.isUndefined(SealedBytes.open(xchacha, key, changed))
    }
  })

  it("of another length do not open", () => {
    for (let length = 0; length < sealed.length; length++) {
      assert.isUndefined(SealedBytes.open(xchacha, key, sealed.subarray(0, length)))
    }
    assert.isUndefined(SealedBytes.open(xchacha, key, Uint8Array.of(...sealed, 0)))
  })
})
