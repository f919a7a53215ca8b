/** The primitives as any implementation must have them; how Node's is made is tested in `test/adapters/node`. */
import * as Crypto from "node:crypto"
import { assert, describe, it } from "@effect/vitest"
import { ml_kem768 } from "@noble/post-quantum/ml-kem.js"
import * as Bytes from "../../../src/domain/crypto/Bytes.ts"
import type { Aead } from "../../../src/domain/crypto/Primitives.ts"
import * as arbitraries from "../arbitraries.ts"
import * as hex from "./hex.ts"
import { bytesOf, primitives } from "./primitives.ts"

const { chacha20Poly1305, ed25519, mlKem768, recordCipher, x25519, xchacha20Poly1305 } = primitives
const none = new Uint8Array(0)

describe("SHA-256 and HMAC", () => {
  it("give what FIPS 180-2 and RFC 4231 (cases 1, 2, 3 and 6) say", () => {
    assert.strictEqual(
      hex.text(primitives.sha256(Bytes.ofText("abc"))),
      "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
    )
    const hmac = (key: Uint8Array, data: Uint8Array): string | undefined => hex.text(primitives.hmacSha256(key, data))
    assert.strictEqual(
      hmac(new Uint8Array(20).fill(0x0b), Bytes.ofText("Hi There")),
      "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7",
    )
    assert.strictEqual(
      hmac(Bytes.ofText("Jefe"), Bytes.ofText("what do ya want for nothing?")),
      "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
    )
    assert.strictEqual(
      hmac(new Uint8Array(20).fill(0xaa), new Uint8Array(50).fill(0xdd)),
      "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe",
    )
    assert.strictEqual(
      hmac(new Uint8Array(131).fill(0xaa), Bytes.ofText("Test Using Larger Than Block-Size Key - Hash Key First")),
      "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
    )
  })

  it("keys of every length about that of a block are those of Node's own HMAC", () => {
    for (const length of [0, 1, 31, 32, 63, 64, 65, 200]) {
      const key = bytesOf("key", length)
      const expected = Crypto.createHmac("sha256", key).update("data").digest("hex")
      assert.strictEqual(hex.text(primitives.hmacSha256(key, Bytes.ofText("data"))), expected)
    }
  })
})

/** All points of low order, and the ways to write them (2^255 - 19 is p): 0, 1, two of order 8, p - 1, p, p + 1. */
const lowOrder = [
  "0000000000000000000000000000000000000000000000000000000000000000",
  "0100000000000000000000000000000000000000000000000000000000000000",
  "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
  "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
  "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
  "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
  "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
].map(hex.bytes)

describe("X25519", () => {
  it("gives what RFC 7748 says (sections 5.2 and 6.1)", () => {
    const exchange = (secret: string, key: string): string | undefined =>
      hex.text(x25519.sharedSecret(hex.bytes(secret), hex.bytes(key)))
    assert.strictEqual(
      exchange(
        "a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4",
        "e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c",
      ),
      "c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552",
    )
    assert.strictEqual(
      exchange(
        "4b66e9d4d1b4673c5ad22691957d6af5c11b6421e0ea01d42ca4169e7918ba0d",
        "e5210f12786811d3f4b7959d0538ae2c31dbe7106fc03c3efc4cd549c715a493",
      ),
      "95cbde9476e8907d7aade45cb4b873f88b595a68799fa152e6f8f7647aac7957",
    )
    const alice = hex.bytes("77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a")
    const bob = hex.bytes("5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb")
    const shared = "4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742"
    assert.strictEqual(
      hex.text(x25519.publicKey(alice)),
      "8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a",
    )
    assert.strictEqual(
      hex.text(x25519.publicKey(bob)),
      "de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f",
    )
    assert.strictEqual(hex.text(x25519.sharedSecret(alice, x25519.publicKey(bob))), shared)
    assert.strictEqual(hex.text(x25519.sharedSecret(bob, x25519.publicKey(alice))), shared)
  })

  it("has no secret with a point of low order, however that is written", () => {
    for (const point of lowOrder) {
      const other = Uint8Array.from(point)
      other[31]! |= 0x80
      for (const label of ["a", "b", "c"]) {
        assert.isUndefined(x25519.sharedSecret(bytesOf(label, 32), point))
        assert.isUndefined(x25519.sharedSecret(bytesOf(label, 32), other))
      }
    }
  })

  it("has no secret with a key of another length", () => {
    for (const length of [0, 31, 33, 64])
      assert.isUndefined(x25519.sharedSecret(bytesOf("a", 32), bytesOf("b", length)))
    assert.throws(() => x25519.publicKey(bytesOf("a", 31)), RangeError)
  })

  it("other bytes in the same array are another key", () => {
    const secret = bytesOf("a", 32)
    const first = x25519.publicKey(secret)
    secret.set(bytesOf("b", 32))
    assert.deepStrictEqual(x25519.publicKey(secret), x25519.publicKey(bytesOf("b", 32)))
    secret.set(bytesOf("a", 32))
    assert.deepStrictEqual(x25519.publicKey(secret), first)
  })
})

