import { assert, describe, it } from "@effect/vitest"
import * as Option from "effect/Option"
import * as PersonName from "../../src/domain/PersonName.ts"
import * as Username from "../../src/domain/Username.ts"
import * as arbitraries from "./arbitraries.ts"

describe("a name in nomitm/1", () => {
  it.each([
    "alice",
    "zoë",
    "o'brien",
    "x_1",
    "42",
    "☕",
    "straße",
    "аня",
    "ελένη",
    "σας",
    "יוסי",
    "สมชาย",
    "ⲁⲛⲟⲕ",
    // Scripts that are written together.
    "山田たろう",
    "ヤマダさん",
    "김철수金",
    "李ㄌㄧˇ",
    "カナー2",
    "a".repeat(32),
  ])("may be %s", (name) => assert.deepStrictEqual(PersonName.problem(name), Option.none()))

  it.each<readonly [string, string]>([
    ["Alice", "a capital"],
    ["ǅ", "a title case letter"],
    ["zoe\u0308", "not in normal form C"],
    ["\u212b", "the sign that normal form C makes a letter"],
    ["аlice", "a Cyrillic letter before Latin ones"],
    ["alicе", "a Cyrillic letter after Latin ones"],
    ["pαul", "a Greek letter among Latin ones"],
    ["ひかる김", "Hiragana with Hangul"],
    ["ㄅの", "Bopomofo with Hiragana"],
    ["al ice", "a blank"],
    ["a\u200blice", "an invisible character"],
    ["a\u202elice", "a bidi override"],
    ["", "nothing"],
    ["a".repeat(33), "33 characters"],
  ])("can't be %j: %s", (name) => assert.isTrue(Option.isSome(PersonName.problem(name))))

  it("needs no operation of the protocol to be forbidden: all are in capitals", () => {
    for (const word of ["OK", "ERROR", "PASS", "ENDED", "USER", "INCOMING", "ENDUSERS"]) {
      assert.isFalse(PersonName.isPersonName(word))
      assert.isTrue(PersonName.isPersonName(word.toLowerCase()))
    }
  })

  it("is what was typed, in lower case and normal form C", () => {
    assert.strictEqual(PersonName.fold("Zoe\u0308"), "zoë")
    assert.strictEqual(PersonName.fold("STRASSE"), "strasse")
    assert.strictEqual(PersonName.fold("alice"), "alice")
  })

  it.prop(
    "is a username too, and stays as it is when folded",
    [arbitraries.username],
    ([typed]) => {
      const folded = PersonName.fold(typed)
      assert.strictEqual(PersonName.fold(folded), folded)
      if (!PersonName.isPersonName(typed)) return
      assert.strictEqual(folded, typed)
      assert.isTrue(Username.isUsername(typed))
    },
    arbitraries.thorough,
  )

  it.prop(
    "is judged without throwing, whatever it is",
    [arbitraries.text],
    ([text]) => {
      assert.strictEqual(PersonName.isPersonName(text), Option.isNone(PersonName.problem(text)))
      PersonName.fold(text)
    },
    { arbitrary: { runs: 500 } },
  )
})
