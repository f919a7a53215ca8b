/**
 * One person's peer: stays registered at a server (or talks to one address directly), does what is typed, shows what
 * happens. One chat at a time.
 *
 * `StayOnline` keeps the link to the server, `PeerChats` has the chat, `PeerCommands` carries out what is typed,
 * `PeerReport` tells what happens.
 */
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as FiberSet from "effect/FiberSet"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import type { Dialect } from "../domain/Dialect.ts"
import * as Endpoint from "../domain/Endpoint.ts"
import type { Problem } from "../domain/Problem.ts"
import type * as Username from "../domain/Username.ts"
import type { ChatSession } from "./ChatSession.ts"
import * as PeerChats from "./PeerChats.ts"
import * as PeerCommands from "./PeerCommands.ts"
import * as PeerErrors from "./PeerErrors.ts"
import * as PeerReport from "./PeerReport.ts"
import { PeerTransport } from "./PeerTransport.ts"
import type { Link, RendezvousClient } from "./RendezvousClient.ts"
import { Screen } from "./Screen.ts"
import { stayOnline } from "./StayOnline.ts"

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
}) {
  override get message(): string {
    return `The peer failed with exit code ${this.exitCode}; the reason was shown`
  }
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
        return Peer.of({
          run: Effect.fn("Peer.run")((options) =>
            // Scoped within: the context has the scope of the layer in it, which outlives a run.
            Effect.provideContext(Effect.scoped(run(options)), context),
          ),
        })
      }),
    )
}

/** How long a farewell may take to be shown, when nobody reads what is printed. */
const leavingPatience = "1 second"

const run = Effect.fnUntraced(function* (options: Options) {
  const { name, dialect, via } = options
  const screen = yield* Screen
  const report = PeerReport.make(screen)
  const chats = yield* PeerChats.make({ name, dialect, report })
  const running = yield* FiberSet.make<void, never>()
  const fork = yield* FiberSet.runtime(running)()
  /** Scripts wait for it: they type before the server has answered. */
  const ready = Deferred.makeUnsafe<void>()
  let link: Link | { readonly none: Problem } = {
    none: via._tag === "Direct" ? PeerErrors.noServer : PeerErrors.notOnlineYet,
  }

  /** Whoever waits for a chat takes it up, port and all, and leaves the waiting to the next. */
  const answerNext = (online: Link): Effect.Effect<void> =>
    online.incoming.pipe(
      Effect.tap(() => Effect.sync(() => fork(answerNext(online)))),
      Effect.flatMap(chats.beCalled),
      Effect.ignore,
      Effect.scoped,
    )

  const beOnline = (online: Link): Effect.Effect<never> =>
    Effect.sync(() => {
      link = online
      Deferred.doneUnsafe(ready, Effect.void)
      fork(answerNext(online))
    }).pipe(
      Effect.andThen(Effect.never),
      Effect.ensuring(
        Effect.sync(() => {
          link = { none: PeerErrors.offline }
        }),
      ),
    )

  const available = (): boolean => chats.current() === undefined
  const whileThere: Effect.Effect<number, Problem, RendezvousClient | PeerTransport> =
    via._tag === "Server"
      ? Effect.mapError(
          stayOnline({ ...options, server: via.server, available }, report, beOnline),
          PeerErrors.fromLink,
        )
      : talkDirectly({ ...options, via }, report, chats, ready)
  const online = whileThere.pipe(
    Effect.catch((problem) => Effect.as(report.problem(problem), problem.exitCode)),
    Effect.flatMap((exitCode) => (exitCode === 0 ? Effect.void : Effect.fail(new PeerFailed({ exitCode })))),
  )

  const onlineFiber = yield* Effect.forkScoped(online, { startImmediately: true })
  const commands = PeerCommands.obey({
    name,
    screen,
    report,
    chats,
    link: () => link,
    ready: Deferred.await(ready),
    fork,
  })
  // A defect of what goes on beside the commands must not leave them waiting for ever.
  yield* Effect.raceAllFirst([commands, Fiber.join(onlineFiber), FiberSet.join(running)])
  // The farewell is sent and shown before the program ends.
  if (chats.current()?.chat !== undefined) yield* Effect.timeoutOption(chats.close, leavingPatience)
  if (report.exitCode() !== 0 && !screen.interactive) return yield* new PeerFailed({ exitCode: report.exitCode() })
})

type DirectOptions = Options & { readonly via: Extract<Options["via"], { readonly _tag: "Direct" }> }

/** One chat with an address given by hand; the program ends with it, and with its exit code. */
const talkDirectly = Effect.fnUntraced(function* (
  { via, localAddress }: DirectOptions,
  report: PeerReport.PeerReport,
  chats: PeerChats.PeerChats,
  ready: Deferred.Deferred<void>,
) {
  const transport = yield* PeerTransport
  const peer = Endpoint.formatHostPort(via.remote.host, via.remote.port)
  // What is typed from now on is for them.
  const mine = chats.begin(peer)
  const ending = yield* Effect.gen(function* () {
    const remote = { address: yield* transport.resolve(via.remote.host), port: via.remote.port }
    const socket = yield* transport.bind({ port: via.localPort, address: localAddress })
    Deferred.doneUnsafe(ready, Effect.void)
    yield* report.show({ event: "listening", host: socket.local.address, port: socket.local.port })
    yield* report.show({ event: "calling", peer })
    return yield* chats.converse(mine, { peer: Option.none(), remote, socket }, PeerChats.directPatience)
  }).pipe(Effect.scoped, Effect.ensuring(chats.dismiss(mine)), Effect.mapError(PeerErrors.fromDirect))
  return PeerErrors.exitCodeOf(ending)
})
