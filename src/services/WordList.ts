/**
 * The words that people read to each other, and the seed as words to write down (BIP 39, English).
 *
 * Provided by `adapters/node/EnglishWords`. The list is loaded when it is first asked for.
 */
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"

/** How many recovery words a seed of 32 bytes has. */
export const recoveryWords = 24

/** Words that are no seed: what is wrong with them, as far as that can be told. */
export class NotRecoveryWords extends Schema.TaggedError<NotRecoveryWords>("nomitm/NotRecoveryWords")(
  "NotRecoveryWords",
  {
    reason: Schema.Union([
      Schema.TaggedStruct("Count", { count: Schema.Int }),
      /** The word at this place, from 1 on, is not in the list. */
      Schema.TaggedStruct("UnknownWord", { place: Schema.Int }),
      /** All are in the list, but at least one is another one than was written down, or they are in another order. */
      Schema.TaggedStruct("Checksum", {}),
    ]),
  },
) {
  override get message(): string {
    const { reason } = this
    switch (reason._tag) {
      case "Count":
        return `${reason.count} words; there are ${recoveryWords}`
      case "UnknownWord":
        return `Word ${reason.place} is not in the list: look at what you wrote down`
      case "Checksum":
        return "The words don't belong together: one is another than was written down, or their order is"
    }
  }
}

export class WordList extends Context.Service<
  WordList,
  {
    /** All 2,048, in their order. */
    readonly words: Effect.Effect<ReadonlyArray<string>>
    /**
     * The 24 words of a seed.
     *
     * @param seed 32 bytes
     */
    readonly wordsOf: (seed: Uint8Array) => Effect.Effect<ReadonlyArray<string>>
    /** The seed, 32 bytes, of its words, in capitals or not. */
    readonly seedOf: (words: ReadonlyArray<string>) => Effect.Effect<Uint8Array, NotRecoveryWords>
  }
>()("nomitm/services/WordList") {}
