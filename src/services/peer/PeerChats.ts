/**
 * The chats of one peer: one at a time, from the call, ours or somebody's, to the farewell.
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import type { Ending } from "../../domain/Conversation.ts"
import * as Endpoint from "../../domain/Endpoint.ts"
import type { PeerEvent } from "../../domain/PeerEvent.ts"
import type { Problem } from "../../domain/Problem.ts"
import type { Trust } from "../../domain/profile/Trust.ts"
import * as StuckReason from "../../domain/net/StuckReason.ts"
import * as Unreached from "../../domain/net/Unreached.ts"
import type { PathInUse } from "../chat/ChatNews.ts"
import type { Chat, Tracking } from "../chat/ChatSession.ts"
import * as PeerErrors from "./PeerErrors.ts"
import type { PeerReport } from "./PeerReport.ts"
import type { Call, Meeting, Person } from "./Meeting.ts"

/** How many texts may wait for a chat that is being opened. */
export const waitingTexts = 1000
/** How long a script that has no more to say waits until what it said is delivered. */
const lastWords = "10 seconds"

/** A text of ours that the other side may not have. */
interface Underway {
  /** From 1 on, in the order of typing. */
  readonly id: number
  readonly text: string
}

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
  /** Said, and not known to have arrived: nothing in plaintext, where nobody tells. What is in there the chat bounds. */
  underway: Array<Underway>
  /** How many texts were said, and of how many it was shown that they were sent. */
  said: number
  shownSent: number
  /** Somebody else was faster than our call, or we have dialled somebody else while nothing was heard of who was let in. */
  readonly givenUp: Deferred.Deferred<never, Problem>
  /** Shows what becomes of what was said, until the chat is over. */
  following: Fiber.Fiber<void> | undefined
  /** Open, with all said that was waiting; or over. */
  readonly settled: Deferred.Deferred<void>
  /** Over, and all shown about it. */
  readonly over: Deferred.Deferred<void>
}

export interface PeerChats {
  readonly current: () => Current | undefined
  /** Whether there is a chat, open, that goes nowhere for now: what is typed waits. */
  readonly isOutOfReach: () => boolean
  /** Why there is no open chat, where there is none. */
  readonly whyNone: () => Problem
  /** With whom a chat, or a call, is in the way of one to this peer. */
  readonly inTheWayOf: (peer: string) => string | undefined
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
  /** Waits until a call is answered, and its texts are sent and delivered, as far as that can be known and is soon. */
  readonly settled: Effect.Effect<void>
}

