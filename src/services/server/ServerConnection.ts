/**
 * The server's side of one client's connection: reads its lines, answers them, asks it about ports.
 *
 * One fiber reads a connection; whatever else happens to its client (a call, a reply of somebody else) only puts lines
 * into its outbox.
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Queue from "effect/Queue"
import * as Result from "effect/Result"
import * as ClientMessage from "../../domain/ClientMessage.ts"
import type { Dialect } from "../../domain/Dialect.ts"
import type { Port } from "../../domain/Endpoint.ts"
import type { ErrorCode } from "../../domain/ErrorCode.ts"
import type * as LineSplitter from "../../domain/LineSplitter.ts"
import * as PortAnswers from "../../domain/PortAnswers.ts"
import * as ServerMessage from "../../domain/ServerMessage.ts"
import type { Username } from "../../domain/Username.ts"
import * as ConnectionLines from "./ConnectionLines.ts"
import { monotonicReader } from "../monotonic.ts"
import { AskError, type Member, type Registry } from "./Registry.ts"
import type { Connection } from "../RendezvousTransport.ts"
import type { Limits } from "./ServerLimits.ts"

export interface Options {
  readonly connection: Connection
  readonly dialect: Dialect
  readonly limits: Limits
  readonly registry: Registry["Service"]
  /** Whether a name belongs to somebody who is not here in plaintext. */
  readonly isOwned: (name: Username) => Effect.Effect<boolean>
  /** Called when the client has its name. */
  readonly onRegistered: (member: Member) => void
  /** A registered client calls somebody who is online. Must not wait. */
  readonly onCall: (caller: Member, callee: Member) => Effect.Effect<void>
}

/** So many names of a list count as one line more. */
export const namesPerLine = 100

/** Serves a client until it leaves; then its name is free again, and a negotiation it took part in has failed. */
export const serve = Effect.fnUntraced(function* (options: Options) {
  const { connection, dialect, limits } = options
  const client = yield* makeClient(options)

  const handle = (line: LineSplitter.Line): Effect.Effect<ConnectionLines.Done> => {
    if (line._tag === "TooLong")
      return Effect.as(
        Effect.sync(() => client.refuse("Too_long")),
        0,
      )
    const message = ClientMessage.decode(dialect, line.text)
    if (Result.isFailure(message))
      return Effect.as(
        Effect.sync(() => client.refuseLine(message.failure)),
        0,
      )
    if (message.success._tag === "Close") {
      return Effect.as(
        Effect.sync(() => client.send({ _tag: "Close" })),
        "Last" as const,
      )
    }
    return Effect.map(client.carryOut(message.success), (names) => names / namesPerLine)
  }
  yield* ConnectionLines.serve({ connection, limits, handle, onTooFast: () => client.refuse("Too_fast") }).pipe(
    Effect.ensuring(client.leave),
  )
})

