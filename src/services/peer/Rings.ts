/**
 * The calls that ring at one peer: shown as they come, taken or declined by name, gone when the caller gives up.
 */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as PersonName from "../../domain/PersonName.ts"
import type { Problem } from "../../domain/Problem.ts"
import * as Trust from "../../domain/profile/Trust.ts"
import type { Acquaintances } from "./Acquaintances.ts"
import * as PeerErrors from "./PeerErrors.ts"
import type { PeerReport } from "./PeerReport.ts"
import type { Ringing } from "../link/SealedLink.ts"

interface Ring {
  readonly label: string
  readonly call: Ringing
}

export interface Rings {
  /** Shows a call, and waits until it does not ring any more. */
  readonly show: (call: Ringing) => Effect.Effect<void>
  readonly accept: (name: Option.Option<string>) => Effect.Effect<void, Problem>
  readonly decline: (name: Option.Option<string>) => Effect.Effect<void, Problem>
}

export interface Options {
  readonly acquaintances: Acquaintances
  readonly report: PeerReport
  /** See `PeerWay`. */
  readonly isDirect: boolean
  /** Whom we talk to, if we do: two chats at a time there are not. */
  readonly busyWith: () => string | undefined
}

export const make = ({ acquaintances, report, isDirect, busyWith }: Options): Rings => {
  const ringing = new Set<Ring>()

  const show = Effect.fnUntraced(function* (call: Ringing) {
    const { id, name, invited } = call.caller
    const label = acquaintances.label(id, name, call.isVouchedFor)
    const ring: Ring = { label, call }
    ringing.add(ring)
    const mistakenFor = acquaintances.mistakenFor(id, name)
    if (Option.isSome(mistakenFor)) yield* report.problem(PeerErrors.lookalike(label, mistakenFor.value))
    const fingerprint = acquaintances.fingerprint(id)
    // The invitation has been spent on them already, whether the call is taken or not.
    const trust = invited ? Trust.higher(acquaintances.trust(id), "invited") : acquaintances.trust(id)
    const partner = busyWith()
    const beside = partner === undefined ? {} : { beside: partner }
    yield* report.show({ event: "incoming", peer: label, trust, fingerprint, ...beside })
    const why = yield* call.over
    ringing.delete(ring)
    if (Option.isSome(why) && why.value !== "Declined") yield* report.problem(PeerErrors.missed(label, why.value))
  })

  /** The only one, or the one of this name. */
  const find = (name: Option.Option<string>): Effect.Effect<Ring, Problem> =>
    Effect.suspend(() => {
      const wanted = Option.map(name, PersonName.fold)
      const candidates = [...ringing].filter(({ label }) => Option.isNone(wanted) || wanted.value === label)
      const [first, ...more] = candidates
      if (first === undefined) {
        const labels = [...ringing].map(({ label }) => label)
        return Effect.fail(PeerErrors.notCalling(Option.getOrUndefined(name), labels, isDirect))
      }
      return more.length === 0
        ? Effect.succeed(first)
        : Effect.fail(PeerErrors.severalCall(candidates.map(({ label }) => label)))
    })

  return {
    show,
    accept: (name) =>
      Effect.gen(function* () {
        const ring = yield* find(name)
        const partner = busyWith()
        if (partner !== undefined) return yield* Effect.fail(PeerErrors.inChat(partner))
        yield* ring.call.accept
      }),
    decline: (name) => Effect.flatMap(find(name), ({ call }) => call.decline),
  }
}
