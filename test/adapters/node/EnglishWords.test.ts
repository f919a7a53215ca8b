import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as EnglishWords from "nomitm/adapters/node/EnglishWords"
import { WordList } from "nomitm/services/WordList"
import { bytesOf } from "../../domain/crypto/primitives.ts"

const withWords = <A, E>(use: (words: WordList["Service"]) => Effect.Effect<A, E>) =>
  Effect.provide(Effect.flatMap(WordList, use), EnglishWords.layer)

/** Of the reference implementation of BIP 39 (its file vectors.json). */
const known = [
  ["00".repeat(32), `${"abandon ".repeat(23)}art`],
  ["ff".repeat(32), `${"zoo ".repeat(23)}vote`],
  [
    "7f".repeat(32),
    `${"legal winner thank year wave sausage worth useful ".repeat(3).trim().split(" ").slice(0, 23).join(" ")} title`,
  ],
] as const

describe("recovery words", () => {
  it.effect("are those of BIP 39", () =>
    withWords(({ wordsOf, seedOf }) =>
      Effect.gen(function* () {
        for (const [seed, words] of known) {
          assert.strictEqual((yield* wordsOf(Buffer.from(seed, "hex"))).join(" "), words)
          assert.strictEqual(Buffer.from(yield* seedOf(words.split(" "))).toString("hex"), seed)
        }
      }),
    ),
  )

  it.effect("give the seed back, in whatever capitals they were written down", () =>
    withWords(({ wordsOf, seedOf }) =>
      Effect.gen(function* () {
        for (let i = 0; i < 20; i++) {
          const seed = bytesOf(`seed ${i}`, 32)
          const words = yield* wordsOf(seed)
          assert.lengthOf(words, 24)
          assert.deepStrictEqual(yield* seedOf(words.map((word) => ` ${word.toUpperCase()} `)), seed)
        }
      }),
    ),
  )

  it.effect("that are none say what is wrong with them", () =>
    withWords(({ wordsOf, seedOf }) =>
      Effect.gen(function* () {
        const words = yield* wordsOf(bytesOf("seed", 32))
        const reason = (words: ReadonlyArray<string>) => Effect.map(Effect.flip(seedOf(words)), ({ reason }) => reason)
        assert.deepStrictEqual(yield* reason(words.slice(1)), { _tag: "Count", count: 23 })
        assert.deepStrictEqual(yield* reason([]), { _tag: "Count", count: 0 })
        assert.deepStrictEqual(yield* reason(words.with(6, "hoppla")), { _tag: "UnknownWord", place: 7 })
        assert.deepStrictEqual(yield* reason(words.with(0, words[1]!).with(1, words[0]!)), { _tag: "Checksum" })
      }),
    ),
  )
})

it.effect("the list has 2,048 words, no two alike in their first four letters", () =>
  withWords(({ words }) =>
    Effect.map(words, (list) => {
      assert.lengthOf(list, 2048)
      assert.strictEqual(new Set(list.map((word) => word.slice(0, 4))).size, 2048)
    }),
  ),
)