const makeClient = Effect.fnUntraced(function* ({
  connection,
  dialect,
  limits,
  registry,
  isOwned,
  onRegistered,
  onCall,
}: Options) {
  const now = yield* monotonicReader
  let member: Member | undefined
  let answers = PortAnswers.initial
  let verdicts: Queue.Queue<Exclude<PortAnswers.Verdict, "Noise">> | undefined
  const gone = Deferred.makeUnsafe<void>()

  const send = (message: ServerMessage.ServerMessage): void => connection.send(ServerMessage.encode(dialect, message))
  const refuse = (code: ErrorCode, about?: Username): void =>
    send({ _tag: "Error", code, about: Option.fromUndefinedOr(about) })

  /** A line that can't be read. Who calls without a name of one's own is told that first. */
  const refuseLine = ({ code, operation }: ClientMessage.Unreadable): void =>
    refuse(member === undefined && operation === "CHAT" ? "Not_registered" : code)

  /** Sends a connection away that has no name in time. */
  const guest = yield* Effect.forkChild(
    Effect.suspend(() => {
      refuse("Idle")
      return connection.end
    }).pipe(Effect.delay(limits.guestMillis)),
  )

  const judge = (answer: PortAnswers.Answer): void => {
    const [next, verdict] = PortAnswers.answer(answers, dialect, answer, now())
    answers = next
    if (verdict !== "Noise" && verdicts !== undefined) Queue.offerUnsafe(verdicts, verdict)
  }

  /** Asks, and waits for the answer: for the first line that may be it at most `answerMillis`. */
  const answerTo = Effect.fnUntraced(function* (port: Port) {
    const gate = PortAnswers.gateMillis(answers, now())
    if (gate > 0) yield* Effect.sleep(gate)
    const mine = yield* Queue.dropping<Exclude<PortAnswers.Verdict, "Noise">>(4)
    verdicts = mine
    answers = PortAnswers.ask(answers, now())
    send({ _tag: "AskPort", port })
    let verdict = yield* Effect.timeoutOption(Queue.take(mine), limits.answerMillis)
    while (Option.isSome(verdict) && verdict.value === "Held") {
      verdict = yield* Effect.timeoutOption(Queue.take(mine), PortAnswers.holdMillis)
      if (Option.isSome(verdict)) continue
      const [settled, last] = PortAnswers.settle(answers, dialect, now())
      answers = settled
      verdict = last === "Noise" ? Option.none() : Option.some(last)
    }
    return verdict
  })

  const ask = (port: Port): Effect.Effect<boolean, AskError> =>
    answerTo(port).pipe(
      Effect.flatMap((verdict) => {
        if (Option.isNone(verdict)) return Effect.fail(new AskError({ reason: "No_answer" }))
        const answer = verdict.value
        return answer === "Busy" || answer === "Declined"
          ? Effect.fail(new AskError({ reason: answer }))
          : Effect.succeed(answer === "Free")
      }),
      Effect.ensuring(
        Effect.sync(() => {
          answers = PortAnswers.withdraw(answers, now())
          verdicts = undefined
        }),
      ),
    )

  const register = Effect.fnUntraced(function* (name: Username) {
    // The older program looks at the name first, and so do its clients' users.
    if (Option.isSome(yield* registry.find(name)) || (yield* isOwned(name))) return refuse("User_exists", name)
    if (member !== undefined) return refuse("Already_auth", name)
    const candidate: Member = { name, address: connection.remote.address, send, ask, gone: Deferred.await(gone) }
    const taken = yield* Effect.isFailure(registry.register(candidate))
    if (taken) return refuse("User_exists", name)
    member = candidate
    yield* Fiber.interrupt(guest)
    send({ _tag: "Registered", name })
    onRegistered(candidate)
  }, Effect.uninterruptible)

  /** Carries out a message; how many names that took. */
  const carryOut = Effect.fnUntraced(function* (
    message: Exclude<ClientMessage.ClientMessage, { readonly _tag: "Close" }>,
  ) {
    switch (message._tag) {
      case "Hello":
        send({ _tag: "Hello" })
        return 0
      case "Register":
        yield* register(message.name)
        return 0
      case "ListUsers": {
        const self = member
        if (self === undefined) {
          refuse("Not_registered")
          return 0
        }
        const names = yield* registry.names
        send({ _tag: "Users", names: dialect === "original" ? names : names.filter((name) => name !== self.name) })
        return names.length
      }
      case "Chat": {
        if (member === undefined) {
          refuse("Not_registered")
          return 0
        }
        const callee = yield* registry.find(message.name)
        if (Option.isNone(callee)) refuse("User_not_online", message.name)
        else yield* onCall(member, callee.value)
        return 0
      }
      case "Accept":
      case "Refuse":
        if (member === undefined) refuse("Operation_unknown")
        else judge(message._tag === "Accept" ? "Free" : message.reason)
        return 0
    }
  })

  const leave = Effect.suspend(() => {
    Deferred.doneUnsafe(gone, Effect.void)
    return member === undefined ? Effect.void : registry.release(member)
  })

  return { send, refuse, refuseLine, carryOut, leave }
})
