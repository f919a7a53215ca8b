/**
 * A peer's side of the rendezvous: registers a name, lists who is online, calls, and is called (PROTOCOL.md, sections
 * 4 and 9).
 *
 * What is said when is decided by the pure machine `domain/RendezvousLink`; this runs it: reads lines, binds ports, and
 * wakes it when something is due.
 */
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Queue from "effect/Queue"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import * as ClientMessage from "../../domain/ClientMessage.ts"
import type { Dialect } from "../../domain/Dialect.ts"
import type { Endpoint, HostPort, Port } from "../../domain/Endpoint.ts"
import * as ErrorCode from "../../domain/ErrorCode.ts"
import type * as LineSplitter from "../../domain/LineSplitter.ts"
import * as RendezvousLink from "../../domain/RendezvousLink.ts"
import type { Username } from "../../domain/Username.ts"
import * as Actions from "../Actions.ts"
import * as DueTimer from "../DueTimer.ts"
import * as HeldAgreements from "./HeldAgreement.ts"
import type { HeldAgreement } from "./HeldAgreement.ts"
import { monotonicReader } from "../monotonic.ts"
import { type PeerSocket, PeerTransport } from "../PeerTransport.ts"
import * as LinkLines from "./LinkLines.ts"
import * as PortKeeper from "./PortKeeper.ts"
import { type Connection, type ConnectError, RendezvousTransport } from "../RendezvousTransport.ts"

/** How many chats may wait to be taken up; more are dropped. */
export const waitingChats = 4

/** The server refused, with a code word of PROTOCOL.md, section 6. */
export class Refused extends Schema.TaggedError<Refused>("nomitm/Refused")("Refused", { code: Schema.String }) {
  override get message(): string {
    return `The server refused: ${this.code} (${ErrorCode.explain(this.code).message})`
  }
}

const losses: Record<RendezvousLink.LossReason | "Replaced", string> = {
  Closed: "The server closed the connection",
  Replaced: "Another program registered the same name with the same key",
  Silent: "The server did not answer in time",
  NotAServer: "What answers there is no server that this program understands",
}

/** The link to the server is gone, or what answers there is no server of this dialect. */
export class LinkLost extends Schema.TaggedError<LinkLost>("nomitm/LinkLost")("LinkLost", {
  reason: Schema.Literals(["Closed", "Silent", "NotAServer", "Replaced"]),
}) {
  override get message(): string {
    return losses[this.reason]
  }
}

/** Both sides have the port: a chat can be opened. */
export interface Agreement {
  /** The other's name; older and smaller servers may leave it out. */
  readonly peer: Option.Option<Username>
  /** Where the other side is. */
  readonly remote: Endpoint
  /** The bound port, which goes with the scope that the agreement was taken in. */
  readonly socket: PeerSocket
}

export interface Link {
  /** Who is online, without oneself. */
  readonly users: Effect.Effect<ReadonlyArray<Username>, LinkLost | Refused>
  /** Calls somebody. One call at a time: a second one is refused as `Already_calling`. */
  readonly call: (name: Username) => Effect.Effect<Agreement, LinkLost | Refused, Scope.Scope>
  /** Waits for the next chat that somebody else started. */
  readonly incoming: Effect.Effect<Agreement, LinkLost, Scope.Scope>
  /** Waits until the link is gone. */
  readonly lost: Effect.Effect<LinkLost>
}

export interface Options {
  readonly server: HostPort
  readonly name: Username
  readonly dialect: Dialect
  /** The local address for TCP and UDP; any without it. */
  readonly localAddress?: string | undefined
  /** Asked at each PORT: whether a call is wanted now. Otherwise it is refused as Busy. */
  readonly available: () => boolean
}

export class RendezvousClient extends Context.Service<
  RendezvousClient,
  {
    /** Connects and registers. The link ends with the scope; ports that were handed over stay. */
    readonly connect: (options: Options) => Effect.Effect<Link, ConnectError | LinkLost | Refused, Scope.Scope>
  }
>()("nomitm/services/link/RendezvousClient") {
  static readonly layer: Layer.Layer<RendezvousClient, never, RendezvousTransport | PeerTransport> = Layer.effect(
    RendezvousClient,
    Effect.gen(function* () {
      const rendezvous = yield* RendezvousTransport
      const peers = yield* PeerTransport
      return RendezvousClient.of({
        connect: Effect.fn("RendezvousClient.connect")(function* (options) {
          const connection = yield* rendezvous.connect({ ...options.server, localAddress: options.localAddress })
          const ports = yield* PortKeeper.make(peers, options.localAddress)
          return yield* makeLink(connection, ports, options)
        }),
      })
    }),
  )
}

