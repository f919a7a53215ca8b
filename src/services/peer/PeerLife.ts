/**
 * One person's peer on whatever way it reaches others: does what is typed, shows what happens. One chat at a time.
 *
 * `PeerChats` has the chat, `PeerCommands` carries out what is typed, `PeerReport` tells what happens.
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as FiberSet from "effect/FiberSet"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import type { Problem } from "../../domain/Problem.ts"
import * as PeerChats from "./PeerChats.ts"
import * as PeerCommands from "./PeerCommands.ts"
import * as PeerErrors from "./PeerErrors.ts"
import * as PeerReport from "./PeerReport.ts"
import type { Online, PeerWay } from "./PeerWay.ts"
import { Screen } from "../Screen.ts"

/** The peer came to an end that is a failure. It has been shown; `exitCode` tells scripts. */
export class PeerFailed extends Schema.TaggedError<PeerFailed>("nomitm/PeerFailed")("PeerFailed", {
  exitCode: Schema.Int,
}) {
  override get message(): string {
    return `The peer failed with exit code ${this.exitCode}; the reason was shown`
  }
}

/** How long a farewell may take to be shown, when nobody reads what is printed. */
const leavingPatience = "1 second"

/** Lives until the user quits, or until there is nothing left to do. */
export const live = <R>(
  name: string,
  makeWay: (report: PeerReport.PeerReport) => Effect.Effect<PeerWay, never, R>,
): Effect.Effect<void, PeerFailed, R | Screen> =>
  Effect.gen(function* () {
    const screen = yield* Screen
    const report = PeerReport.make(screen)
    const way = yield* makeWay(report)
    const chats = PeerChats.make(report, way.isDirect)
    const running = yield* FiberSet.make<void, never>()
    const fork = yield* FiberSet.runtime(running)()
    /** Scripts wait for it: they type before the server has answered. */
    const ready = Deferred.makeUnsafe<void>()
    let online: Online | { readonly none: Problem } = { none: way.offline }

    /** Whoever waits for a chat takes it up, port and all, and leaves the waiting to the next. */
    const answerNext = (link: Online): Effect.Effect<void> =>
      link.incoming.pipe(
        Effect.tap(() => Effect.sync(() => fork(answerNext(link)))),
        Effect.flatMap(Option.match({ onNone: () => Effect.void, onSome: chats.beCalled })),
        Effect.ignore,
        Effect.scoped,
      )

    const beOnline = (link: Online): Effect.Effect<never> =>
      Effect.sync(() => {
        online = link
        Deferred.doneUnsafe(ready, Effect.void)
        fork(answerNext(link))
      }).pipe(
        Effect.andThen(Effect.never),
        Effect.ensuring(
          Effect.sync(() => {
            online = { none: PeerErrors.offline }
          }),
        ),
      )

    /** A chat needs no server: who sits between us and ours, or took our name over, ends none. */
    const untilChatOver = Effect.suspend(() => {
      const current = chats.current()
      return current?.chat === undefined ? Effect.void : Deferred.await(current.over)
    })

    const isReady = Effect.asVoid(Deferred.succeed(ready, undefined))
    const living = way.live({ report, chats, ready: isReady, fork: (effect) => void fork(effect), beOnline }).pipe(
      Effect.catch((problem) =>
        report.problem(problem).pipe(Effect.andThen(untilChatOver), Effect.as(problem.exitCode)),
      ),
      Effect.flatMap((exitCode) => (exitCode === 0 ? Effect.void : Effect.fail(new PeerFailed({ exitCode })))),
    )

    const life = yield* Effect.forkScoped(living, { startImmediately: true })
    const commands = PeerCommands.obey({
      name,
      screen,
      report,
      chats,
      online: () => online,
      keyed: way.keyed,
      ready: Deferred.await(ready),
      fork,
    })
    // A defect of what goes on beside the commands must not leave them waiting for ever.
    yield* Effect.raceAllFirst([commands, Fiber.join(life), FiberSet.join(running)])
    // The farewell is sent and shown before the program ends.
    if (chats.current()?.chat !== undefined) yield* Effect.timeoutOption(chats.close, leavingPatience)
    if (report.exitCode() !== 0 && !screen.interactive) return yield* new PeerFailed({ exitCode: report.exitCode() })
  }).pipe(Effect.scoped)
