/**
 * Does what is typed at a peer, line by line.
 *
 * A script's lines are carried out one after the other. Somebody at a terminal is never kept waiting: while the server
 * is slow to answer, one can type on, and leave.
 */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Problem from "../../domain/Problem.ts"
import * as NetReport from "../../domain/net/NetReport.ts"
import * as UserInput from "../../domain/UserInput.ts"
import type { PeerChats } from "./PeerChats.ts"
import * as PeerErrors from "./PeerErrors.ts"
import type { PeerReport } from "./PeerReport.ts"
import type { Call, Person } from "./Meeting.ts"
import type { Keyed, Online } from "./PeerWay.ts"
import type { Screen } from "../Screen.ts"

export interface Options {
  readonly name: string
  readonly screen: Screen["Service"]
  readonly report: PeerReport
  readonly chats: PeerChats
  /** There is none without a server, before the first registration, and while the server is away. */
  readonly online: () => Online | { readonly none: Problem.Problem }
  /** What only a peer with keys can do. */
  readonly keyed: Keyed | undefined
  /** Waits for the first registration. */
  readonly ready: Effect.Effect<void>
  /** Starts what goes on beside the commands. */
  readonly fork: (effect: Effect.Effect<void>) => void
}

/** Carries out what is typed until the user quits, or there is no more. */
export const obey = ({ screen, report, chats, online, keyed, ready, fork }: Options): Effect.Effect<void> => {
  const whileOnline = (use: (online: Online) => Effect.Effect<void>): Effect.Effect<void> =>
    Effect.suspend(() => {
      const current = online()
      return "none" in current ? report.problem(current.none) : use(current)
    })

  const orTell = (effect: Effect.Effect<void, Problem.Problem>): Effect.Effect<void> =>
    effect.pipe(Effect.catch(report.problem))

  const withKeys = (use: (keyed: Keyed) => Effect.Effect<void, Problem.Problem>): Effect.Effect<void> =>
    keyed === undefined ? report.problem(PeerErrors.needsKeys) : orTell(Effect.suspend(() => use(keyed)))

  const withPerson = (use: (person: Person, peer: string) => Effect.Effect<void, Problem.Problem>) =>
    withKeys(() => {
      const current = chats.current()
      return current?.person === undefined || !current.open
        ? Effect.fail(chats.whyNone())
        : use(current.person, current.peer)
    })

  const untilSent = screen.interactive ? Effect.void : chats.settled

  const list = whileOnline((online) => {
    const show = orTell(Effect.flatMap(online.list, report.show))
    return screen.interactive ? Effect.sync(() => fork(show)) : show
  })

  const begin = (prepare: Effect.Effect<Call, Problem.Problem>): Effect.Effect<void> =>
    orTell(
      Effect.flatMap(prepare, (call) => {
        const other = chats.inTheWayOf(call.peer)
        return other === undefined ? Effect.sync(() => fork(chats.call(call))) : Effect.fail(PeerErrors.inChat(other))
      }),
    )

  const help = report.show({ event: "help", commands: UserInput.help(keyed !== undefined) })

  const carryOut = (input: Exclude<UserInput.UserInput, { readonly _tag: "Quit" }>): Effect.Effect<void> => {
    switch (input._tag) {
      case "Nothing":
        return Effect.void
      case "Text":
        return chats.text(input.text)
      case "List":
        return list
      case "Chat":
        return Effect.andThen(
          untilSent,
          whileOnline((online) => begin(online.call(input.name))),
        )
      case "Join":
        return Effect.andThen(
          untilSent,
          withKeys((keyed) => begin(keyed.join(input.link))),
        )
      case "Accept":
        return withKeys((keyed) => keyed.accept(input.name))
      case "Decline":
        return withKeys((keyed) => keyed.decline(input.name))
      case "Cancel":
        return chats.cancel
      case "Verify":
        return Effect.andThen(
          untilSent,
          withPerson((person) => person.verify(input.outcome)),
        )
      case "Safety":
        return Effect.andThen(
          untilSent,
          withPerson(({ safetyNumber }, peer) =>
            Effect.flatMap(safetyNumber, (number) => report.show({ event: "safety", peer, number })),
          ),
        )
      case "Net":
        return withKeys(() => {
          const current = chats.current()
          const { tracking } = current?.chat ?? {}
          return current === undefined || tracking === undefined
            ? Effect.fail(chats.whyNone())
            : Effect.flatMap(tracking.reach, (reach) => report.show(NetReport.event(current.peer, reach)))
        })
      case "Close":
        return Effect.andThen(untilSent, chats.close)
      case "Help":
        return help
      case "Mistyped":
        return report.problem(PeerErrors.mistyped(input.problem, input.hint))
    }
  }

  return Effect.gen(function* () {
    if (!screen.interactive) yield* ready
    for (;;) {
      const line = yield* Effect.option(screen.readLine)
      if (Option.isNone(line)) break
      if (line.value._tag === "TooLong") {
        yield* report.problem(Problem.fromCode("Too_long"))
        continue
      }
      const input = UserInput.parse(line.value.text)
      if (input._tag === "Quit") {
        // A call that nothing was typed for is not waited for.
        if (chats.current()?.waiting.length) break
        return
      }
      yield* carryOut(input)
    }
    yield* untilSent
  })
}
