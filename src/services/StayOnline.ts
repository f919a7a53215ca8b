/**
 * Keeps one peer registered at its server, whatever happens to that: the first attempt decides whether it can be, and
 * from then on it is tried again.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Random from "effect/Random"
import * as Schedule from "effect/Schedule"
import * as Scope from "effect/Scope"
import * as Problem from "../domain/Problem.ts"
import * as PeerErrors from "./PeerErrors.ts"
import type { PeerReport } from "./PeerReport.ts"
import { type Link, type Options, RendezvousClient } from "./RendezvousClient.ts"

/** The pauses between attempts to reach a server that went away: from one second, doubling, to half a minute. */
export const reconnecting = Schedule.min([Schedule.exponential("1 second"), Schedule.spaced("30 seconds")]).pipe(
  Schedule.jittered,
)

/** An attempt that fails leaves nothing behind. */
const register = Effect.fnUntraced(function* (options: Options) {
  const rendezvous = yield* RendezvousClient
  const attempt = yield* Scope.fork(yield* Effect.scope)
  return yield* rendezvous.connect(options).pipe(
    Scope.provide(attempt),
    Effect.onExit((exit) => (Exit.isFailure(exit) ? Scope.close(attempt, exit) : Effect.void)),
  )
})

/** The server was lost: tries again and again. Each reason why that fails is shown once, until there is another. */
const registerAgain = (options: Options, report: PeerReport) =>
  Effect.suspend(() => {
    let shown = PeerErrors.serverLost.code
    const explain = (problem: Problem.Problem): Effect.Effect<void> => {
      // That it is out of reach has been said, in other words.
      const reason = problem.code === PeerErrors.serverLost.code ? problem.code : problem.message
      if (reason === shown) return Effect.void
      shown = reason
      return report.show(Problem.toEvent(PeerErrors.tryingAgain(problem)))
    }
    return register(options).pipe(
      Effect.tapError((error) => explain(PeerErrors.fromLink(error))),
      Effect.retry(reconnecting),
    )
  })

/**
 * Registers, and does so again whenever the server is lost. Fails only if the first attempt does.
 *
 * @param beOnline what to do with each link; interrupted when it is lost
 */
export const stayOnline = <R>(
  options: Options,
  report: PeerReport,
  beOnline: (link: Link) => Effect.Effect<never, never, R>,
) => {
  const untilLost = (link: Link) =>
    report
      .show({ event: "registered", name: options.name })
      .pipe(
        Effect.andThen(Effect.raceFirst(link.lost, beOnline(link))),
        Effect.andThen(report.show(Problem.toEvent(PeerErrors.serverLost))),
      )
  return Effect.gen(function* () {
    yield* Effect.scoped(Effect.flatMap(register(options), untilLost))
    return yield* Effect.forever(
      Effect.gen(function* () {
        // Not all of a server's clients at once, and not at once to a server that hangs up.
        yield* Effect.sleep(yield* Random.nextIntBetween(500, 1500))
        yield* Effect.scoped(Effect.flatMap(registerAgain(options, report), untilLost))
      }),
    )
  })
}
