/**
 * A peer's side of the rendezvous: registers a name, lists who is online, calls, and is called (PROTOCOL.md, sections
 * 4 and 9).
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Queue from "effect/Queue"
import * as Result from "effect/Result"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import * as ClientMessage from "../domain/ClientMessage.ts"
import type { Dialect } from "../domain/Dialect.ts"
import { type Endpoint, type HostPort, isIpv6, type Port } from "../domain/Endpoint.ts"
import * as LineSplitter from "../domain/LineSplitter.ts"
import * as ServerMessage from "../domain/ServerMessage.ts"
import * as Username from "../domain/Username.ts"
import { type PeerSocket, PeerTransport } from "./PeerTransport.ts"
import * as PortKeeper from "./PortKeeper.ts"
import { type Connection, type ConnectError, RendezvousTransport } from "./RendezvousTransport.ts"

/** How long the server may take to answer HELLO, REGISTER and LISTUSERS, in milliseconds. */
export const answerMillis = 10_000
/** How long a call may go without a word of the server, in milliseconds. */
export const callMillis = 15_000
/** How long a call may take in all, in milliseconds: 20 port numbers of 5 seconds each, and some. */
export const longestCallMillis = 120_000
/** How many chats may wait to be taken up; more are dropped. */
export const waitingChats = 4
/** How many names a list may have; more are left out. */
export const maxUsers = 100_000
/** The pause before an answer is repeated to the older server, in milliseconds. */
export const repeatMillis = 5
/** How long an answer is repeated to the older server, in milliseconds. */
export const repeatForMillis = 5000

/** The server refused, with a code word of PROTOCOL.md, section 6. */
export class Refused extends Schema.TaggedError<Refused>("nomitm/Refused")("Refused", { code: Schema.String }) {}

/** The link to the server is gone, or what answers there is no server of this dialect. */
export class LinkLost extends Schema.TaggedError<LinkLost>("nomitm/LinkLost")("LinkLost", {
  reason: Schema.Literals(["Closed", "Silent", "NotAServer"]),
}) {}

/** Both sides have the port: a chat can be opened. */
export interface Agreement {
  /** The other's name; older and smaller servers may leave it out. */
  readonly peer: Option.Option<string>
  /** Where the other side is. */
  readonly remote: Endpoint
  /** The bound port. */
  readonly socket: PeerSocket
  /** Gives the port back. Whoever takes an agreement has to. */
  readonly release: Effect.Effect<void>
}

export interface Link {
  /** Who is online, without oneself. */
  readonly users: Effect.Effect<ReadonlyArray<string>, LinkLost | Refused>
  /** Calls somebody. One call at a time. */
  readonly call: (name: Username.Username) => Effect.Effect<Agreement, LinkLost | Refused>
  /** Waits for the next chat that somebody else started. */
  readonly incoming: Effect.Effect<Agreement, LinkLost>
  /** Waits until the link is gone. */
  readonly lost: Effect.Effect<LinkLost>
}

export interface Options {
  readonly server: HostPort
  readonly name: Username.Username
  readonly dialect: Dialect
  /** The local address for TCP and UDP; any without it. */
  readonly localAddress?: string | undefined
  /** Asked at each PORT: whether a call is wanted now. Otherwise it is refused as Busy. */
  readonly available: () => boolean
}

export class RendezvousClient extends Context.Service<
  RendezvousClient,
  {
    /** Connects and registers. The link ends with the scope. */
    readonly connect: (options: Options) => Effect.Effect<Link, ConnectError | LinkLost | Refused, Scope.Scope>
  }
>()("nomitm/services/RendezvousClient") {
  static readonly layer: Layer.Layer<RendezvousClient, never, RendezvousTransport | PeerTransport> = Layer.effect(
    RendezvousClient,
    Effect.gen(function* () {
      const rendezvous = yield* RendezvousTransport
      const peers = yield* PeerTransport
      return RendezvousClient.of({
        connect: Effect.fnUntraced(function* (options) {
          const connection = yield* rendezvous.connect({ ...options.server, localAddress: options.localAddress })
          return yield* makeLink(connection, peers, options)
        }),
      })
    }),
  )
}

/** Whether an address is one host's: neither multicast, broadcast or reserved nor unspecified. */
const isUnicast = (address: string): boolean =>
  isIpv6(address) ? !/^ff|^::$/.test(address) : !address.startsWith("0.") && Number.parseInt(address, 10) < 224

type Answer<A> = Deferred.Deferred<A, LinkLost | Refused>

