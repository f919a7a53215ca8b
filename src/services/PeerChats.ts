/**
 * The chats of one peer: one at a time, from the call, ours or somebody's, to the farewell.
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import type { Ending } from "../domain/Conversation.ts"
import * as Endpoint from "../domain/Endpoint.ts"
import type { Problem } from "../domain/Problem.ts"
import type { Trust } from "../domain/profile/Trust.ts"
import type { Chat } from "./ChatSession.ts"
import * as PeerErrors from "./PeerErrors.ts"
import type { PeerReport } from "./PeerReport.ts"
import type { Call, Meeting, Person } from "./Meeting.ts"

/** How many texts may wait for a chat that is being opened. */
export const waitingTexts = 1000
/** The chat there is, from the call on. */
export interface Current {
  /** Whom it is with, as far as known. */
  peer: string
  person: Person | undefined
  /** There is none until the server has brought both together. */
  chat: Chat | undefined
  open: boolean
  /** Typed before it was open. */
  readonly waiting: Array<string>
  /** Somebody else was faster than our call. */
  readonly givenUp: Deferred.Deferred<never, Problem>
  /** Open, with all said that was waiting; or over. */
  readonly settled: Deferred.Deferred<void>
  /** Over, and all shown about it. */
  readonly over: Deferred.Deferred<void>
}

export interface PeerChats {
  readonly current: () => Current | undefined
  /** Whom we are about to talk to: what is typed from now on is for them. */
  readonly begin: (peer: string) => Current
  /** A whole conversation, from the first CONNECT to its end. */
  readonly converse: (mine: Current, meeting: Meeting) => Effect.Effect<Ending>
  /** Calls somebody and talks. */
  readonly call: (call: Call) => Effect.Effect<void>
  /** Talks to somebody who called. The port is given back by the scope it was taken in. */
  readonly beCalled: (meeting: Meeting) => Effect.Effect<void>
  /** It is over, or comes to nothing: what was typed for it can't be sent any more. */
  readonly dismiss: (mine: Current) => Effect.Effect<void>
  /** Sends what was typed, as soon as there is somebody to send it to. */
  readonly text: (typed: string) => Effect.Effect<void>
  /** Ends the chat; done when that has been shown. */
  readonly close: Effect.Effect<void>
  /** Gives up the call that nobody has answered yet. */
  readonly cancel: Effect.Effect<void>
  /** Waits until a call is answered, and its texts are sent. */
  readonly settled: Effect.Effect<void>
}