/** All points of small order of edwards25519, without the sign of x: y is 0, 1, two of order 8, -1; then 0 and 1 plus p. */
const smallOrder = [
  "0000000000000000000000000000000000000000000000000000000000000000",
  "0100000000000000000000000000000000000000000000000000000000000000",
  "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
  "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
  "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
  "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
  "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
].map(hex.bytes)

describe("Ed25519", () => {
  it("gives what RFC 8032 says (section 7.1, tests 1 to 3)", () => {
    for (const [seed, key, message, signature] of [
      [
        "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "",
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
      ],
      [
        "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        "72",
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
      ],
      [
        "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
        "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
        "af82",
        "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
      ],
    ].map((row) => row.map(hex.bytes)) as Array<[Uint8Array, Uint8Array, Uint8Array, Uint8Array]>) {
      assert.deepStrictEqual(ed25519.publicKey(seed), key)
      assert.deepStrictEqual(ed25519.sign(seed, message), signature)
      assert.isTrue(ed25519.verify(key, message, signature))
    }
  })

  it("any bit changed, of key, message or signature, and it doesn't verify", () => {
    const seed = bytesOf("seed", 32)
    const parts = [ed25519.publicKey(seed), bytesOf("message", 20), ed25519.sign(seed, bytesOf("message", 20))] as const
    assert.isTrue(ed25519.verify(...parts))
    for (const part of parts) {
      for (let bit = 0; bit < part.length * 8; bit++) {
        part[bit >> 3]! ^= 1 << (bit & 7)
        assert.isFalse(ed25519.verify(...parts))
        part[bit >> 3]! ^= 1 << (bit & 7)
      }
    }
  })

  it("no key of small order is taken, for which anybody can sign", () => {
    // With the neutral element as key, R = B and S = 1 solve the equation for every message; with the others they, or
    // R = 0 and S = 0, do for one in a few.
    const one = "01".padEnd(64, "0")
    const signatures = [`58${"66".repeat(31)}${one}`, one + "00".repeat(32)].map(hex.bytes)
    for (const key of smallOrder) {
      const other = Uint8Array.from(key)
      other[31]! |= 0x80
      for (const signature of signatures) {
        for (const label of "abcdefghijklmnop") {
          assert.isFalse(ed25519.verify(key, Bytes.ofText(label), signature))
          assert.isFalse(ed25519.verify(other, Bytes.ofText(label), signature))
        }
      }
    }
  })

  it.prop(
    "verify is false, and doesn't throw, whatever key and signature are",
    [arbitraries.bytes, arbitraries.bytes, arbitraries.bytes],
    ([key, message, signature]) => {
      assert.isFalse(ed25519.verify(key, message, signature))
      assert.isFalse(ed25519.verify(bytesOf("key", 32), message, bytesOf("signature", 64)))
    },
    { arbitrary: { runs: 100 } },
  )
})