const makeLink = Effect.fnUntraced(function* (
  connection: Connection,
  ports: PortKeeper.PortKeeper,
  { name, dialect, available }: Options,
) {
  const now = yield* monotonicReader
  const registered = Deferred.makeUnsafe<void, LinkLost | Refused>()
  const lost = Deferred.makeUnsafe<LinkLost>()
  const incoming = yield* Queue.dropping<HeldAgreement<Agreement>, LinkLost>(waitingChats)
  let listing: Deferred.Deferred<ReadonlyArray<Username>, LinkLost | Refused> | undefined
  let calling: Deferred.Deferred<HeldAgreement<Agreement>, LinkLost | Refused> | undefined

  const endList = (result: Effect.Effect<ReadonlyArray<Username>, LinkLost | Refused>): void => {
    if (listing !== undefined) Deferred.doneUnsafe(listing, result)
    listing = undefined
  }
  const endCall = (result: Effect.Effect<HeldAgreement<Agreement>, LinkLost | Refused>): boolean => {
    const isWanted = calling !== undefined && Deferred.doneUnsafe(calling, result)
    calling = undefined
    return isWanted
  }

  /** A server that asks without end must not keep all else waiting. */
  const answerPort = (port: Port): Effect.Effect<void> =>
    Effect.yieldNow.pipe(
      Effect.andThen(ports.keep(port)),
      Effect.flatMap((free) => on({ _tag: "PortTried", port, free, now: now() })),
    )

  /** A chat on the port that is kept, if it can be bound after all: the server does not mind what was refused. */
  const startChat = Effect.fnUntraced(function* ({
    peer,
    remote,
    isAnswer,
  }: Extract<RendezvousLink.Action, { readonly _tag: "Start" }>) {
    const port = yield* ports.take(remote.port)
    if (Option.isNone(port)) {
      if (isAnswer) endCall(Effect.fail(new Refused({ code: "Too_many_tries" })))
      return
    }
    const { socket, release } = port.value
    const held: HeldAgreement<Agreement> = { agreement: { peer, remote, socket }, release }
    const isTaken = isAnswer ? endCall(Effect.succeed(held)) : Queue.offerUnsafe(incoming, held)
    if (!isTaken) yield* held.release
  }, Effect.uninterruptible)

  const lose = (reason: RendezvousLink.LossReason): void => {
    const error = new LinkLost({ reason })
    const failure = Effect.fail(error)
    Deferred.doneUnsafe(lost, Effect.succeed(error))
    Deferred.doneUnsafe(registered, failure)
    endList(failure)
    endCall(failure)
    Queue.failCauseUnsafe(incoming, Cause.fail(error))
  }

  const perform = (action: RendezvousLink.Action): Effect.Effect<void> | void => {
    switch (action._tag) {
      case "Send":
        return connection.send(`${ClientMessage.encode(action.message)}\n`)
      case "Registered":
        return void Deferred.doneUnsafe(registered, Effect.void)
      case "NotRegistered":
        return void Deferred.doneUnsafe(registered, Effect.fail(new Refused({ code: action.code })))
      case "Listed":
        return endList(Effect.succeed(action.names))
      case "NotListed":
        return endList(Effect.fail(new Refused({ code: action.code })))
      case "NotCalled":
        return void endCall(Effect.fail(new Refused({ code: action.code })))
      case "TryPort":
        return answerPort(action.port)
      case "GiveBack":
        return ports.giveBack
      case "Start":
        return Effect.andThen(Effect.yieldNow, startChat(action))
      case "Lost":
        return lose(action.reason)
    }
  }

  const greeting = RendezvousLink.start({ dialect, name }, now())
  let state = greeting[0]
  const timer = DueTimer.make(() => RendezvousLink.dueAt(state), now)

  const take = ([next, actions]: RendezvousLink.Step): Effect.Effect<void> => {
    state = next
    timer.moved()
    return Actions.perform(actions, perform)
  }
  const on = (event: RendezvousLink.Event): Effect.Effect<void> =>
    Effect.suspend(() => take(RendezvousLink.step(state, event)))

  const hear = Effect.fnUntraced(function* (lines: ReadonlyArray<LineSplitter.Line>) {
    for (const line of lines) yield* on({ _tag: "Heard", line, available: available(), now: now() })
  })

  const read = Effect.gen(function* () {
    // What stands before the end of the stream without a line end is a line too.
    yield* hear(yield* LinkLines.read(connection, hear))
    yield* on({ _tag: "Closed" })
  })

  // What nobody took up, when all else has ended.
  yield* Effect.addFinalizer(() => HeldAgreements.giveBack(incoming))
  yield* Effect.addFinalizer(() => on({ _tag: "Closed" }))
  const due = Effect.suspend(() => on({ _tag: "Due", now: now() }))
  yield* Effect.forkScoped(timer.run(due), { startImmediately: true })
  yield* take(greeting)
  yield* Effect.forkScoped(read, { startImmediately: true })
  yield* Deferred.await(registered)

  const whileThere = Effect.suspend(() =>
    Deferred.isDoneUnsafe(lost) ? Effect.flatMap(Deferred.await(lost), Effect.fail) : Effect.void,
  )

  const users = Effect.gen(function* () {
    yield* whileThere
    listing ??= Deferred.makeUnsafe()
    const mine = listing
    yield* on({ _tag: "List", now: now() })
    return yield* Deferred.await(mine)
  }).pipe(Effect.withSpan("RendezvousClient.users"))

  const abandoned = Effect.suspend(() => {
    calling = undefined
    return on({ _tag: "Abandon" })
  })

  const call = Effect.fn("RendezvousClient.call")((callee: Username) =>
    Effect.uninterruptibleMask((restore) =>
      Effect.gen(function* () {
        yield* whileThere
        if (RendezvousLink.isCalling(state)) return yield* new Refused({ code: "Already_calling" })
        const mine = Deferred.makeUnsafe<HeldAgreement<Agreement>, LinkLost | Refused>()
        calling = mine
        yield* on({ _tag: "Call", name: callee, now: now() })
        return yield* HeldAgreements.answerTo(restore, mine, abandoned)
      }),
    ),
  )

  return {
    users,
    call,
    incoming: HeldAgreements.next(incoming),
    lost: Deferred.await(lost),
  } satisfies Link
})
