/**
 * Asks the server where it sees a UDP socket of ours: reflexive lookups, for one socket, to their end (PROTOCOL.md,
 * section 14.4). The paths of a chat ask by themselves, as part of a search; this is for who only wants to know.
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import type * as NatMapping from "../../domain/reach/NatMapping.ts"
import type { Cryptography } from "../Cryptography.ts"
import { LookupQuestions } from "./LookupQuestions.ts"
import { monotonicReader } from "../monotonic.ts"
import type { PeerSocket } from "../PeerTransport.ts"
import type { Reflex } from "../link/SealedLink.ts"

export interface Answers {
  /** In the order of the targets; those that did not answer are left out. */
  readonly samples: ReadonlyArray<NatMapping.Sample>
  /** The shortest there and back, in milliseconds; none without an answer. */
  readonly rttMillis: number | undefined
}

/** The pauses before what is unanswered is asked again, and then before it is given up, in milliseconds. */
const pauses = [150, 450, 900]

/**
 * @param targets which of the server's lookup ports to ask, as in `Reflex.targets`
 */
export const ask = Effect.fnUntraced(function* (
  cryptography: Cryptography["Service"],
  socket: PeerSocket,
  reflex: Reflex,
  targets: ReadonlyArray<number>,
) {
  const now = yield* monotonicReader
  const questions = new LookupQuestions(cryptography, reflex)
  const samples = new Map<number, NatMapping.Sample>()
  const complete = Deferred.makeUnsafe<void>()
  let rttMillis: number | undefined

  yield* socket.receive((datagram, from) => {
    const answer = questions.answered(datagram, from)
    if (answer === undefined) return
    const { target, mapped, at } = answer
    rttMillis = Math.min(rttMillis ?? Infinity, now() - at)
    if (!samples.has(target)) samples.set(target, { target, mapped })
    if (samples.size === targets.length) Deferred.doneUnsafe(complete, Effect.void)
  })

  const askAll = Effect.sync(() => {
    for (const target of targets) if (!samples.has(target)) questions.ask(socket, target, now())
  })

  const untilGivenUp = Effect.forEach(pauses, (pause) => Effect.andThen(askAll, Effect.sleep(pause)), { discard: true })
  if (targets.length > 0) yield* Effect.raceFirst(Deferred.await(complete), untilGivenUp)
  const answers = [...samples.values()].toSorted((a, b) => a.target - b.target)
  return { samples: answers, rttMillis } satisfies Answers
}, Effect.scoped)