describe.each([
  ["ChaCha20-Poly1305", chacha20Poly1305, 12],
  ["XChaCha20-Poly1305", xchacha20Poly1305, 24],
] as Array<[string, Aead, number]>)("%s", (_, aead, nonceBytes) => {
  const key = bytesOf("key", 32)
  const nonce = bytesOf("nonce", nonceBytes)

  it.prop(
    "opens what was sealed, whatever it is, and gives memory of its own",
    [arbitraries.bytes, arbitraries.bytes],
    ([associated, text]) => {
      const sealed = aead.seal(key, nonce, associated, text)
      assert.strictEqual(sealed.length, text.length + 16)
      const opened = aead.open(key, nonce, associated, sealed)
      assert.deepStrictEqual(opened, Uint8Array.from(text))
      assert.strictEqual(opened?.buffer.byteLength, text.length)
    },
    { arbitrary: { runs: 200 } },
  )

  it("any bit changed, of key, nonce, associated data or text, and it doesn't open", () => {
    const associated = bytesOf("associated", 16)
    const sealed = aead.seal(key, nonce, associated, bytesOf("text", 30))
    const parts = [key, nonce, associated, sealed].map((part) => Uint8Array.from(part)) as [
      Uint8Array,
      Uint8Array,
      Uint8Array,
      Uint8Array,
    ]
    for (const part of parts) {
      for (let bit = 0; bit < part.length * 8; bit++) {
        part[bit >> 3]! ^= 1 << (bit & 7)
        assert.isUndefined(aead.open(...parts))
        part[bit >> 3]! ^= 1 << (bit & 7)
      }
    }
    assert.deepStrictEqual(aead.open(...parts), bytesOf("text", 30))
  })

  it("shorter, longer or of other lengths, and it doesn't open", () => {
    const sealed = aead.seal(key, nonce, none, bytesOf("text", 30))
    for (let length = 0; length < sealed.length; length++) {
      assert.isUndefined(aead.open(key, nonce, none, sealed.subarray(0, length)))
    }
    assert.isUndefined(aead.open(key, nonce, none, Bytes.concat(sealed, Uint8Array.of(0))))
    assert.isUndefined(aead.open(key.subarray(1), nonce, none, sealed))
    assert.isUndefined(aead.open(key, nonce.subarray(1), none, sealed))
    assert.throws(() => aead.seal(key.subarray(1), nonce, none, none), RangeError)
    assert.throws(() => aead.seal(key, nonce.subarray(1), none, none), RangeError)
  })

  it("two megabytes are sealed and opened as a few bytes are", () => {
    const text = bytesOf("text", 1000)
    const long = new Uint8Array(2_000_000)
    for (let at = 0; at < long.length; at += text.length) long.set(text, at)
    assert.isTrue(Bytes.equals(aead.open(key, nonce, long, aead.seal(key, nonce, long, long))!, long))
  })
})

describe("the vectors of the ciphers' documents", () => {
  const text = Bytes.ofText(
    "Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, sunscreen would be it.",
  )
  const key = hex.bytes("808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f")
  const associated = hex.bytes("50515253c0c1c2c3c4c5c6c7")

  it("ChaCha20-Poly1305: RFC 8439, section 2.8.2", () => {
    assert.strictEqual(
      hex.text(chacha20Poly1305.seal(key, hex.bytes("070000004041424344454647"), associated, text)),
      "d31a8d34648e60db7b86afbc53ef7ec2a4aded51296e08fea9e2b5a736ee62d63dbea45e8ca9671282fafb69da92728b1a71de0a9e06" +
        "0b2905d6a5b67ecd3b3692ddbd7f2d778b8c9803aee328091b58fab324e4fad675945585808b4831d7bc3ff4def08e4b7a9de576d265" +
        "86cec64b61161ae10b594f09e26a7e902ecbd0600691",
    )
  })

  it("XChaCha20-Poly1305: draft-irtf-cfrg-xchacha-03, appendix A.3.1", () => {
    const nonce = hex.bytes("404142434445464748494a4b4c4d4e4f5051525354555657")
    assert.strictEqual(
      hex.text(xchacha20Poly1305.seal(key, nonce, associated, text)),
      "bd6d179d3e83d43b9576579493c0e939572a1700252bfaccbed2902c21396cbb731c7f1b0b4aa6440bf3a82f4eda7e39ae64c6708c54" +
        "c216cb96b72e1213b4522f8c9ba40db5d945b11b69b982c1bb9e3f3fac2bc369488f76b2383565d3fff921f9664c97637da9768812f6" +
        "15c68b13b52ec0875924c1c7987947deafd8780acf49",
    )
  })
})