/** @param isDirect whether there is one chat, with an address given by hand, and nobody can be called */
export const make = (report: PeerReport, isDirect: boolean): PeerChats => {
  let current: Current | undefined

  const begin = (peer: string): Current => {
    const mine: Current = {
      peer,
      person: undefined,
      chat: undefined,
      open: false,
      waiting: [],
      underway: [],
      said: 0,
      shownSent: 0,
      givenUp: Deferred.makeUnsafe(),
      following: undefined,
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
      const unsent = mine.waiting.splice(0)
      const news = unsent.length === 0 ? Effect.void : report.problem(PeerErrors.notSent(mine.peer, unsent))
      return Effect.andThen(
        news,
        Effect.sync(() => {
          Deferred.doneUnsafe(mine.settled, Effect.void)
          Deferred.doneUnsafe(mine.over, Effect.void)
        }),
      )
    })

  const say = (mine: Current, chat: Chat, text: string): Effect.Effect<void> =>
    Effect.suspend(() => {
      const { tracking } = chat
      // Noted before it is said: it may be acknowledged in the same moment.
      const note: Underway = { id: mine.said + 1, text }
      if (tracking !== undefined) mine.underway.push(note)
      mine.said++
      return Effect.matchEffect(chat.say(text), {
        onSuccess: () => Effect.void,
        onFailure: (error) => {
          mine.said--
          if (mine.underway.at(-1) === note) mine.underway.pop()
          return report.problem(PeerErrors.fromSay(error, isDirect))
        },
      })
    })

  /** Shows what becomes of what was said, and by which path it goes, until the chat is over. */
  const follow = Effect.fnUntraced(function* (mine: Current, { news }: Tracking) {
    for (;;) {
      const latest = yield* news
      const { peer } = mine
      switch (latest._tag) {
        case "Sent":
          while (mine.shownSent < latest.upTo) yield* report.show({ event: "sent", peer, id: ++mine.shownSent })
          break
        case "Delivered":
          while (mine.underway[0] !== undefined && mine.underway[0].id <= latest.upTo) {
            const { id } = mine.underway.shift()!
            while (mine.shownSent < id) yield* report.show({ event: "sent", peer, id: ++mine.shownSent })
            yield* report.show({ event: "delivered", peer, id })
          }
          break
        case "Path":
          yield* report.show(pathEvent(peer, latest.path))
          break
        case "Stuck":
          yield* report.show(stuckEvent(peer, latest.because))
      }
    }
  })

  /** Waits until the chat is open; why it is not yet is shown as soon as it is known, each reason once. */
  const opened = (mine: Current, { opened, tracking }: Chat): Chat["opened"] => {
    if (tracking === undefined) return opened
    const told = new Set<StuckReason.StuckReason>()
    // What was taken is shown, though it may be open by then.
    const tell = Effect.uninterruptibleMask((restore) =>
      Effect.flatMap(restore(tracking.stuck), (because) => {
        if (told.has(because)) return Effect.void
        told.add(because)
        return report.show(stuckEvent(mine.peer, because))
      }),
    )
    return Effect.raceFirst(opened, Effect.andThen(Effect.ignore(Effect.forever(tell)), Effect.never))
  }

  /** What was learned in the last moment is shown before the end. */
  const followToEnd = Effect.fnUntraced(function* (mine: Current, { tracking }: Chat) {
    if (mine.following === undefined || tracking === undefined) return
    yield* Fiber.await(mine.following)
    yield* Effect.ignore(follow(mine, tracking))
  })

  /** What may not have arrived, when the chat is over. */
  const tellFailed = (mine: Current, reason: Ending): Effect.Effect<void> =>
    Effect.forEach(mine.underway.splice(0), ({ id, text }) => report.failed(mine.peer, { id, text }, reason), {
      discard: true,
    })

  /** Shows the end; why there never was a chat, or what to do about it, where that is known. */
  const closed = ({ peer, person, chat }: Current, ending: Ending): Effect.Effect<void> =>
    Effect.suspend(() => {
      const unreached = ending === "unreachable" ? chat?.tracking?.unreached() : undefined
      return report.closed({
        event: "closed",
        peer,
        reason: ending,
        ...trustOf(person),
        ...(ending === "forgotten" ? { hint: PeerErrors.howToCallAgain(peer, isDirect) } : {}),
        ...(unreached === undefined ? {} : { because: unreached.because, ...Unreached.explain(unreached, peer) }),
      })
    })

  const talk = Effect.fnUntraced(function* (mine: Current, chat: Chat, { remote, person }: Meeting) {
    mine.peer = yield* opened(mine, chat)
    const { tracking } = chat
    yield* report.show({
      event: "connected",
      peer: mine.peer,
      ...whereTo(remote, tracking?.path()),
      ...trustOf(person),
      ...(person === undefined ? {} : { fingerprint: person.fingerprint }),
    })
    if (tracking !== undefined) mine.following = yield* Effect.forkScoped(Effect.ignore(follow(mine, tracking)))
    if (person !== undefined) yield* Effect.forkScoped(person.beside(mine.peer))
    for (let text = mine.waiting.shift(); text !== undefined; text = mine.waiting.shift()) yield* say(mine, chat, text)
    mine.open = true
    Deferred.doneUnsafe(mine.settled, Effect.void)
    for (;;) {
      const text = yield* chat.receive
      yield* report.show({ event: "message", from: mine.peer, text, ...trustOf(person) })
    }
  })

  const converse: PeerChats["converse"] = (mine, meeting) =>
    Effect.gen(function* () {
      const chat = yield* meeting.open
      mine.chat = chat
      mine.person = meeting.person
      // Whoever is interrupted says goodbye, too.
      yield* Effect.addFinalizer(() => chat.close)
      const { ending } = yield* Effect.flip(talk(mine, chat, meeting))
      yield* followToEnd(mine, chat)
      yield* end(mine, Effect.andThen(tellFailed(mine, ending), closed(mine, ending)))
      return ending
    }).pipe(Effect.scoped)

  /** Whom we dial counts, and not somebody else who was let in and of whom nothing was heard yet. */
  const inTheWayOf = (peer: string): string | undefined =>
    current === undefined || (isPending(current) && current.peer !== peer) ? undefined : current.peer

  const call: PeerChats["call"] = ({ peer, trust, answer: answered }) =>
    Effect.suspend(() => {
      const pending = current
      const mine = begin(peer)
      if (pending !== undefined)
        Deferred.doneUnsafe(pending.givenUp, Effect.fail(PeerErrors.givenUp(pending.peer, peer)))
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
      const caller = Option.getOrElse(meeting.peer, () =>
        meeting.remote === undefined ? "somebody" : Endpoint.format(meeting.remote),
      )
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
      return converse(mine, meeting).pipe(
        Effect.raceFirst(Effect.ignore(Deferred.await(mine.givenUp))),
        Effect.ensuring(dismiss(mine)),
        Effect.asVoid,
      )
    })

  const text = (typed: string): Effect.Effect<void> =>
    Effect.suspend(() => {
      const mine = current
      if (mine === undefined) return report.problem(PeerErrors.nobodyToTell(isDirect))
      if (mine.open && mine.chat !== undefined) return say(mine, mine.chat, typed)
      if (mine.waiting.length >= waitingTexts) return report.problem(PeerErrors.notSent(mine.peer, [typed]))
      mine.waiting.push(typed)
      return Effect.void
    })

  const whyNone = (): Problem => {
    if (current === undefined) return PeerErrors.noChat(isDirect)
    return current.chat === undefined ? PeerErrors.notAnswered(current.peer) : PeerErrors.notOpen(current.peer)
  }

  const close = Effect.suspend(() => {
    if (current?.chat === undefined) return report.problem(whyNone())
    const { chat, over } = current
    // The farewell goes on by itself when the end has been shown.
    return Effect.raceFirst(Deferred.await(over), Effect.andThen(chat.close, Effect.never))
  })

  const cancel = Effect.suspend(() => {
    if (current === undefined || current.chat !== undefined)
      return report.problem(PeerErrors.noCall(current?.peer, isDirect))
    const { givenUp, over, peer } = current
    return Effect.andThen(
      Effect.sync(() => Deferred.doneUnsafe(givenUp, Effect.fail(PeerErrors.cancelled(peer)))),
      Deferred.await(over),
    )
  })

  const settled: Effect.Effect<void> = Effect.suspend(() => {
    if (current === undefined) return Effect.void
    if (!Deferred.isDoneUnsafe(current.settled)) return Effect.andThen(Deferred.await(current.settled), settled)
    const { tracking } = current.chat ?? {}
    return tracking === undefined ? Effect.void : Effect.ignore(Effect.timeoutOption(tracking.delivered, lastWords))
  })

  return {
    current: () => current,
    isOutOfReach: () => current?.open === true && current.chat?.tracking?.path().kind === "none",
    whyNone,
    inTheWayOf,
    begin,
    converse,
    call,
    beCalled,
    dismiss,
    text,
    close,
    cancel,
    settled,
  }
}

/** They have proven a key and were let in; what they have to say has not come yet. */
const isPending = ({ person, open }: Current): boolean => person !== undefined && !open

/** Where the other side is, as far as it can be said in a word. */
const whereTo = (remote: Endpoint.Endpoint | undefined, path: PathInUse | undefined) =>
  path === undefined
    ? remote === undefined
      ? {}
      : { address: Endpoint.format(remote) }
    : { kind: path.kind, ...(path.address === "" ? {} : { address: path.address }) }

const pathEvent = (peer: string, { kind, address, rttMillis }: PathInUse): PeerEvent => ({
  event: "path",
  peer,
  kind,
  address,
  ...(rttMillis === undefined ? {} : { rtt_ms: rttMillis }),
})

const stuckEvent = (peer: string, because: StuckReason.StuckReason): PeerEvent => ({
  event: "stuck",
  peer,
  because,
  ...StuckReason.explain(because, peer),
})

const trustOf = (person: Person | undefined): { readonly trust?: Trust } =>
  person === undefined ? {} : { trust: person.trust() }
