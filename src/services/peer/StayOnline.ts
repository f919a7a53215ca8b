/**
 * Keeps one peer registered at its server, whatever happens to that: the first attempt decides whether it can be, and
 * from then on it is tried again.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Random from "effect/Random"
import * as Schedule from "effect/Schedule"
import * as Scope from "effect/Scope"
import * as Problem from "../../domain/Problem.ts"
import * as PeerErrors from "./PeerErrors.ts"
import type { PeerReport } from "./PeerReport.ts"
import type { Online } from "./PeerWay.ts"

/** The pauses between attempts to reach a server that went away: from one second, doubling, to half a minute. */
export const reconnecting = Schedule.min([Schedule.exponential("1 second"), Schedule.spaced("30 seconds")]).pipe(
  Schedule.jittered,
)

/** An attempt that fails leaves nothing behind. */
const attempt = <R>(connect: Effect.Effect<Online, Problem.Problem, R | Scope.Scope>) =>
  Effect.gen(function* () {
    const own = yield* Scope.fork(yield* Effect.scope)
    return yield* connect.pipe(
      Scope.provide(own),
      Effect.onExit((exit) => (Exit.isFailure(exit) ? Scope.close(own, exit) : Effect.void)),
    )
  })

/** The server was lost: tries again and again. Each reason why that fails is shown once, until there is another. */
const connectAgain = <R>(connect: Effect.Effect<Online, Problem.Problem, R | Scope.Scope>, report: PeerReport) =>
  Effect.suspend(() => {
    let shown = PeerErrors.serverLost.code
    const explain = (problem: Problem.Problem): Effect.Effect<void> => {
      // That it is out of reach has been said, in other words.
      const reason = problem.code === PeerErrors.serverLost.code ? problem.code : problem.message
      if (reason === shown) return Effect.void
      shown = reason
      return report.show(Problem.toEvent(PeerErrors.tryingAgain(problem)))
    }
    return attempt(connect).pipe(
      Effect.tapError(explain),
      Effect.retry({ schedule: reconnecting, while: (problem) => !PeerErrors.isFinal(problem) }),
    )
  })

/**
 * Connects, and does so again whenever the server is lost. Fails if the first attempt does, and where trying again would
 * not help.
 *
 * @param name what to tell the user when it is there
 * @param connect registers at the server; what it takes goes with the scope
 * @param beOnline what to do with each link; interrupted when it is lost
 */
export const stayOnline = <R, R2>(
  name: string,
  connect: Effect.Effect<Online, Problem.Problem, R | Scope.Scope>,
  report: PeerReport,
  beOnline: (online: Online) => Effect.Effect<never, never, R2>,
) => {
  const untilLost = (online: Online) =>
    Effect.gen(function* () {
      yield* report.show({ event: "registered", name })
      const why = yield* Effect.raceFirst(online.lost, beOnline(online))
      if (Option.isSome(why)) return yield* Effect.fail(why.value)
      yield* report.show(Problem.toEvent(PeerErrors.serverLost))
    })
  return Effect.gen(function* () {
    yield* Effect.scoped(Effect.flatMap(attempt(connect), untilLost))
    return yield* Effect.forever(
      Effect.gen(function* () {
        // Not all of a server's clients at once, and not at once to a server that hangs up.
        yield* Effect.sleep(yield* Random.nextIntBetween(500, 1500))
        yield* Effect.scoped(Effect.flatMap(connectAgain(connect, report), untilLost))
      }),
    )
  })
}
