/** Project Wycheproof's vectors of the primitives: edge cases that implementations got wrong. */
import { assert, it } from "@effect/vitest"
import * as hex from "../domain/crypto/hex.ts"
import { primitives } from "../domain/crypto/primitives.ts"
import * as thirdParty from "./thirdParty.ts"

interface Test {
  readonly tcId: number
  readonly comment: string
  readonly flags: ReadonlyArray<string>
  readonly result: "valid" | "invalid" | "acceptable"
}

interface File<Group> {
  readonly numberOfTests: number
  readonly testGroups: ReadonlyArray<Group>
}

const say = (test: Test): string => `${test.tcId}: ${test.comment} [${test.flags.join()}]`

interface AeadGroup {
  readonly ivSize: number
  readonly tests: ReadonlyArray<Test & Readonly<Record<"key" | "iv" | "aad" | "msg" | "ct" | "tag", string>>>
}

thirdParty.describeFile<File<AeadGroup>>("wycheproof-chacha20_poly1305.json", (file, executed) => {
  const { open, seal } = primitives.chacha20Poly1305

  it.each(file.testGroups)("a nonce of $ivSize bits: what is sealed, and what is opened or refused", (group) => {
    for (const test of group.tests) {
      const [key, iv, aad, msg] = [test.key, test.iv, test.aad, test.msg].map(hex.bytes) as [
        Uint8Array,
        Uint8Array,
        Uint8Array,
        Uint8Array,
      ]
      const sealed = test.ct + test.tag
      if (test.result === "valid") {
        assert.strictEqual(hex.text(seal(key, iv, aad, msg)), sealed, say(test))
        assert.strictEqual(hex.text(open(key, iv, aad, hex.bytes(sealed))), test.msg, say(test))
      } else {
        assert.isUndefined(open(key, iv, aad, hex.bytes(sealed)), say(test))
        if (group.ivSize !== 96) assert.throws(() => seal(key, iv, aad, msg), RangeError)
      }
      executed()
    }
  })
})

interface EddsaGroup {
  readonly publicKey: { readonly pk: string }
  readonly tests: ReadonlyArray<Test & Readonly<Record<"msg" | "sig", string>>>
}

thirdParty.describeFile<File<EddsaGroup>>("wycheproof-ed25519.json", (file, executed) => {
  it("every signature is taken or refused as it should be", () => {
    for (const group of file.testGroups) {
      const publicKey = hex.bytes(group.publicKey.pk)
      for (const test of group.tests) {
        assert.notStrictEqual(test.result, "acceptable")
        assert.strictEqual(
          primitives.ed25519.verify(publicKey, hex.bytes(test.msg), hex.bytes(test.sig)),
          test.result === "valid",
          say(test),
        )
        executed()
      }
    }
  })
})

interface XdhGroup {
  readonly tests: ReadonlyArray<Test & Readonly<Record<"public" | "private" | "shared", string>>>
}

thirdParty.describeFile<File<XdhGroup>>("wycheproof-x25519.json", (file, executed) => {
  it("every exchange gives its secret, and none where that would be zero", () => {
    for (const { tests } of file.testGroups) {
      for (const test of tests) {
        // Those called acceptable are of points on the twist or written in a second way, which RFC 7748 takes; or they
        // come to zero, which Noise refuses.
        assert.notStrictEqual(test.result, "invalid")
        const zero = test.flags.includes("ZeroSharedSecret")
        assert.strictEqual(zero, /^0+$/.test(test.shared), say(test))
        assert.strictEqual(
          hex.text(primitives.x25519.sharedSecret(hex.bytes(test.private), hex.bytes(test.public))),
          zero ? undefined : test.shared,
          say(test),
        )
        executed()
      }
    }
  })
})
