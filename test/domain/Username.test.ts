import { assert, describe, it } from "@effect/vitest"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as Username from "../../src/domain/Username.ts"
import * as arbitraries from "./arbitraries.ts"

const problem = (name: string) => Option.getOrUndefined(Username.problem(name))

describe("a name", () => {
  it.each(["a", "alice", "Zoë", "李", "user-1_x.y", "\u{1f600}", "0", "OK", "ERROR", "port", "Startchat", "__proto__"])(
    "may be %s",
    (name) => {
      assert.isUndefined(problem(name))
      assert.deepStrictEqual(Option.getOrUndefined(Username.parse(name)), name)
    },
  )

  it("has 1 to 32 characters, an emoji being one", () => {
    assert.isUndefined(problem("x".repeat(32)))
    assert.isUndefined(problem("\u{1f600}".repeat(32)))
    assert.strictEqual(problem(""), "A name must not be empty.")
    assert.strictEqual(problem("x".repeat(33)), "A name has at most 32 characters.")
    assert.strictEqual(problem("\u{1f600}".repeat(33)), "A name has at most 32 characters.")
    assert.strictEqual(problem("x".repeat(1_000_000)), "A name has at most 32 characters.")
  })

  it.each([
    ["a blank", " "],
    ["a tab", "\t"],
    ["a line feed", "\n"],
    ["a carriage return", "\r"],
    ["NUL", "\0"],
    ["escape", "\u001b"],
    ["DEL", "\u007f"],
    ["a C1 control", "\u009b"],
    ["a no-break space", "\u00a0"],
    ["an ideographic space", "\u3000"],
    ["a line separator", "\u2028"],
    ["a zero-width space", "\u200b"],
    ["a zero-width joiner", "\u200d"],
    ["a bidi override", "\u202e"],
    ["a bidi isolate", "\u2066"],
    ["a byte order mark", "\ufeff"],
    ["a soft hyphen", "\u00ad"],
    ["a lone surrogate", "\ud800"],
    ["a private character", "\ue000"],
    ["an unassigned character", "\u{effff}"],
    ["a combining grapheme joiner", "\u034f"],
    ["a Hangul filler", "\u3164"],
    ["a variation selector", "\ufe0f"],
    ["a blank Braille pattern", "\u2800"],
  ])("has no blank, control or invisible character: %s", (_, character) => {
    for (const name of [character, `alice${character}`, `${character}alice`, `al${character}ice`]) {
      assert.strictEqual(problem(name), "A name must not contain blanks, control characters or invisible characters.")
    }
  })

  it.each(["PORT", "STARTCHAT", "STARTUSERS"])(
    "does not contain %s, which the older client takes for a command",
    (word) => {
      for (const name of [word, `x${word}`, `${word}x`, `x${word}x`]) {
        assert.strictEqual(problem(name), `A name must not contain ${word}: older clients take it for a command.`)
      }
    },
  )

  it("is not ENDUSERS, the end of the older client's list, but may contain it", () => {
    assert.strictEqual(problem("ENDUSERS"), "A name must not be ENDUSERS: it ends the list of users.")
    assert.isUndefined(problem("ENDUSERS1"))
  })

  it("is checked by its schema with the same words", () => {
    const decode = Schema.decodeUnknownSync(Username.Username)
    assert.strictEqual(decode("alice"), "alice")
    assert.throws(() => decode("two words"), /A name must not contain blanks/)
  })

  it.prop(
    "that is accepted stands as one word in a line, whatever it is made of",
    [arbitraries.text],
    ([text]) => {
      if (!Username.isUsername(text)) return
      assert.deepStrictEqual(`CHAT ${text} x`.split(/\s/u), ["CHAT", text, "x"])
      assert.strictEqual(new TextDecoder().decode(new TextEncoder().encode(text)), text)
      assert.notMatch(text, /[\p{Cc}\p{Cf}\p{Cs}]|PORT|STARTCHAT|STARTUSERS|^ENDUSERS$/u)
      assert.isAtMost([...text].length, 32)
    },
    { arbitrary: { runs: 5000, size: 4 } },
  )

  it.prop(
    "is accepted or has a problem said in a sentence",
    [arbitraries.text],
    ([text]) => {
      const said = problem(text)
      assert.strictEqual(said === undefined, Username.isUsername(text))
      if (said !== undefined) assert.match(said, /^A name .*\.$/)
    },
    arbitraries.thorough,
  )
})
