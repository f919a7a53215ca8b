import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as NodeCryptography from "../../../src/adapters/node/NodeCryptography.ts"
import * as Sodium from "../../../src/adapters/node/Sodium.ts"
import * as SodiumAead from "../../../src/adapters/node/SodiumAead.ts"
import * as SodiumMlKem768 from "../../../src/adapters/node/SodiumMlKem768.ts"
import * as SodiumRecordCipher from "../../../src/adapters/node/SodiumRecordCipher.ts"
import { Cryptography } from "../../../src/services/Cryptography.ts"
import { bytesOf } from "../../domain/crypto/primitives.ts"

const none = new Uint8Array(0)

describe("Cryptography on Node", () => {
  it.effect("brings random bytes, others every time, in memory of their own", () =>
    Effect.gen(function* () {
      const { primitives, randomBytes } = yield* Cryptography
      const seen = new Set<string>()
      for (let i = 0; i < 1000; i++) {
        const bytes = randomBytes(32)
        assert.deepStrictEqual([bytes.length, bytes.buffer.byteLength], [32, 32])
        seen.add(bytes.toString())
      }
      assert.strictEqual(seen.size, 1000)
      assert.strictEqual(randomBytes(0).length, 0)
      assert.strictEqual(randomBytes(100_000).length, 100_000)
      assert.strictEqual(primitives.x25519.publicKey(randomBytes(32)).length, 32)
    }).pipe(Effect.provide(NodeCryptography.layer)),
  )
})

describe("the heap of libsodium", () => {
  it.effect("holds no key, no text and no shared secret once a call is over", () =>
    Effect.gen(function* () {
      const sodium = yield* Sodium.load
      const holds = (secret: Uint8Array): boolean =>
        Buffer.from(sodium.library.HEAPU8.buffer).includes(Buffer.from(secret))
      // To be sure that something there would be found.
      sodium.library.HEAPU8.set(bytesOf("mark", 32), sodium.area)
      assert.isTrue(holds(bytesOf("mark", 32)))

      const key = bytesOf("key", 32)
      const text = bytesOf("text", 100)
      const aead = SodiumAead.xchacha20Poly1305(sodium)
      const sealed = aead.seal(key, bytesOf("nonce", 24), none, text)
      assert.deepStrictEqual(aead.open(key, bytesOf("nonce", 24), none, sealed), text)
      assert.isUndefined(aead.open(key, bytesOf("nonce", 24), bytesOf("other", 1), sealed))

      const recordKey = bytesOf("record key", 32)
      const recordText = bytesOf("record text", 100)
      const cipher = SodiumRecordCipher.make(sodium)(recordKey)
      const record = new Uint8Array(116)
      cipher.seal(1, none, recordText, record, 0)
      assert.deepStrictEqual(cipher.open(1, none, record), recordText)
      assert.isUndefined(cipher.open(2, none, record))

      const seed = bytesOf("seed", 64)
      const entropy = bytesOf("entropy", 32)
      const kem = SodiumMlKem768.make(sodium)
      const { ciphertext, sharedSecret } = kem.encapsulate(kem.publicKey(seed), entropy)!
      assert.deepStrictEqual(kem.decapsulate(seed, ciphertext), sharedSecret)

      const secrets = { key, text, recordKey, recordText, seed: seed.subarray(0, 32), entropy, sharedSecret }
      for (const [name, secret] of Object.entries({ ...secrets, z: seed.subarray(32) })) {
        assert.isFalse(holds(secret), name)
      }
    }),
  )

  it.effect("may grow while ciphers are in use, and gives back what was lent", () =>
    Effect.gen(function* () {
      const sodium = yield* Sodium.load
      const aead = SodiumAead.chacha20Poly1305(sodium)
      const cipher = SodiumRecordCipher.make(sodium)(bytesOf("key", 32))
      const record = new Uint8Array(80)
      cipher.seal(1, none, bytesOf("text", 64), record, 0)

      const heap = sodium.library.HEAPU8
      const long = new Uint8Array(heap.length)
      const seal = (): Uint8Array => aead.seal(bytesOf("key", 32), new Uint8Array(12), none, long)
      const sealed = seal()
      assert.notStrictEqual(sodium.library.HEAPU8, heap)
      assert.deepStrictEqual(cipher.open(1, none, record), bytesOf("text", 64))
      assert.isTrue(Buffer.from(aead.open(bytesOf("key", 32), new Uint8Array(12), none, sealed)!).equals(long))

      const grown = sodium.library.HEAPU8.length
      for (let i = 0; i < 3; i++) seal()
      assert.strictEqual(sodium.library.HEAPU8.length, grown)
    }),
  )
})
