/**
 * What has come of verifying by voice in a chat, for one reader.
 */
import * as Effect from "effect/Effect"
import * as ShortString from "../../domain/verify/ShortString.ts"
import type { ChatEnded } from "./ChatSession.ts"
import { LazyLatch } from "../LazyLatch.ts"
import type { WordList } from "../WordList.ts"

/** What came of verifying by voice: the same on both sides, or something to compare that never came. */
export type Verification =
  | {
      readonly _tag: "Compare"
      /** Three. */
      readonly words: ReadonlyArray<string>
      /** The same as ten decimal digits. */
      readonly digits: string
    }
  | { readonly _tag: "Failed"; readonly why: ShortString.Failure }

/** How many outcomes may wait for their reader; more are dropped. */
const most = 16

/** What is to be compared, as a number, or why there is nothing. */
type Outcome = number | ShortString.Failure

const none: ReadonlyArray<Outcome> = []

export class Verifications {
  private outcomes = none
  private ended: ChatEnded | undefined
  private readonly there = new LazyLatch(false)

  offer(outcome: Outcome): void {
    if (this.outcomes.length < most) this.outcomes = [...this.outcomes, outcome]
    this.there.openUnsafe()
  }

  /** There will be no more. */
  end(error: ChatEnded): void {
    this.ended ??= error
    this.there.openUnsafe()
  }

  /** Waits for the next one; fails when the chat has ended and none is left. */
  next(wordList: WordList["Service"]): Effect.Effect<Verification, ChatEnded> {
    return Effect.flatMap(this.take(), (outcome) =>
      typeof outcome === "string"
        ? Effect.succeed<Verification>({ _tag: "Failed", why: outcome })
        : Effect.map(wordList.words, (list): Verification => ({
            _tag: "Compare",
            words: ShortString.indices(outcome).map((index) => list[index] ?? ""),
            digits: ShortString.digits(outcome),
          })),
    )
  }

  private take(): Effect.Effect<Outcome, ChatEnded> {
    return Effect.suspend(() => {
      const [first, ...others] = this.outcomes
      if (first !== undefined) {
        this.outcomes = others
        return Effect.succeed(first)
      }
      if (this.ended !== undefined) return Effect.fail(this.ended)
      this.there.closeUnsafe()
      return Effect.andThen(this.there.await, this.take())
    })
  }
}