describe("the cipher of records", () => {
  const key = bytesOf("key", 32)
  /** The nonce of Noise: four zero bytes and the counter, little-endian. */
  const nonceOf = (counter: number): Uint8Array => {
    const nonce = new Uint8Array(12)
    new DataView(nonce.buffer).setBigUint64(4, BigInt(counter), true)
    return nonce
  }
  const seal = (cipher: ReturnType<typeof recordCipher>, counter: number, associated: Uint8Array, text: Uint8Array) => {
    const sealed = new Uint8Array(text.length + 16)
    cipher.seal(counter, associated, text, sealed, 0)
    return sealed
  }

  const flipped = (sealed: Uint8Array): Uint8Array => {
    const changed = Uint8Array.from(sealed)
    changed[0]! ^= 1
    return changed
  }

  it("is ChaCha20-Poly1305 with the counter as nonce, up to the last counter", () => {
    const cipher = recordCipher(key)
    for (const counter of [0, 1, 255, 256, 2 ** 31, 2 ** 32 - 1, 2 ** 32, 2 ** 48, 2 ** 53 - 1]) {
      for (const length of [0, 1, 64, 1200, 65_519, 200_000]) {
        const associated = bytesOf("associated", length % 33)
        const text = new Uint8Array(length).fill(length)
        const sealed = seal(cipher, counter, associated, text)
        assert.isTrue(Bytes.equals(sealed, chacha20Poly1305.seal(key, nonceOf(counter), associated, text)))
        assert.isTrue(Bytes.equals(cipher.open(counter, associated, sealed)!, text))
      }
    }
  })

  it("any bit changed, or another counter, and it doesn't open", () => {
    const cipher = recordCipher(key)
    const associated = bytesOf("associated", 16)
    const sealed = seal(cipher, 7, associated, bytesOf("text", 64))
    for (const part of [associated, sealed]) {
      for (let bit = 0; bit < part.length * 8; bit++) {
        part[bit >> 3]! ^= 1 << (bit & 7)
        assert.isUndefined(cipher.open(7, associated, sealed))
        part[bit >> 3]! ^= 1 << (bit & 7)
      }
    }
    for (let bit = 0; bit < 53; bit++) {
      const other = Number(7n ^ (1n << BigInt(bit)))
      assert.isUndefined(cipher.open(other, associated, sealed), `${other}`)
    }
    for (let length = 0; length < sealed.length; length++) {
      assert.isUndefined(cipher.open(7, associated, sealed.subarray(0, length)))
    }
    assert.deepStrictEqual(cipher.open(7, associated, sealed), bytesOf("text", 64))
  })

  it("writes into the middle of a datagram and touches nothing else of it", () => {
    const datagram = new Uint8Array(100).fill(0xee)
    recordCipher(key).seal(3, none, bytesOf("text", 20), datagram, 16)
    assert.deepStrictEqual(datagram.subarray(0, 16), new Uint8Array(16).fill(0xee))
    assert.deepStrictEqual(datagram.subarray(52), new Uint8Array(48).fill(0xee))
    assert.deepStrictEqual(recordCipher(key).open(3, none, datagram.subarray(16, 52)), bytesOf("text", 20))
  })

  it("opens into the middle of a buffer and touches nothing else of it, and nothing at all if it doesn't open", () => {
    const cipher = recordCipher(key)
    for (const length of [0, 20, 100_000]) {
      const text = new Uint8Array(length).fill(7)
      const sealed = seal(cipher, 3, none, text)
      const buffer = new Uint8Array(length + 32).fill(0xee)
      for (const forged of [sealed.subarray(1), flipped(sealed), none]) {
        assert.isFalse(cipher.openInto(3, forged, 0, buffer, 16))
        assert.isTrue(buffer.every((byte) => byte === 0xee))
      }
      assert.isTrue(cipher.openInto(3, sealed, 0, buffer, 16))
      const around = new Uint8Array(16).fill(0xee)
      assert.isTrue(Bytes.equals(buffer, Bytes.concat(around, text, around)))
      // With what is in front of it authenticated, too.
      const header = bytesOf("header", 16)
      const record = Bytes.concat(header, seal(cipher, 4, header, text))
      assert.isFalse(cipher.openInto(4, flipped(record), 16, buffer, 16))
      assert.isFalse(cipher.openInto(4, record.with(0, record[0]! ^ 1), 16, buffer, 16))
      assert.isTrue(cipher.openInto(4, record, 16, buffer, 16))
    }
  })

  it("five thousand of them, used in turn, don't mix up their keys, and keep theirs if the caller's array changes", () => {
    const ciphers = Array.from({ length: 5000 }, (_, i) => {
      const key = bytesOf(`key ${i}`, 32)
      const cipher = recordCipher(key)
      key.fill(0)
      return cipher
    })
    const sealed = ciphers.map((cipher, i) => seal(cipher, i, none, Bytes.u64(i)))
    ciphers.forEach((cipher, i) => {
      assert.deepStrictEqual(cipher.open(i, none, sealed[i]!), Bytes.u64(i))
      assert.isUndefined(
        cipher.open(i, none, chacha20Poly1305.seal(bytesOf(`key ${i + 1}`, 32), nonceOf(i), none, none)),
      )
    })
  })
})

