/**
 * The server's side of one client's connection: reads its lines, answers them, asks it about ports.
 *
 * One fiber reads a connection; whatever else happens to its client (a call, a reply of somebody else) only puts lines
 * into its outbox.
 */
import * as Clock from "effect/Clock"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Queue from "effect/Queue"
import * as Result from "effect/Result"
import * as ClientMessage from "../domain/ClientMessage.ts"
import type { Dialect } from "../domain/Dialect.ts"
import type { Port } from "../domain/Endpoint.ts"
import type { ErrorCode } from "../domain/ErrorCode.ts"
import * as LineSplitter from "../domain/LineSplitter.ts"
import * as PortAnswers from "../domain/PortAnswers.ts"
import * as ServerMessage from "../domain/ServerMessage.ts"
import * as TokenBucket from "../domain/TokenBucket.ts"
import type { Username } from "../domain/Username.ts"
import { AskError, type Member, type Registry } from "./Registry.ts"
import type { Connection } from "./RendezvousTransport.ts"
import type { Limits } from "./ServerLimits.ts"

export interface Options {
  readonly connection: Connection
  readonly dialect: Dialect
  readonly limits: Limits
  readonly registry: Registry["Service"]
  /** Called when the client has its name. */
  readonly onRegistered: (member: Member) => void
  /** A registered client calls somebody who is online. Must not wait. */
  readonly onCall: (caller: Member, callee: Member) => Effect.Effect<void>
}

/** A chunk is cut into pieces of so many bytes: its lines are not all in memory while they wait for their turn. */
const pieceBytes = 1024

/** Serves a client until it leaves; then its name is free again, and a negotiation it took part in has failed. */
export const serve = Effect.fnUntraced(function* (options: Options) {
  const { connection, dialect, limits } = options
  const startedAt = yield* Clock.currentTimeMillis
  const client = makeClient(options)
  let bucket = TokenBucket.initial(limits.lines, startedAt)
  let splitter = LineSplitter.initial

  /** Carries out lines in order; false when the client said CLOSE. */
  const handle = Effect.fnUntraced(function* (lines: ReadonlyArray<LineSplitter.Line>) {
    for (const line of lines) {
      const [next, wait] = TokenBucket.take(limits.lines, bucket, 1, yield* Clock.currentTimeMillis)
      bucket = next
      if (wait > 0) yield* Effect.sleep(wait)
      if (line._tag === "TooLong") client.refuse("Too_long")
      else {
        const message = ClientMessage.decode(dialect, line.text)
        if (Result.isFailure(message)) client.refuseLine(line.text, message.failure)
        else if (message.success._tag === "Close") {
          client.send({ _tag: "Close" })
          return false
        } else yield* client.carryOut(message.success)
      }
    }
    return true
  })

  /** Reads until there is no need to; false when the client said CLOSE. */
  const readWhile = Effect.fnUntraced(function* (needed: () => boolean) {
    while (needed()) {
      yield* connection.drained
      const chunk = yield* connection.receive
      for (let start = 0; start < chunk.length; start += pieceBytes) {
        const [state, lines] = LineSplitter.push(splitter, chunk.subarray(start, start + pieceBytes))
        splitter = state
        if (!(yield* handle(lines))) return false
      }
    }
    return true
  })

  const read = Effect.gen(function* () {
    const stays = yield* Effect.timeoutOption(
      readWhile(() => client.member() === undefined),
      limits.guestMillis,
    )
    if (Option.isNone(stays)) return client.refuse("Idle")
    if (stays.value) yield* readWhile(() => true)
  })

  yield* read.pipe(
    // The last line of a client that ended its stream counts without a line end too.
    Effect.catchTag("ConnectionClosed", ({ reason }) =>
      reason === "Ended" ? handle(LineSplitter.end(splitter)) : Effect.void,
    ),
    Effect.ensuring(client.leave),
  )
})

