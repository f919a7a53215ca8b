import { assert, describe, it } from "@effect/vitest"
import * as PrintableText from "../../src/domain/PrintableText.ts"
import * as arbitraries from "./arbitraries.ts"

const { oneLine, lines, excerpt, json } = PrintableText

/** What a terminal would obey, or what hides or turns round what stands beside it. */
const dangerous =
  /[\0-\u001f\u007f-\u009f\u00ad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]|\p{Cs}/u

describe("text from elsewhere on a terminal", () => {
  it.each([
    ["clears the screen", "a\u001b[2Jb", "a[2Jb"],
    ["sets the title", "a\u001b]0;owned\u0007b", "a]0;ownedb"],
    ["moves the cursor", "a\u001b[1;1Hb", "a[1;1Hb"],
    ["uses the eight-bit escape", "a\u009b2Jb", "a2Jb"],
    ["rings the bell", "a\u0007b", "ab"],
    ["goes back over what stands there", "a\b\bb", "ab"],
    ["deletes", "a\u007fb", "ab"],
    ["ends at NUL", "a\0b", "ab"],
    ["shifts the character set", "a\u000e\u000fb", "ab"],
    ["turns what follows round", "a\u202eb\u202cc", "abc"],
    ["isolates a direction", "a\u2066b\u2069c", "abc"],
    ["marks a direction", "a\u200e\u200f\u061cb", "ab"],
    ["hides a character", "a\u200b\u2060\ufeffb", "ab"],
    ["hides a hyphen", "a\u00adb", "ab"],
    ["hides a tag", "a\u{e0041}\u{e0042}b", "ab"],
    ["annotates", "a\ufff9b\ufffac\ufffbd", "abcd"],
    ["has a private character", "a\ue000\u{f0000}b", "ab"],
    ["has half a character", "a\ud83db\ude00c", "abc"],
    ["has half a character that closes over what is removed", "a\ud83d\u200b\ude00b", "ab"],
  ])("never %s", (_, text, shown) => assert.strictEqual(oneLine(text), shown))

  it.each([
    "",
    "hello",
    "Zoë",
    "李",
    "עברית",
    "العربية",
    "e\u0301",
    "\u{1f600}",
    "❤️",
    "👩‍💻",
    "نمی‌خواهم",
    "<b>&amp;\\n",
  ])("stays as it is where it is harmless: %s", (text) => assert.strictEqual(oneLine(text), text))

  it("stays on one line: line breaks and tabs become blanks", () => {
    assert.strictEqual(oneLine("a\nb\r\nc\rd\te"), "a b c d e")
    assert.strictEqual(oneLine("a\u2028b\u2029c\u0085d"), "a b c d")
  })

  it("may be shown line by line", () => {
    assert.deepStrictEqual(lines("a\r\n\u001b[1mb\n\nc\td"), ["a", "[1mb", "", "c d"])
    assert.deepStrictEqual(lines(""), [""])
  })

  it.prop(
    "has nothing left that a terminal obeys or that hides",
    [arbitraries.text],
    ([text]) => {
      for (const shown of [oneLine(text), ...lines(text)]) {
        assert.notMatch(shown, dangerous)
        assert.isTrue(shown.isWellFormed())
        assert.isAtMost(shown.length, text.length)
      }
    },
    arbitraries.thorough,
  )

  it.prop(
    "is not changed again once it is safe",
    [arbitraries.text],
    ([text]) => {
      assert.strictEqual(oneLine(oneLine(text)), oneLine(text))
      assert.deepStrictEqual(lines(lines(text).join("\n")), lines(text))
    },
    arbitraries.thorough,
  )
})

describe("text from elsewhere in a line of JSON", () => {
  it("is escaped where it is not visible", () => {
    assert.strictEqual(
      json("a\u001b[2J\u009b\u202e\u2028\u007f\ud800b"),
      String.raw`"a\u001b[2J\u009b\u202e\u2028\u007f\ud800b"`,
    )
    assert.strictEqual(json("\u{f0000}\u{e0041}"), String.raw`"\udb80\udc00\udb40\udc41"`)
    assert.strictEqual(json({ event: "message", text: "Zoë \u{1f600}" }), '{"event":"message","text":"Zoë \u{1f600}"}')
  })

  it.prop(
    "is one line of visible characters, and read back it is the text unchanged",
    [arbitraries.text, arbitraries.text],
    ([from, text]) => {
      const value = { event: "message", from, text, list: [{ [`${from}!`]: text }] }
      const line = json(value)
      assert.notMatch(line, dangerous)
      assert.deepStrictEqual(JSON.parse(line), value)
    },
    arbitraries.thorough,
  )
})

describe("an excerpt", () => {
  it("is a short text whole, in quotes, and the beginning of a long one", () => {
    assert.strictEqual(excerpt("hello\nthere"), '"hello there"')
    assert.strictEqual(excerpt("x".repeat(40)), `"${"x".repeat(40)}"`)
    assert.strictEqual(excerpt("x".repeat(41)), `"${"x".repeat(40)}…"`)
  })
})
