/**
 * The chats that run, so that they go on: whose way through the server is lost, or whose keys are too old, gets another
 * call with the same person, which no phone rings for (PROTOCOL.md, section 15.4).
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Random from "effect/Random"
import * as Scope from "effect/Scope"
import * as Bytes from "../../domain/crypto/Bytes.ts"
import type { PersonId } from "../../domain/identity/PersonId.ts"
import * as Who from "../../domain/nomitm1/Who.ts"
import type { Way } from "../chat/ChatWay.ts"
import type { Chat } from "../chat/SealedChat.ts"
import type { SealedAgreement, SealedLink } from "../link/SealedLink.ts"
import { monotonicReader } from "../monotonic.ts"

export interface RunningChats {
  /** Keeps a chat going until the scope closes, which is to be the chat's. */
  readonly keep: (chatId: Uint8Array, with_: PersonId, chat: Chat) => Effect.Effect<void, never, Scope.Scope>
  /** Whether a chat of this person runs here. */
  readonly isResumable: (chatId: Uint8Array, by: PersonId) => "Known" | "Unknown"
  /** The other side goes on with a chat: so do we. What belongs to the agreement goes with `scope`. */
  readonly resume: (link: SealedLink, agreement: SealedAgreement, scope: Scope.Closeable) => Effect.Effect<void>
}

/** The pauses between attempts, in milliseconds: the last one again and again. A server takes ten calls a minute. */
const pauses: ReadonlyArray<number> = [500, 2000, 5000, 10_000, 20_000]

/** A way that was there for so long has held, in milliseconds: then the pauses begin anew. */
const heldMillis = 60_000

/**
 * Who has ended a chat knows it no more, and their last word may still be on its way: it goes by the path between both,
 * which can be slower than the one by the server. So long it is waited for.
 */
const lastWord = "1 second"

/** Waits before the next attempt. Both sides may try, and should not always do so at once. */
export const pause = (attempts: number): Effect.Effect<void> =>
  Effect.flatMap(Random.next, (chance) =>
    Effect.sleep(pauses[Math.min(attempts, pauses.length - 1)]! * (0.75 + 0.5 * chance)),
  )

/** @param link the one there is */
export const make = (
  link: () => SealedLink | undefined,
  wayOf: (link: SealedLink, agreement: SealedAgreement) => Way,
): RunningChats => {
  /** By whom they are with, too: who calls chooses the chat's id, and may choose that of another chat. */
  const running = new Map<string, Chat>()
  const keyOf = (chatId: Uint8Array, with_: PersonId): string => `${with_} ${Bytes.toBase64Url(chatId)}`

  const resume: RunningChats["resume"] = (online, agreement, scope) =>
    Effect.suspend(() => {
      const { keys, resumes, wire } = agreement
      const known = resumes && running.get(keyOf(resumes, keys.peer.id))
      // It has ended in between.
      if (known === undefined) return Effect.andThen(wire.end, Scope.close(scope, Exit.void))
      return known.resume({ keys, way: wayOf(online, agreement) }, scope)
    })

  /** One attempt; whether it is to be gone on with. */
  const attempt = (online: SealedLink, chatId: Uint8Array, id: PersonId, chat: Chat): Effect.Effect<boolean> =>
    Effect.uninterruptibleMask((restore) =>
      Effect.gen(function* () {
        const scope = yield* Scope.make()
        const call = online.call({ who: Who.byId(id), expected: id, resumes: chatId })
        const result = yield* restore(Scope.provide(call, scope)).pipe(
          Effect.onError(() => Scope.close(scope, Exit.void)),
          Effect.result,
        )
        if (result._tag === "Success") {
          yield* resume(online, result.success, scope)
          return true
        }
        const error = result.failure
        if (error._tag === "LinkLost" || error.code !== "No_such_chat") return true
        yield* restore(Effect.sleep(lastWord))
        yield* chat.forgotten
        return false
      }),
    )

  const keepAfloat = Effect.fnUntraced(function* (chatId: Uint8Array, id: PersonId, chat: Chat) {
    const now = yield* monotonicReader
    let attempts = 0
    let tried: SealedLink | undefined
    for (;;) {
      const since = now()
      yield* chat.adrift
      // A way that does not hold is no reason to begin anew: a server could keep both busy with handshakes.
      if (now() - since > heldMillis) attempts = 0
      const online = link()
      // What failed on the link before says nothing of this one.
      if (online !== tried) attempts = 0
      tried = online
      if (online !== undefined && !(yield* attempt(online, chatId, id, chat))) return
      // Without a link nothing was tried: the first attempt is not to wait long for the link that comes.
      yield* pause(online === undefined ? 0 : attempts++)
    }
  })

  const keep: RunningChats["keep"] = Effect.fnUntraced(function* (chatId, id, chat) {
    const key = keyOf(chatId, id)
    running.set(key, chat)
    yield* Effect.addFinalizer(() =>
      Effect.sync(() => {
        if (running.get(key) === chat) running.delete(key)
      }),
    )
    yield* Effect.forkScoped(keepAfloat(chatId, id, chat))
  })

  return {
    keep,
    resume,
    isResumable: (chatId, by) => (running.has(keyOf(chatId, by)) ? "Known" : "Unknown"),
  }
}