export const make = (report: PeerReport): PeerChats => {
  let current: Current | undefined

  const begin = (peer: string): Current => {
    const mine: Current = {
      peer,
      person: undefined,
      chat: undefined,
      open: false,
      waiting: [],
      givenUp: Deferred.makeUnsafe(),
      settled: Deferred.makeUnsafe(),
      over: Deferred.makeUnsafe(),
    }
    current = mine
    return mine
  }

  /** Another call may come or go from now on; a farewell may still be on its way. */
  const end = (mine: Current, news: Effect.Effect<void>): Effect.Effect<void> =>
    Effect.suspend(() => {
      if (current === mine) current = undefined
      return Effect.andThen(news, dismiss(mine))
    })

  const dismiss = (mine: Current): Effect.Effect<void> =>
    Effect.suspend(() => {
      if (current === mine) current = undefined
      const unsent = mine.waiting.splice(0).length
      const news = unsent === 0 ? Effect.void : report.problem(PeerErrors.notSent(mine.peer, unsent))
      return Effect.andThen(
        news,
        Effect.sync(() => {
          Deferred.doneUnsafe(mine.settled, Effect.void)
          Deferred.doneUnsafe(mine.over, Effect.void)
        }),
      )
    })

  const say = (chat: Chat, text: string): Effect.Effect<void> =>
    Effect.matchEffect(chat.say(text), {
      onSuccess: () => Effect.void,
      onFailure: (error) => report.problem(PeerErrors.fromSay(error)),
    })

  const talk = Effect.fnUntraced(function* (mine: Current, chat: Chat, { remote, person }: Meeting) {
    mine.peer = yield* chat.opened
    yield* report.show({
      event: "connected",
      peer: mine.peer,
      address: Endpoint.format(remote),
      ...trustOf(person),
      ...(person === undefined ? {} : { fingerprint: person.fingerprint }),
    })
    if (person !== undefined) yield* Effect.forkScoped(person.beside(mine.peer))
    for (let text = mine.waiting.shift(); text !== undefined; text = mine.waiting.shift()) yield* say(chat, text)
    mine.open = true
    Deferred.doneUnsafe(mine.settled, Effect.void)
    for (;;) {
      const text = yield* chat.receive
      yield* report.show({ event: "message", from: mine.peer, text, ...trustOf(person) })
    }
  })

  const converse: PeerChats["converse"] = (mine, meeting) =>
    Effect.gen(function* () {
      const { person } = meeting
      const chat = yield* meeting.open
      mine.chat = chat
      mine.person = person
      // Whoever is interrupted says goodbye, too.
      yield* Effect.addFinalizer(() => chat.close)
      const { ending } = yield* Effect.flip(talk(mine, chat, meeting))
      yield* end(mine, report.closed(mine.peer, ending, person?.trust()))
      return ending
    }).pipe(Effect.scoped)

  const call: PeerChats["call"] = ({ peer, trust, answer: answered }) =>
    Effect.suspend(() => {
      const mine = begin(peer)
      const answer = Effect.raceFirst(answered, Deferred.await(mine.givenUp))
      // An answer may have come in the moment in which somebody else was faster.
      const agreed = Effect.tap(answer, () => (current === mine ? Effect.void : Deferred.await(mine.givenUp)))
      const show = report.show({ event: "calling", peer, ...(trust === undefined ? {} : { trust }) })
      // Dialled in the same moment, shown after: who calls us meanwhile must not find us busy and yet calling nobody.
      return Effect.forkScoped(agreed, { startImmediately: true }).pipe(
        Effect.tap(() => show),
        Effect.flatMap(Fiber.join),
        Effect.matchEffect({
          onSuccess: (meeting) => Effect.asVoid(converse(mine, meeting)),
          onFailure: (problem) => end(mine, report.problem(problem)),
        }),
        Effect.ensuring(dismiss(mine)),
        Effect.scoped,
      )
    })

  const beCalled = (meeting: Meeting): Effect.Effect<void> =>
    Effect.suspend(() => {
      const caller = Option.getOrElse(meeting.peer, () => Endpoint.format(meeting.remote))
      if (current !== undefined) {
        // Whom we have dialled counts, and not who was let in before and took their time: they are told at once.
        if (meeting.person !== undefined && (current.chat !== undefined || current.peer !== caller)) {
          return Effect.scoped(Effect.flatMap(meeting.open, ({ close }) => close))
        }
        // Somebody was faster: the program that called is told nothing, and gives up.
        if (current.chat !== undefined) return Effect.void
        // The server has brought us together with this one; our own call it refuses.
        Deferred.doneUnsafe(current.givenUp, Effect.fail(PeerErrors.givenUp(current.peer, caller)))
      }
      const mine = begin(caller)
      return converse(mine, meeting).pipe(Effect.ensuring(dismiss(mine)), Effect.asVoid)
    })

  const text = (typed: string): Effect.Effect<void> =>
    Effect.suspend(() => {
      const mine = current
      if (mine === undefined) return report.problem(PeerErrors.nobodyToTell)
      if (mine.open && mine.chat !== undefined) return say(mine.chat, typed)
      if (mine.waiting.length >= waitingTexts) return report.problem(PeerErrors.notSent(mine.peer, 1))
      mine.waiting.push(typed)
      return Effect.void
    })

  const close = Effect.suspend(() => {
    if (current === undefined) return report.problem(PeerErrors.noChat)
    const { chat, over, peer } = current
    if (chat === undefined) return report.problem(PeerErrors.notAnswered(peer))
    // The farewell goes on by itself when the end has been shown.
    return Effect.raceFirst(Deferred.await(over), Effect.andThen(chat.close, Effect.never))
  })

  const cancel = Effect.suspend(() => {
    if (current === undefined || current.chat !== undefined) return report.problem(PeerErrors.noCall)
    const { givenUp, over, peer } = current
    return Effect.andThen(
      Effect.sync(() => Deferred.doneUnsafe(givenUp, Effect.fail(PeerErrors.cancelled(peer)))),
      Deferred.await(over),
    )
  })

  const settled: Effect.Effect<void> = Effect.suspend(() =>
    current === undefined || Deferred.isDoneUnsafe(current.settled)
      ? Effect.void
      : Effect.andThen(Deferred.await(current.settled), settled),
  )

  return { current: () => current, begin, converse, call, beCalled, dismiss, text, close, cancel, settled }
}

const trustOf = (person: Person | undefined): { readonly trust?: Trust } =>
  person === undefined ? {} : { trust: person.trust() }
