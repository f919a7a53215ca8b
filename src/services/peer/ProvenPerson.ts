/**
 * Somebody who has proven a key, in a chat: how far they are known, and how that is made more.
 */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import type { ChatKeys } from "../../domain/call/ChatKeys.ts"
import type { PersonId } from "../../domain/identity/PersonId.ts"
import * as SafetyNumber from "../../domain/identity/SafetyNumber.ts"
import type { Acquaintances } from "./Acquaintances.ts"
import type { Cryptography } from "../Cryptography.ts"
import * as PeerErrors from "./PeerErrors.ts"
import type { PeerReport } from "./PeerReport.ts"
import type { Meeting, Person } from "./Meeting.ts"
import type { Chat } from "../chat/SealedChat.ts"

export interface Options {
  readonly acquaintances: Acquaintances
  readonly report: PeerReport
  readonly cryptography: Cryptography["Service"]
  /** Our own id. */
  readonly self: PersonId
  /** What they are called here. */
  readonly label: string
  readonly keys: ChatKeys
  /** Whether the server says that the name is that key's. */
  readonly isVouchedFor: boolean
  readonly open: Effect.Effect<Chat, never, Scope.Scope>
}

/** The chat that was agreed on with them. */
export const meeting = (options: Options): Meeting => {
  const { acquaintances, report, cryptography, self, label, keys, isVouchedFor } = options
  const { id } = keys.peer
  let chat: Chat | undefined
  /** Something was shown that can be compared. */
  let isComparable = false

  const showTrust = (peer: string): Effect.Effect<void> =>
    Effect.suspend(() => report.show({ event: "trust", peer, trust: acquaintances.trust(id) }))

  /** What there is to compare, whichever side began. */
  const beside = (peer: string): Effect.Effect<void> =>
    chat === undefined
      ? Effect.void
      : chat.verification.pipe(
          Effect.flatMap((outcome) => {
            isComparable = outcome._tag === "Compare"
            if (outcome._tag === "Failed") return report.problem(PeerErrors.notVerified(outcome.why))
            return report.show({ event: "sas", peer, words: outcome.words, digits: outcome.digits })
          }),
          Effect.forever,
          Effect.ignore,
        )

  const verify: Person["verify"] = (outcome) =>
    Effect.suspend(() => {
      if (chat === undefined) return Effect.fail(PeerErrors.notOpen(label))
      if (Option.isNone(outcome)) {
        const notNow = PeerErrors.notNow(label)
        return chat.tracking.path().kind === "none" ? Effect.fail(notNow) : Effect.mapError(chat.verify, () => notNow)
      }
      if (!isComparable) return Effect.fail(PeerErrors.nothingCompared)
      isComparable = false
      if (outcome.value === "yes") {
        return Effect.andThen(acquaintances.learn(keys.peer, "Confirmed", isVouchedFor), showTrust(label))
      }
      // Somebody sits in between, or it is somebody else: nothing more is to be said here.
      return acquaintances
        .learn(keys.peer, "Denied", isVouchedFor)
        .pipe(
          Effect.andThen(showTrust(label)),
          Effect.andThen(report.problem(PeerErrors.denied(label))),
          Effect.andThen(chat.close),
        )
    })

  return {
    peer: Option.some(label),
    remote: undefined,
    person: {
      fingerprint: acquaintances.fingerprint(id),
      trust: () => acquaintances.trust(id),
      beside,
      verify,
      safetyNumber: Effect.sync(() => {
        isComparable = true
        return SafetyNumber.of(cryptography.primitives, self, id)
      }),
    },
    open: Effect.map(options.open, (opened) => {
      chat = opened
      // They are called what they are called here, whatever they call themselves.
      return opened.called(label)
    }),
  }
}
