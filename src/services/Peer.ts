/**
 * One person's peer: stays registered at a server (or talks to one address directly), does what is typed, shows what
 * happens. One chat at a time.
 */
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as FiberSet from "effect/FiberSet"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Random from "effect/Random"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import * as Scope from "effect/Scope"
import type { Dialect } from "../domain/Dialect.ts"
import * as Endpoint from "../domain/Endpoint.ts"
import type { ClosedReason, PeerEvent } from "../domain/PeerEvent.ts"
import { oneLine } from "../domain/PrintableText.ts"
import * as UserInput from "../domain/UserInput.ts"
import * as Username from "../domain/Username.ts"
import { type Chat, ChatSession } from "./ChatSession.ts"
import * as PeerErrors from "./PeerErrors.ts"
import { PeerTransport } from "./PeerTransport.ts"
import { type Agreement, type Link, RendezvousClient } from "./RendezvousClient.ts"
import { Screen } from "./Screen.ts"

/** How many texts may wait for a chat that is being opened. */
export const waitingTexts = 1000
/** How long CONNECT is sent to somebody the server named. */
export const patience = "30 seconds"
/** How long CONNECT is sent to an address given by hand: the other side may still be typing it. */
export const directPatience = "2 minutes"
/** The pauses between attempts to reach a server that went away: from one second, doubling, to half a minute. */
export const reconnecting = Schedule.min([Schedule.exponential("1 second"), Schedule.spaced("30 seconds")]).pipe(
  Schedule.jittered,
)

export interface Options {
  readonly name: Username.Username
  readonly dialect: Dialect
  readonly localAddress?: string | undefined
  /** A server to register at, or an address to talk to directly. */
  readonly via:
    | { readonly _tag: "Server"; readonly server: Endpoint.HostPort }
    | { readonly _tag: "Direct"; readonly remote: Endpoint.HostPort; readonly localPort: Endpoint.Port }
}

/** The peer came to an end that is a failure. It has been shown; `exitCode` tells scripts. */
export class PeerFailed extends Schema.TaggedError<PeerFailed>("nomitm/PeerFailed")("PeerFailed", {
  exitCode: Schema.Int,
}) {}

/** The chat there is, from the call on. */
interface Current {
  /** Whom it is with, as far as known. */
  peer: string
  /** There is none until the server has brought both together. */
  chat: Chat | undefined
  open: boolean
  /** Typed before it was open. */
  readonly waiting: Array<string>
}

/** The name of the other side as it is shown. In `original` it says what it likes: a datagram full, or nothing at all. */
const nameOf = (heard: string, remote: Endpoint.Endpoint): string => {
  const name = Array.from(oneLine(heard)).slice(0, Username.maxLength).join("").trim()
  return name === "" ? Endpoint.format(remote) : name
}

export class Peer extends Context.Service<
  Peer,
  {
    /** Runs until the user quits, or until there is nothing left to do. */
    readonly run: (options: Options) => Effect.Effect<void, PeerFailed>
  }
>()("nomitm/services/Peer") {
  static readonly layer: Layer.Layer<Peer, never, RendezvousClient | ChatSession | PeerTransport | Screen> =
    Layer.effect(
      Peer,
      Effect.gen(function* () {
        const context = yield* Effect.context<RendezvousClient | ChatSession | PeerTransport | Screen>()
        // Scoped within: the context has the scope of the layer in it, which outlives a run.
        return Peer.of({ run: (options) => Effect.provideContext(Effect.scoped(run(options)), context) })
      }),
    )
}