const makeLink = Effect.fnUntraced(function* (
  connection: Connection,
  peers: PeerTransport["Service"],
  { name, dialect, localAddress, available }: Options,
) {
  const scope = yield* Effect.scope
  const ports = yield* PortKeeper.make(peers, localAddress)
  const lost = Deferred.makeUnsafe<LinkLost>()
  const incoming = yield* Queue.dropping<Agreement>(waitingChats)

  let hello: Answer<void> | undefined
  let registering: Answer<void> | undefined
  let listing: Answer<ReadonlyArray<string>> | undefined
  let calling: { readonly name: Username.Username; readonly answer: Answer<Agreement>; heardAt: number } | undefined
  let list: Array<string> | undefined
  /** The last answer to a PORT, until STARTCHAT or another PORT follows. */
  let lastAnswer: { readonly message: ClientMessage.ClientMessage; readonly since: number } | undefined

  const send = (message: ClientMessage.ClientMessage): void => connection.send(`${ClientMessage.encode(message)}\n`)

  yield* Effect.addFinalizer(() =>
    Effect.flatMap(Queue.clear(incoming), (chats) =>
      Effect.forEach(chats, ({ release }) => release, { discard: true }),
    ),
  )

  const answerPort = Effect.fnUntraced(function* (port: Port) {
    if (calling !== undefined) calling.heardAt = yield* Clock.currentTimeMillis
    // A server that asks without end must not keep all else waiting.
    yield* Effect.yieldNow
    const message: ClientMessage.ClientMessage =
      calling === undefined && !available()
        ? { _tag: "Refuse", reason: dialect === "readme" ? "Busy" : "Taken" }
        : (yield* ports.keep(port))
          ? { _tag: "Accept" }
          : { _tag: "Refuse", reason: "Taken" }
    lastAnswer = { message, since: yield* Clock.currentTimeMillis }
    send(message)
  })

  /** The older server gives the called side's answer to the wrong reader now and then, who calls it unknown. */
  const repeatAnswer = Effect.fnUntraced(function* () {
    const last = lastAnswer
    if (last === undefined || (yield* Clock.currentTimeMillis) - last.since > repeatForMillis) return
    yield* Effect.suspend(() => {
      if (lastAnswer === last) send(last.message)
      return Effect.void
    }).pipe(Effect.delay(repeatMillis), Effect.forkIn(scope))
  })

  const start = Effect.fnUntraced(function* (remote: Endpoint, peer: Option.Option<string>) {
    lastAnswer = undefined
    yield* Effect.yieldNow
    // A server must not make us send to many, or to nobody.
    if (!isUnicast(remote.address)) return
    // A STARTCHAT for a port that was refused, or asked for before: it may be free by now.
    const taken = yield* ports.take(remote.port)
    const call = calling
    const isAnswer = call !== undefined && (Option.isNone(peer) || peer.value === call.name)
    if (Option.isNone(taken)) {
      if (isAnswer) Deferred.doneUnsafe(call.answer, Effect.fail(new Refused({ code: "Too_many_tries" })))
      return
    }
    const agreement: Agreement = {
      peer: Option.orElse(peer, () => (isAnswer ? Option.some(call.name) : Option.none())),
      remote,
      ...taken.value,
    }
    const isWanted = isAnswer
      ? Deferred.doneUnsafe(call.answer, Effect.succeed(agreement))
      : Queue.offerUnsafe(incoming, agreement)
    if (!isWanted) yield* agreement.release
  })

  /** Whom an ERROR line concerns: what was asked last and is not answered. */
  const refused = (code: string, about: Option.Option<string>): void => {
    const error = Effect.fail(new Refused({ code }))
    if (hello !== undefined) Deferred.doneUnsafe(hello, error)
    else if (registering !== undefined) Deferred.doneUnsafe(registering, error)
    else if (calling !== undefined && (Option.isNone(about) || about.value === calling.name)) {
      Deferred.doneUnsafe(calling.answer, error)
    } else if (listing !== undefined) Deferred.doneUnsafe(listing, error)
  }

  const onLine = Effect.fnUntraced(function* (text: string) {
    const decoded = ServerMessage.decode(dialect, text, list !== undefined)
    if (Result.isFailure(decoded)) {
      const answer = hello ?? registering
      if (answer !== undefined) Deferred.doneUnsafe(answer, Effect.fail(new LinkLost({ reason: "NotAServer" })))
      return
    }
    const line = decoded.success
    switch (line._tag) {
      case "Hello":
        if (hello !== undefined) Deferred.doneUnsafe(hello, Effect.void)
        return
      case "Registered":
        if (registering !== undefined && line.name === name) Deferred.doneUnsafe(registering, Effect.void)
        return
      case "UsersBegin":
        list = []
        return
      case "User":
        if (list !== undefined && list.length < maxUsers && line.name !== name && Username.isUsername(line.name)) {
          list.push(line.name)
        }
        return
      case "UsersEnd":
        if (listing !== undefined && list !== undefined) Deferred.doneUnsafe(listing, Effect.succeed(list))
        list = undefined
        return
      case "Calling":
        if (calling !== undefined) calling.heardAt = yield* Clock.currentTimeMillis
        return
      case "AskPort":
        return yield* answerPort(line.port)
      case "AskNoPort":
        return send({ _tag: "Refuse", reason: "Taken" })
      case "StartChat":
        return yield* start(line.endpoint, line.name)
      case "Error":
        if (dialect === "original" && line.code === "Operation_unknown" && (hello ?? registering) === undefined) {
          // The older server knows all else that is said: this is about an answer to PORT, now or before. The caller's
          // first answer always reaches its reader: a second one would answer the next question.
          return calling === undefined ? yield* repeatAnswer() : undefined
        }
        return refused(line.code, line.about)
      case "Close":
      // The end of the connection follows.
    }
  })

  const lose = (error: LinkLost): void => {
    if (!Deferred.doneUnsafe(lost, Effect.succeed(error))) return
    const failure = Effect.fail(error)
    if (hello !== undefined) Deferred.doneUnsafe(hello, failure)
    if (registering !== undefined) Deferred.doneUnsafe(registering, failure)
    if (listing !== undefined) Deferred.doneUnsafe(listing, failure)
    if (calling !== undefined) Deferred.doneUnsafe(calling.answer, failure)
  }

  const read = Effect.gen(function* () {
    let splitter = LineSplitter.initial
    for (;;) {
      const [next, lines] = LineSplitter.push(splitter, yield* connection.receive)
      splitter = next
      for (const line of lines) if (line._tag === "Line") yield* onLine(line.text)
    }
  })

  yield* read.pipe(
    Effect.catchTag("ConnectionClosed", () => Effect.sync(() => lose(new LinkLost({ reason: "Closed" })))),
    Effect.forkScoped({ startImmediately: true }),
  )

  /** Waits for an answer; a server that is silent for so long is lost. */
  const within = <A>(answer: Deferred.Deferred<A, LinkLost | Refused>) =>
    Deferred.await(answer).pipe(
      Effect.timeoutOrElse({
        duration: answerMillis,
        orElse: () => Effect.fail(new LinkLost({ reason: "Silent" })),
      }),
      Effect.tapErrorTag("LinkLost", (error) => Effect.sync(() => lose(error))),
    )

  const ifAlive = Effect.suspend(() =>
    Deferred.isDoneUnsafe(lost) ? Effect.flatMap(Deferred.await(lost), Effect.fail) : Effect.void,
  )

  hello = Deferred.makeUnsafe()
  send({ _tag: "Hello" })
  yield* within(hello)
  hello = undefined
  registering = Deferred.makeUnsafe()
  send({ _tag: "Register", name })
  yield* within(registering)
  registering = undefined

  /** The older server takes any line of somebody in a negotiation for an answer to PORT: nothing else is said then. */
  const isQuiet = Effect.gen(function* () {
    if (dialect === "readme") return true
    if (lastAnswer !== undefined && (yield* Clock.currentTimeMillis) - lastAnswer.since > callMillis)
      lastAnswer = undefined
    return calling === undefined && lastAnswer === undefined
  })
  /** A server that asks again and again does not keep anybody from speaking for ever. */
  const untilQuiet = Effect.repeat(isQuiet, { until: (quiet) => quiet, schedule: Schedule.spaced(50) }).pipe(
    Effect.timeoutOption(callMillis),
  )

  const users = Effect.gen(function* () {
    yield* untilQuiet
    yield* ifAlive
    if (listing === undefined) {
      listing = Deferred.makeUnsafe()
      send({ _tag: "ListUsers" })
    }
    const mine = listing
    return yield* within(mine).pipe(
      Effect.ensuring(
        Effect.sync(() => {
          if (listing === mine) listing = undefined
        }),
      ),
    )
  })

  const call = Effect.fnUntraced(function* (callee: Username.Username) {
    if (calling !== undefined) return yield* new Refused({ code: "Already_calling" })
    yield* untilQuiet
    yield* ifAlive
    const startedAt = yield* Clock.currentTimeMillis
    const mine = {
      name: callee,
      answer: Deferred.makeUnsafe<Agreement, LinkLost | Refused>(),
      heardAt: startedAt,
    }
    calling = mine
    send({ _tag: "Chat", name: callee })
    const silence = Effect.gen(function* () {
      for (;;) {
        const end = Math.min(mine.heardAt + callMillis, startedAt + longestCallMillis)
        const left = end - (yield* Clock.currentTimeMillis)
        if (left <= 0) break
        yield* Effect.sleep(left)
      }
      const error = new Refused({ code: "No_answer" })
      Deferred.doneUnsafe(mine.answer, Effect.fail(error))
      // The older server can't be told that a call is over: only a new connection ends it.
      if (dialect === "original") lose(new LinkLost({ reason: "Silent" }))
      return yield* error
    })
    return yield* Deferred.await(mine.answer).pipe(
      Effect.raceFirst(silence),
      Effect.ensuring(
        Effect.sync(() => {
          calling = undefined
        }),
      ),
    )
  })

  return {
    users,
    call,
    incoming: Effect.raceFirst(Queue.take(incoming), Effect.flatMap(Deferred.await(lost), Effect.fail)),
    lost: Deferred.await(lost),
  } satisfies Link
})
