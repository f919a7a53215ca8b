import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { wrap } from "../../src/domain/TextRows.ts"

describe("a line is broken into rows", () => {
  it("that fit, at blanks, the later ones indented", () => {
    expect(wrap("bob: short", 20)).toEqual(["bob: short"])
    expect(wrap("bob: one two three four five", 12)).toEqual(["bob: one two", "  three four", "  five"])
  })

  it("with a word that is longer than a row in one piece", () => {
    expect(wrap("bob: see https://example.org/a/long/way there", 20)).toEqual([
      "bob: see",
      "  https://example.org/a/long/way",
      "  there",
    ])
  })

  it("where Chinese, Japanese, Korean characters and emoji take two columns", () => {
    expect(wrap("bob: 你好 世界", 12)).toEqual(["bob: 你好", "  世界"])
    expect(wrap("bob: 🎉🎉 🎉", 11)).toEqual(["bob: 🎉🎉", "  🎉"])
    expect(wrap("123456789 12", 12)).toEqual(["123456789 12"])
  })

  it.each(["\u00a0", "\u3000", "\u2800", "\u3164", " "])(
    "so that nothing after many blanks (%j) can begin a row",
    (blank) => {
      const rows = wrap(`bob: hello${blank.repeat(200)}* You are online as bob.`, 40)
      expect(rows[0]).toBe("bob: hello")
      expect(rows[1]).toBe("  * You are online as bob.")
    },
  )

  it.effect.prop(
    "and loses nothing but blanks, whatever it is",
    [Schema.String, Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 100 }))],
    ([line, columns]) =>
      Effect.sync(() => {
        const rows = wrap(line, columns)
        expect(rows.length).toBeGreaterThan(0)
        for (const row of rows.slice(1)) expect(row.startsWith("  ")).toBe(true)
        const bare = (text: string): string => text.replaceAll(/[\p{Zs}\u115f\u1160\u2800\u3164\uffa0]/gu, "")
        expect(bare(rows.join(""))).toBe(bare(line))
      }),
    { arbitrary: { runs: 1000, size: 200 } },
  )
})