const makeClient = ({ connection, dialect, limits, registry, onRegistered, onCall }: Options) => {
  let member: Member | undefined
  let answers = PortAnswers.initial
  let verdicts: Queue.Queue<PortAnswers.Verdict | ClientMessage.Refusal> | undefined
  const gone = Deferred.makeUnsafe<void>()

  const send = (message: ServerMessage.ServerMessage): void => connection.send(ServerMessage.encode(dialect, message))
  const refuse = (code: ErrorCode, about?: Username): void =>
    send({ _tag: "Error", code, about: Option.fromUndefinedOr(about) })

  /** A line that can't be read. Who has no name yet is told that first, as by the older server. */
  const refuseLine = (line: string, code: ErrorCode): void =>
    refuse(member === undefined && line.startsWith("CHAT") && code !== "Operation_unknown" ? "Not_registered" : code)

  const judge = (next: readonly [PortAnswers.State, PortAnswers.Verdict], refusal?: ClientMessage.Refusal): void => {
    answers = next[0]
    if (next[1] !== "Noise" && verdicts !== undefined) Queue.offerUnsafe(verdicts, refusal ?? next[1])
  }

  const answerTo = Effect.fnUntraced(function* (port: Port) {
    const gate = PortAnswers.gateMillis(answers, yield* Clock.currentTimeMillis)
    if (gate > 0) yield* Effect.sleep(gate)
    const mine = yield* Queue.dropping<PortAnswers.Verdict | ClientMessage.Refusal>(2)
    verdicts = mine
    answers = PortAnswers.ask(answers)
    send({ _tag: "AskPort", port })
    const first = yield* Queue.take(mine)
    if (first !== "Held") return first
    const second = yield* Effect.timeoutOption(Queue.take(mine), PortAnswers.holdMillis)
    if (Option.isSome(second)) return second.value
    const [settled, last] = PortAnswers.settle(answers, yield* Clock.currentTimeMillis)
    answers = settled
    return last
  })

  const ask = (port: Port): Effect.Effect<boolean, AskError> =>
    answerTo(port).pipe(
      Effect.timeoutOption(limits.answerMillis),
      Effect.flatMap((answer) => {
        if (Option.isNone(answer)) return Effect.fail(new AskError({ reason: "No_answer" }))
        switch (answer.value) {
          case "Free":
            return Effect.succeed(true)
          case "Busy":
          case "Declined":
            return Effect.fail(new AskError({ reason: answer.value }))
          default:
            return Effect.succeed(false)
        }
      }),
      Effect.ensuring(
        Effect.map(Clock.currentTimeMillis, (now) => {
          answers = PortAnswers.withdraw(answers, now)
          verdicts = undefined
        }),
      ),
    )

  const register = Effect.fnUntraced(function* (name: Username) {
    // The older program looks at the name first, and so do its clients' users.
    if (Option.isSome(yield* registry.find(name))) return refuse("User_exists", name)
    if (member !== undefined) return refuse("Already_auth", name)
    const candidate: Member = { name, address: connection.remote.address, send, ask, gone: Deferred.await(gone) }
    const taken = yield* Effect.isFailure(registry.register(candidate))
    if (taken) return refuse("User_exists", name)
    member = candidate
    send({ _tag: "Registered", name })
    onRegistered(candidate)
  })

  const carryOut = Effect.fnUntraced(function* (
    message: Exclude<ClientMessage.ClientMessage, { readonly _tag: "Close" }>,
  ) {
    switch (message._tag) {
      case "Hello":
        return send({ _tag: "Hello" })
      case "Register":
        return yield* Effect.uninterruptible(register(message.name))
      case "ListUsers": {
        const self = member
        if (self === undefined) return refuse("Not_registered")
        const names = yield* registry.names
        return send({
          _tag: "Users",
          names: dialect === "original" ? names : names.filter((name) => name !== self.name),
        })
      }
      case "Chat": {
        if (member === undefined) return refuse("Not_registered")
        const callee = yield* registry.find(message.name)
        if (Option.isNone(callee)) return refuse("User_not_online", message.name)
        return yield* onCall(member, callee.value)
      }
      case "Accept":
        if (member === undefined) return refuse("Operation_unknown")
        return judge(PortAnswers.accept(answers, dialect, yield* Clock.currentTimeMillis))
      case "Refuse":
        if (member === undefined) return refuse("Operation_unknown")
        return judge(PortAnswers.refuse(answers, yield* Clock.currentTimeMillis), message.reason)
    }
  })

  const leave = Effect.suspend(() => {
    Deferred.doneUnsafe(gone, Effect.void)
    return member === undefined ? Effect.void : registry.release(member)
  })

  return { member: () => member, send, refuse, refuseLine, carryOut, leave }
}
