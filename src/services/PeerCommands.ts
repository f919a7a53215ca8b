/**
 * Does what is typed at a peer, line by line.
 *
 * A script's lines are carried out one after the other. Somebody at a terminal is never kept waiting: while the server
 * is slow to answer, one can type on, and leave.
 */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Problem from "../domain/Problem.ts"
import * as UserInput from "../domain/UserInput.ts"
import * as Username from "../domain/Username.ts"
import type { PeerChats } from "./PeerChats.ts"
import * as PeerErrors from "./PeerErrors.ts"
import type { PeerReport } from "./PeerReport.ts"
import type { Link } from "./RendezvousClient.ts"
import type { Screen } from "./Screen.ts"

export interface Options {
  readonly name: Username.Username
  readonly screen: Screen["Service"]
  readonly report: PeerReport
  readonly chats: PeerChats
  /** There is none without a server, before the first registration, and while the server is away. */
  readonly link: () => Link | { readonly none: Problem.Problem }
  /** Waits for the first registration. */
  readonly ready: Effect.Effect<void>
  /** Starts what goes on beside the commands. */
  readonly fork: (effect: Effect.Effect<void>) => void
}

/** Carries out what is typed until the user quits, or there is no more. */
export const obey = ({ name, screen, report, chats, link, ready, fork }: Options): Effect.Effect<void> => {
  const whileOnline = (use: (link: Link) => Effect.Effect<void>): Effect.Effect<void> =>
    Effect.suspend(() => {
      const current = link()
      return "none" in current ? report.problem(current.none) : use(current)
    })

  const untilSent = screen.interactive ? Effect.void : chats.settled

  const list = whileOnline(({ users }) => {
    const show = Effect.matchEffect(users, {
      onSuccess: (users) => report.show({ event: "users", users }),
      onFailure: (error) => report.problem(PeerErrors.fromLink(error)),
    })
    return screen.interactive ? Effect.sync(() => fork(show)) : show
  })

  const chatWith = (callee: string): Effect.Effect<void> =>
    Effect.suspend(() => {
      const current = chats.current()
      if (current !== undefined) return report.problem(PeerErrors.inChat(current.peer))
      return whileOnline((online) => {
        if (!Username.isUsername(callee)) return report.problem(Problem.fromCode("Name_invalid"))
        if (callee === name) return report.problem(Problem.fromCode("Self_call"))
        return Effect.sync(() => fork(chats.call(online, callee)))
      })
    })

  const help = report.show({
    event: "help",
    commands: UserInput.commands.map((command) => ({
      usage: UserInput.usage(command),
      description: command.description,
    })),
  })

  const carryOut = (input: Exclude<UserInput.UserInput, { readonly _tag: "Quit" }>): Effect.Effect<void> => {
    switch (input._tag) {
      case "Nothing":
        return Effect.void
      case "Text":
        return chats.text(input.text)
      case "List":
        return list
      case "Chat":
        return Effect.andThen(untilSent, chatWith(input.name))
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
