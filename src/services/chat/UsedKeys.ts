/**
 * The keys that conversations were opened with: with the same ones the counters would begin anew, and two different
 * records would have one nonce.
 */
import * as Effect from "effect/Effect"
import type { Keys } from "../../domain/record/SealedConversation.ts"

const used = new WeakSet<Uint8Array>()

/** Takes keys for a conversation; dies where they were taken before. */
export const use = ({ record }: Keys): Effect.Effect<void> =>
  Effect.suspend(() => {
    if (used.has(record.send)) return Effect.die(new Error("The keys of a chat are for one conversation"))
    used.add(record.send)
    return Effect.void
  })