const run = Effect.fnUntraced(function* ({ name, dialect, localAddress, via }: Options) {
  const rendezvous = yield* RendezvousClient
  const sessions = yield* ChatSession
  const transport = yield* PeerTransport
  const screen = yield* Screen

  const quitting = Deferred.makeUnsafe<void, PeerFailed>()
  /** Commands wait for it: a script types before the server has answered. */
  const ready = Deferred.makeUnsafe<void>()
  const fork = yield* FiberSet.makeRuntime<never, void, never>()
  let link: Link | undefined
  let current: Current | undefined
  /** What a script learns at the end: the last thing that went wrong. */
  let exitCode = 0

  const show = (event: PeerEvent): Effect.Effect<void> => screen.show(event)
  const showError = (problem: PeerErrors.Problem): Effect.Effect<void> =>
    Effect.suspend(() => {
      exitCode = problem.exitCode
      return show(PeerErrors.toEvent(problem))
    })

  const fail = (problem: PeerErrors.Problem): Effect.Effect<void> =>
    Effect.andThen(
      showError(problem),
      Effect.sync(() => {
        Deferred.doneUnsafe(quitting, Effect.fail(new PeerFailed({ exitCode: problem.exitCode })))
      }),
    )

  /** The call or chat is over: what was typed for it can't be sent any more. */
  const dismiss = (mine: Current): Effect.Effect<void> =>
    Effect.suspend(() => {
      if (current === mine) current = undefined
      const unsent = mine.waiting.length
      return unsent === 0 ? Effect.void : showError(PeerErrors.notSent(mine.peer, unsent))
    })

  const say = (chat: Chat, text: string): Effect.Effect<void> =>
    Effect.matchEffect(chat.say(text), {
      onSuccess: () => Effect.void,
      onFailure: (error) => showError(PeerErrors.fromSay(error)),
    })

  /** A whole conversation, from the first CONNECT to its end. */
  const converse = Effect.fnUntraced(function* (
    mine: Current,
    { peer, remote, socket }: Pick<Agreement, "peer" | "remote" | "socket">,
    waitFor: typeof patience | typeof directPatience,
  ) {
    const chat = yield* sessions.open({ socket, remote, dialect, self: name, peer, patience: waitFor })
    mine.chat = chat
    yield* Effect.addFinalizer(() => chat.close)
    const conversation = Effect.gen(function* () {
      mine.peer = nameOf(yield* chat.opened, remote)
      yield* show({ event: "connected", peer: mine.peer, address: Endpoint.format(remote) })
      for (let text = mine.waiting.shift(); text !== undefined; text = mine.waiting.shift()) yield* say(chat, text)
      mine.open = true
      for (;;) yield* show({ event: "message", from: mine.peer, text: yield* chat.receive })
    })
    const { ending } = yield* Effect.flip(conversation)
    // Over: another call may come or go while the farewell is still being sent.
    if (current === mine) current = undefined
    exitCode = PeerErrors.exitCodeOf(ending) || exitCode
    yield* show({ event: "closed", peer: mine.peer, reason: ending })
    return ending
  })

  const begin = (peer: string): Current => {
    const mine: Current = { peer, chat: undefined, open: false, waiting: [] }
    current = mine
    return mine
  }

  const converseAsAgreed = (mine: Current, agreement: Agreement): Effect.Effect<ClosedReason> =>
    Effect.scoped(converse(mine, agreement, patience))

  const call = (to: Link, callee: Username.Username): Effect.Effect<void> =>
    Effect.gen(function* () {
      const mine = begin(callee)
      yield* show({ event: "calling", peer: callee })
      yield* to.call(callee).pipe(
        Effect.matchEffect({
          onSuccess: (agreement) => converseAsAgreed(mine, agreement),
          onFailure: (error) => showError(PeerErrors.fromLink(error)),
        }),
        Effect.ensuring(dismiss(mine)),
        Effect.scoped,
      )
    })

  const beCalled = (agreement: Agreement): Effect.Effect<void> =>
    Effect.suspend(() => {
      // Somebody was faster: the program that called is told nothing, and gives up.
      if (current !== undefined) return Effect.void
      const mine = begin(Option.getOrElse(Option.map(agreement.peer, oneLine), () => Endpoint.format(agreement.remote)))
      return converseAsAgreed(mine, agreement).pipe(Effect.ensuring(dismiss(mine)), Effect.asVoid)
    })

  /** Whoever waits for a chat takes it up, port and all, and leaves the waiting to the next. */
  const answerNext = (online: Link): Effect.Effect<void> =>
    online.incoming.pipe(
      Effect.flatMap((agreement) => {
        fork(answerNext(online))
        return beCalled(agreement)
      }),
      Effect.ignore,
      Effect.scoped,
    )

  /** Registers; an attempt that fails leaves nothing behind. */
  const register = Effect.fnUntraced(function* (server: Endpoint.HostPort) {
    const attempt = yield* Scope.fork(yield* Effect.scope)
    return yield* rendezvous
      .connect({ server, name, dialect, localAddress, available: () => current === undefined })
      .pipe(
        Scope.provide(attempt),
        Effect.onExit((exit) => (Exit.isFailure(exit) ? Scope.close(attempt, exit) : Effect.void)),
      )
  })

  /** Online until the link is lost. */
  const beOnline = Effect.fnUntraced(function* (online: Link) {
    link = online
    yield* show({ event: "registered", name })
    Deferred.doneUnsafe(ready, Effect.void)
    fork(answerNext(online))
    yield* online.lost
    link = undefined
    yield* show(PeerErrors.toEvent(PeerErrors.serverLost))
  })

  /** Stays registered, whatever happens to the server; only the first time a failure is final. */
  const stayOnline = (server: Endpoint.HostPort) =>
    Effect.gen(function* () {
      yield* Effect.scoped(Effect.flatMap(register(server), beOnline))
      const again = Effect.retry(register(server), reconnecting)
      return yield* Effect.forever(
        Effect.gen(function* () {
          // Not all of a server's clients at once, and not at once to a server that hangs up.
          yield* Effect.sleep(yield* Random.nextIntBetween(500, 1500))
          yield* Effect.scoped(Effect.flatMap(again, beOnline))
        }),
      )
    })

  const talkDirectly = Effect.fnUntraced(function* (host: Endpoint.HostPort, localPort: Endpoint.Port) {
    const address = yield* transport.resolve(host.host)
    const socket = yield* transport.bind({ port: localPort, address: localAddress })
    const peer = Endpoint.formatHostPort(host.host, host.port)
    const mine = begin(peer)
    Deferred.doneUnsafe(ready, Effect.void)
    yield* show({ event: "listening", host: socket.local.address, port: socket.local.port })
    yield* show({ event: "calling", peer })
    const remote = { address, port: host.port }
    const ending = yield* converse(mine, { peer: Option.none(), remote, socket }, directPatience).pipe(
      Effect.ensuring(dismiss(mine)),
    )
    const code = PeerErrors.exitCodeOf(ending)
    Deferred.doneUnsafe(quitting, code === 0 ? Effect.void : Effect.fail(new PeerFailed({ exitCode: code })))
  })

  const text = (typed: string): Effect.Effect<void> =>
    Effect.suspend(() => {
      const mine = current
      if (mine === undefined) return showError(PeerErrors.noChat)
      if (mine.open && mine.chat !== undefined) return say(mine.chat, typed)
      if (mine.waiting.length >= waitingTexts) return showError(PeerErrors.notSent(mine.peer, 1))
      mine.waiting.push(typed)
      return Effect.void
    })

  const chatWith = (callee: string): Effect.Effect<void> =>
    Effect.suspend(() => {
      if (current !== undefined) return showError(PeerErrors.inChat(current.peer))
      if (via._tag === "Direct") return showError(PeerErrors.noServer)
      if (link === undefined) return showError(PeerErrors.offline)
      if (!Username.isUsername(callee)) return showError(PeerErrors.fromCode("Name_invalid"))
      if (callee === name) return showError(PeerErrors.fromCode("Self_call"))
      fork(call(link, callee))
      return Effect.void
    })

  const list = Effect.suspend(() => {
    if (via._tag === "Direct") return showError(PeerErrors.noServer)
    if (link === undefined) return showError(PeerErrors.offline)
    return Effect.matchEffect(link.users, {
      onSuccess: (users) => show({ event: "users", users }),
      onFailure: (error) => showError(PeerErrors.fromLink(error)),
    })
  })

  /** A script's call is answered, and its texts are sent, before what it typed next is carried out, and before its end. */
  const untilSent = Effect.repeat(
    Effect.sync(() => screen.interactive || current === undefined || current.open),
    { until: (sent) => sent, schedule: Schedule.spaced(20) },
  )

  const close = Effect.suspend(() => {
    if (current === undefined) return showError(PeerErrors.noChat)
    return current.chat === undefined ? showError(PeerErrors.fromCode("Already_calling")) : current.chat.close
  })

  const help = Effect.suspend(() =>
    show({
      event: "help",
      commands: UserInput.commands.map((command) => ({
        usage: UserInput.usage(command),
        description: command.description,
      })),
    }),
  )

  const carryOut = (input: Exclude<UserInput.UserInput, { readonly _tag: "Quit" }>): Effect.Effect<void> => {
    switch (input._tag) {
      case "Nothing":
        return Effect.void
      case "Text":
        return text(input.text)
      case "List":
        return list
      case "Chat":
        return Effect.andThen(untilSent, chatWith(input.name))
      case "Close":
        return Effect.andThen(untilSent, close)
      case "Help":
        return help
      case "Mistyped":
        return showError(PeerErrors.mistyped(input.problem, input.hint))
    }
  }

  const obey = Effect.gen(function* () {
    yield* Deferred.await(ready)
    for (;;) {
      const line = yield* Effect.option(screen.readLine)
      if (Option.isNone(line)) break
      if (line.value._tag === "TooLong") {
        yield* showError(PeerErrors.fromCode("Too_long"))
        continue
      }
      const input = UserInput.parse(line.value.text)
      if (input._tag === "Quit") {
        if (current === undefined || current.waiting.length === 0) return
        break
      }
      yield* carryOut(input)
    }
    yield* untilSent
  })

  /** The farewell is sent and shown before the program ends. */
  const leave = Effect.gen(function* () {
    if (current?.chat === undefined) return
    yield* current.chat.close
    yield* Effect.repeat(
      Effect.sync(() => current === undefined),
      { until: (dismissed) => dismissed, schedule: Schedule.spaced(10).pipe(Schedule.upTo({ times: 100 })) },
    )
  })

  const online = (
    via._tag === "Server"
      ? Effect.mapError(stayOnline(via.server), PeerErrors.fromLink)
      : Effect.mapError(talkDirectly(via.remote, via.localPort), PeerErrors.fromDirect)
  ).pipe(Effect.catch(fail))

  yield* Effect.forkScoped(online, { startImmediately: true })
  yield* Effect.raceFirst(obey, Deferred.await(quitting))
  yield* leave
  if (exitCode !== 0 && !screen.interactive) return yield* new PeerFailed({ exitCode })
})
