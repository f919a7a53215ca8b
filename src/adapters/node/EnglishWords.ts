/**
 * `WordList` with the English list of BIP 39, of `@scure/bip39`: loaded when it is first asked for, some 10 ms.
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { NotRecoveryWords, recoveryWords, WordList } from "../../services/WordList.ts"

const library = Effect.promise(async () => {
  const [bip39, { wordlist }] = await Promise.all([import("@scure/bip39"), import("@scure/bip39/wordlists/english.js")])
  return { ...bip39, wordlist }
})

const refuse = (reason: NotRecoveryWords["reason"]): Effect.Effect<never, NotRecoveryWords> =>
  Effect.fail(new NotRecoveryWords({ reason }))

const seedOf = Effect.fnUntraced(function* (words: ReadonlyArray<string>) {
  if (words.length !== recoveryWords) return yield* refuse({ _tag: "Count", count: words.length })
  const { mnemonicToEntropy, wordlist } = yield* library
  const typed = words.map((word) => word.trim().toLowerCase())
  const unknown = typed.findIndex((word) => !wordlist.includes(word))
  if (unknown >= 0) return yield* refuse({ _tag: "UnknownWord", place: unknown + 1 })
  return yield* Effect.try({
    try: () => mnemonicToEntropy(typed.join(" "), wordlist),
    catch: () => new NotRecoveryWords({ reason: { _tag: "Checksum" } }),
  })
})

export const layer: Layer.Layer<WordList> = Layer.succeed(
  WordList,
  WordList.of({
    words: Effect.map(library, ({ wordlist }) => wordlist),
    wordsOf: (seed) =>
      Effect.map(library, ({ entropyToMnemonic, wordlist }) => entropyToMnemonic(seed, wordlist).split(" ")),
    seedOf,
  }),
)