describe("ML-KEM-768", () => {
  const seed = bytesOf("seed", 64)
  const publicKey = mlKem768.publicKey(seed)

  it("makes the keys, ciphertexts and secrets that another implementation makes", () => {
    for (let i = 0; i < 20; i++) {
      const seed = bytesOf(`seed ${i}`, 64)
      const entropy = bytesOf(`entropy ${i}`, 32)
      const theirs = ml_kem768.keygen(seed)
      assert.isTrue(Bytes.equals(mlKem768.publicKey(seed), theirs.publicKey))
      const expected = ml_kem768.encapsulate(theirs.publicKey, entropy)
      const encapsulated = mlKem768.encapsulate(theirs.publicKey, entropy)
      assert.isTrue(Bytes.equals(encapsulated!.ciphertext, expected.cipherText))
      assert.isTrue(Bytes.equals(encapsulated!.sharedSecret, expected.sharedSecret))
      assert.deepStrictEqual(mlKem768.decapsulate(seed, expected.cipherText), encapsulated!.sharedSecret)
    }
  })

  it("agrees with Node's own", () => {
    const privateKey = Crypto.createPrivateKey({
      key: Buffer.from(seed),
      format: "raw-seed",
      asymmetricKeyType: "ml-kem-768",
    })
    const raw = Crypto.createPublicKey(privateKey).export({ format: "raw-public" })
    assert.isTrue(Bytes.equals(raw, publicKey))
    const { ciphertext, sharedKey } = Crypto.encapsulate(Crypto.createPublicKey(privateKey))
    assert.isTrue(Bytes.equals(mlKem768.decapsulate(seed, ciphertext)!, sharedKey))
  })

  it("a ciphertext with any byte changed gives the secret of implicit rejection, as elsewhere", () => {
    const { ciphertext, sharedSecret } = mlKem768.encapsulate(publicKey, bytesOf("entropy", 32))!
    const { secretKey } = ml_kem768.keygen(seed)
    for (let at = 0; at < ciphertext.length; at += 17) {
      const changed = Uint8Array.from(ciphertext)
      changed[at]! ^= 1 << (at % 8)
      const rejected = mlKem768.decapsulate(seed, changed)
      assert.notDeepEqual(rejected, sharedSecret)
      assert.isTrue(Bytes.equals(rejected!, ml_kem768.decapsulate(changed, secretKey)))
    }
  })

  it("a public key with any coefficient that is not below the modulus is refused (FIPS 203, section 7.2)", () => {
    const entropy = bytesOf("entropy", 32)
    // Two coefficients of 12 bits in three bytes, little-endian.
    const set = (key: Uint8Array, index: number, value: number): Uint8Array => {
      const changed = Uint8Array.from(key)
      const at = (index >> 1) * 3
      if (index % 2 === 0) {
        changed[at] = value & 0xff
        changed[at + 1] = (changed[at + 1]! & 0xf0) | (value >> 8)
      } else {
        changed[at + 1] = (changed[at + 1]! & 0x0f) | ((value & 0x0f) << 4)
        changed[at + 2] = value >> 4
      }
      return changed
    }
    for (let index = 0; index < 768; index++) {
      assert.isUndefined(mlKem768.encapsulate(set(publicKey, index, 3329), entropy), `coefficient ${index}`)
    }
    for (const index of [0, 1, 766, 767]) {
      assert.isUndefined(mlKem768.encapsulate(set(publicKey, index, 4095), entropy))
      assert.isDefined(mlKem768.encapsulate(set(publicKey, index, 3328), entropy))
      assert.isDefined(mlKem768.encapsulate(set(publicKey, index, 0), entropy))
    }
  })

  it("keys and ciphertexts of other lengths are refused", () => {
    const entropy = bytesOf("entropy", 32)
    for (const length of [0, 1, 1183, 1185, 1568]) {
      assert.isUndefined(mlKem768.encapsulate(new Uint8Array(length), entropy))
    }
    for (const length of [0, 1, 1087, 1089, 1568]) {
      assert.isUndefined(mlKem768.decapsulate(seed, new Uint8Array(length)))
    }
    assert.throws(() => mlKem768.publicKey(seed.subarray(1)), RangeError)
    assert.throws(() => mlKem768.decapsulate(seed.subarray(1), new Uint8Array(1088)), RangeError)
    assert.throws(() => mlKem768.encapsulate(publicKey, entropy.subarray(1)), RangeError)
  })

  it.prop(
    "whatever ciphertext comes, it has a secret and nothing throws",
    [arbitraries.bytes],
    ([bytes]) => {
      const ciphertext = new Uint8Array(1088)
      ciphertext.set(bytes.subarray(0, 1088))
      assert.strictEqual(mlKem768.decapsulate(seed, ciphertext)?.length, 32)
      const key = Uint8Array.from(publicKey)
      key.set(bytes.subarray(0, 1184))
      const encapsulated = mlKem768.encapsulate(key, bytesOf("entropy", 32))
      assert.isTrue(encapsulated === undefined || encapsulated.sharedSecret.length === 32)
    },
    { arbitrary: { runs: 100, size: 60 } },
  )
})
