import { assert, describe, it } from "@effect/vitest"
import * as Result from "effect/Result"
import * as ProfileFile from "../../../src/domain/profile/ProfileFile.ts"
import * as Bytes from "../../../src/domain/crypto/Bytes.ts"
import * as All from "../arbitraries.ts"
import { bytesOf, primitives } from "../crypto/primitives.ts"

const xchacha = primitives.xchacha20Poly1305
const seed = bytesOf("seed", 32)
const key = bytesOf("key", 32)
const nonce = bytesOf("nonce", 24)
const kdf = { ...ProfileFile.standardCost, salt: Bytes.toBase64Url(bytesOf("salt", 16)) }
const sealed = ProfileFile.seal(xchacha, key, kdf, nonce, seed)

const decoded = (text: string) => Result.getOrThrow(ProfileFile.decode(text))
const fails = (text: string) => Result.getOrThrow(Result.flip(ProfileFile.decode(text)))

describe("the identity file", () => {
  it("is read back as it was written, plain", () => {
    const text = ProfileFile.encode(ProfileFile.plain(seed))
    assert.match(text, /^\{"nomitm":"identity","version":1,"seed":"[\w-]{43}"\}\n$/)
    const file = decoded(text)
    assert.isFalse(ProfileFile.isSealed(file))
    if (!ProfileFile.isSealed(file)) assert.deepEqual(ProfileFile.plainSeed(file), seed)
  })

  it("is opened by the key that sealed it, and by no other", () => {
    const file = decoded(ProfileFile.encode(sealed))
    if (!ProfileFile.isSealed(file)) return assert.fail("not sealed")
    assert.deepEqual(ProfileFile.open(xchacha, key, file), seed)
    assert.isUndefined(ProfileFile.open(xchacha, bytesOf("another key", 32), file))
    assert.notInclude(ProfileFile.encode(sealed), Bytes.toBase64Url(seed))
  })

  it("does not open with the parameters of another one", () => {
    for (const other of [{ passes: 1 }, { memoryKib: 8192 }, { salt: Bytes.toBase64Url(bytesOf("other", 16)) }]) {
      assert.isUndefined(ProfileFile.open(xchacha, key, { ...sealed, kdf: { ...kdf, ...other } }))
    }
  })

  it.each([
    { memoryKib: 4 * 1024 * 1024 },
    { memoryKib: 256 * 1024 + 1 },
    { memoryKib: 1024 },
    { memoryKib: 65536.5 },
    { memoryKib: -1 },
    { memoryKib: "65536" },
    { passes: 0 },
    { passes: 11 },
    { passes: 1e9 },
    { passes: null },
    { salt: "" },
    { salt: "A".repeat(24) },
    { name: "argon2d" },
    { name: "pbkdf2" },
  ])("that asks for too much, or too little, is refused before anything is done: %j", (hostile) => {
    const text = JSON.stringify({ nomitm: "identity", version: 1, ...sealed, kdf: { ...kdf, ...hostile } })
    assert.strictEqual(fails(text), "NotThis")
  })

  it("of a later version is told from one that is damaged", () => {
    assert.strictEqual(fails(`{"nomitm":"identity","version":2,"seed":7}`), "TooNew")
    for (const text of [
      "",
      "{}",
      "[]",
      "null",
      `{"nomitm":"identity","version":1}`,
      `{"nomitm":"contacts","version":2}`,
    ]) {
      assert.strictEqual(fails(text), "NotThis")
    }
    assert.strictEqual(fails(`{"nomitm":"identity","version":0,"seed":"${Bytes.toBase64Url(seed)}"}`), "NotThis")
    assert.strictEqual(fails(" ".repeat(ProfileFile.maxBytes + 1)), "TooLarge")
    assert.strictEqual(fails("[".repeat(ProfileFile.maxBytes)), "NotThis")
  })

  it("cut off anywhere is damaged", () => {
    const text = ProfileFile.encode(sealed)
    for (let length = 0; length < text.trimEnd().length; length++) fails(text.slice(0, length))
  })

  it.prop("is no other text", [All.text], ([text]) => void fails(text), { arbitrary: { runs: 300, size: 60 } })
})

describe("a passphrase", () => {
  const bytes = ProfileFile.passphraseBytes
  it("is the same from every keyboard", () => {
    assert.deepEqual(bytes("e\u0301t\u00e9"), bytes("\u00e9te\u0301"))
    assert.notDeepEqual(bytes("a"), bytes("A"))
  })
  it("has at least one byte and at most 1,024", () => {
    assert.isTrue(Result.isSuccess(bytes("x".repeat(1024))))
    assert.deepEqual(Result.flip(bytes("")), Result.succeed("Empty" as const))
    for (const long of ["x".repeat(1025), "é".repeat(513), "x".repeat(1e6)]) {
      assert.deepEqual(Result.flip(bytes(long)), Result.succeed("TooLong" as const))
    }
  })
})
