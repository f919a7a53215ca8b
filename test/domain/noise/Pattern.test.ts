import { assert, describe, it } from "@effect/vitest"
import * as Pattern from "../../../src/domain/noise/Pattern.ts"
import * as arbitraries from "../arbitraries.ts"
import { names } from "./handshakes.ts"

describe("the patterns", () => {
  it.each(names)("%s keeps to the rules of the specification (sections 7.1 to 7.3)", (name) => {
    const pattern = Pattern.parse(name)
    assert.isDefined(pattern)
    const has = { e: [false, false], s: [pattern!.known.initiator, pattern!.known.responder] }
    const mixed = new Set<string>()
    pattern!.messages.forEach((tokens, i) => {
      const writer = i % 2
      for (const token of tokens) {
        if (token === "e" || token === "s") {
          assert.isFalse(has[token][writer], "no key is sent twice, or sent where it is known")
          has[token][writer] = true
        } else {
          const [first, second] = [token[0], token[1]] as ["e" | "s", "e" | "s"]
          assert.isTrue(has[first][0] && has[second][1], `${token} is of keys that both have`)
          assert.isFalse(mixed.has(token), `${token} is mixed in once`)
          mixed.add(token)
        }
      }
      // Whoever has mixed in a static key of its own encrypts only after an ephemeral one with the same of the other's.
      const needed = writer === 0 ? { se: "ee", ss: "es" } : { es: "ee", ss: "se" }
      for (const [withStatic, withEphemeral] of Object.entries(needed)) {
        if (mixed.has(withStatic)) assert.isTrue(mixed.has(withEphemeral), `${withEphemeral} by message ${i + 1}`)
      }
    })
    assert.isFalse(pattern!.psk)
  })

  it("a modifier puts the pre-shared key before the first message, or behind the one it names", () => {
    assert.deepStrictEqual(Pattern.parse("IKpsk2")?.messages, [
      ["e", "es", "s", "ss"],
      ["e", "ee", "se", "psk"],
    ])
    assert.deepStrictEqual(Pattern.parse("XXpsk0+psk3")?.messages, [
      ["psk", "e"],
      ["e", "ee", "s", "es"],
      ["s", "se", "psk"],
    ])
    assert.deepStrictEqual(Pattern.parse("NNpsk0+psk1")?.messages[0], ["psk", "e", "psk"])
    assert.isTrue(Pattern.parse("IKpsk2")?.psk)
  })

  it.each([
    "",
    "QQ",
    "ik",
    "XXX",
    "IKpsk",
    "IKpsk3",
    "Npsk2",
    "XXpsk1+psk1",
    "XXpsk3+psk0",
    "XXpsk0+",
    "XXpsk0psk1",
    "XXfallback",
    "XX ",
    "toString",
    "__proto__",
  ])("there is no pattern %j", (name) => {
    assert.isUndefined(Pattern.parse(name))
  })

  it.prop(
    "a name that isn't one is no pattern, and nothing throws",
    [arbitraries.text],
    ([text]) => {
      const pattern = Pattern.parse(text)
      assert.isTrue(pattern === undefined || pattern.name === text)
    },
    { arbitrary: { runs: 500, size: 40 } },
  )
})
