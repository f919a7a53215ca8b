/**
 * The server's side of one client's connection over TLS: reads its lines, checks who it is, answers (PROTOCOL.md,
 * section 14).
 *
 * One fiber reads a connection; whatever else happens to its client (a call, somebody who registers the same name) only
 * puts lines into its outbox, or ends it.
 */
import * as Clock from "effect/Clock"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import type { ErrorCode } from "../../domain/ErrorCode.ts"
import * as Certificate from "../../domain/identity/Certificate.ts"
import * as PersonId from "../../domain/identity/PersonId.ts"
import * as RegisterProof from "../../domain/identity/RegisterProof.ts"
import type * as LineSplitter from "../../domain/LineSplitter.ts"
import * as ClientLine from "../../domain/nomitm1/ClientLine.ts"
import * as RelayLine from "../../domain/nomitm1/RelayLine.ts"
import * as ServerLine from "../../domain/nomitm1/ServerLine.ts"
import * as Who from "../../domain/nomitm1/Who.ts"
import type { CallDesk } from "./CallDesk.ts"
import * as ConnectionLines from "./ConnectionLines.ts"
import type { Cryptography } from "../Cryptography.ts"
import { monotonicReader } from "../monotonic.ts"
import type { NameStore, NameStoreError } from "../NameStore.ts"
import type { ReflexiveLookups } from "./ReflexiveLookups.ts"
import type { Connection, Secured } from "../RendezvousTransport.ts"
import type { SecureMember, SecureRegistry } from "./SecureRegistry.ts"
import { namesPerLine } from "./ServerConnection.ts"
import type { Limits } from "./ServerLimits.ts"

export interface Options {
  readonly connection: Connection
  readonly secured: Secured
  /** Of this connection: no other one has it. */
  readonly number: number
  readonly limits: Limits
  readonly registry: SecureRegistry["Service"]
  readonly desk: CallDesk["Service"]
  readonly names: NameStore["Service"]
  readonly cryptography: Cryptography["Service"]
  readonly lookups: ReflexiveLookups
  /** Whether the client may take one more name that is nobody's; counts it. */
  readonly mayTakeName: () => boolean
  /** Called when the client has its name, and when it has it no longer. */
  readonly onRegistered: (member: SecureMember) => void
  readonly onLeft: (member: SecureMember) => void
}

/** REGISTER counts as so many lines: two signatures are verified, which takes as long as many. */
export const registerLines = 20
/** Whose proof is refused so often is sent away. */
export const maxRefusedProofs = 5

/** Serves a client until it leaves, is silent for too long, or its name goes to another connection of its key. */
export const serve = Effect.fnUntraced(function* (options: Options) {
  const { connection, limits } = options
  const now = yield* monotonicReader
  const client = yield* makeClient(options)
  let heardAt = now()

  /** Ends when the client has been silent, or without a name, for too long. */
  const watch = Effect.gen(function* () {
    for (;;) {
      const silent = heardAt + limits.silenceMillis
      const idle = client.guestSince() + limits.guestMillis
      if (now() >= silent) return
      if (now() >= idle) return client.refuse("Idle")
      yield* Effect.sleep(Math.min(silent, idle) - now())
    }
  })

  const read = ConnectionLines.serve({
    connection,
    limits,
    handle: client.handle,
    isDatagram: (line) => line._tag === "Line" && RelayLine.isRelay(line.text),
    onTooFast: () => client.refuse("Too_fast"),
    onHeard: () => {
      heardAt = now()
    },
  })
  yield* Effect.raceAllFirst([read, watch, client.replaced]).pipe(
    Effect.ensuring(client.leave),
    Effect.ensuring(Effect.sync(() => options.lookups.revoke(options.number))),
  )
})

const makeClient = Effect.fnUntraced(function* (options: Options) {
  const { connection, secured, number, registry, desk, names, cryptography, lookups, mayTakeName } = options
  const { onRegistered, onLeft } = options
  const { primitives } = cryptography
  const now = yield* monotonicReader
  const seconds = Effect.map(Clock.currentTimeMillis, (millis) => Math.floor(millis / 1000))
  const replaced = Deferred.makeUnsafe<void>()
  let member: SecureMember | undefined
  let guestSince = now()
  let refusedProofs = 0

  const send = (message: ServerLine.ServerMessage): void => connection.send(ServerLine.encode(message))
  const refuse = (code: ErrorCode, about?: Who.Who): void =>
    send({ _tag: "Error", code, about: Option.fromUndefinedOr(about) })

  /** A line that can't be read. Who has no name yet is told that first, who has one that there is no second. */
  const refuseLine = ({ code, operation, callId }: ClientLine.Unreadable): void => {
    if (operation === undefined || operation === "Hello") return refuse(code)
    if (operation === "Register") return refuse(member === undefined ? code : "Already_auth")
    if (member === undefined) return refuse(isOfCall(operation) ? "Operation_unknown" : "Not_registered")
    if (operation === "Chat" && callId !== undefined) return send({ _tag: "Ended", callId, code })
    refuse(code)
  }

  /** The certificate, if it counts and the client has its key; otherwise why not. */
  const prove = Effect.fnUntraced(function* (line: Extract<ClientLine.ClientLine, { readonly _tag: "Register" }>) {
    const decoded = Certificate.decode(line.certificate)
    if (Result.isFailure(decoded)) return "Certificate_invalid" as const
    const highestSerial = Option.getOrUndefined(yield* names.highestSerial(decoded.success.id))
    const certificate = Certificate.verify(primitives, decoded.success, { now: yield* seconds, highestSerial })
    if (Result.isFailure(certificate)) return "Certificate_invalid" as const
    const { id } = certificate.success
    const proof = { exporter: secured.exporter, serverKey: secured.serverKey, name: line.name }
    return RegisterProof.verify(primitives, id, proof, line.signature)
      ? certificate.success
      : ("Signature_invalid" as const)
  })

  const register = Effect.fnUntraced(function* (line: Extract<ClientLine.ClientLine, { readonly _tag: "Register" }>) {
    const { name, unlisted } = line
    if (member !== undefined) return refuse("Already_auth")
    const proven = yield* prove(line)
    if (typeof proven === "string") {
      refusedProofs++
      return refuse(proven)
    }
    const { id, serial } = proven
    const at = yield* seconds
    if (Option.isNone(yield* names.owner(name, at)) && !mayTakeName()) return refuse("Unavailable")
    const claim = yield* names.claim(name, { id, serial }, at)
    if (claim === "OwnedByOther") return refuse("Name_owned", Who.byName(name))
    if (claim === "TooMany") return refuse("Too_many_names")
    if (claim === "Full") return refuse("Unavailable")
    const candidate: SecureMember = {
      number,
      name,
      id,
      address: connection.remote.address,
      certificate: proven.encoded,
      idHash: PersonId.hash(primitives, id),
      unlisted,
      send,
      queued: connection.queued,
      replace: () => {
        member = undefined
        onLeft(candidate)
        refuse("Replaced")
        Deferred.doneUnsafe(replaced, Effect.void)
      },
    }
    const before = yield* Effect.result(registry.enter(candidate))
    // It was lost by not being used, and yet somebody is online with it.
    if (Result.isFailure(before)) return refuse("Name_owned", Who.byName(name))
    if (Option.isSome(before.success)) {
      desk.leave(before.success.value)
      before.success.value.replace()
    }
    member = candidate
    guestSince = Infinity
    desk.join(candidate)
    send({ _tag: "Registered", name })
    onRegistered(candidate)
  }, Effect.uninterruptible)

  /** The client has no name any more. */
  const leave = Effect.suspend(() => {
    const self = member
    if (self === undefined) return Effect.void
    member = undefined
    guestSince = now()
    desk.leave(self)
    onLeft(self)
    return Effect.andThen(registry.leave(self), () =>
      seconds.pipe(
        Effect.flatMap((at) => names.touch(self.name, self.id, at)),
        Effect.catch(logged),
      ),
    )
  }).pipe(Effect.uninterruptible)

  const release = Effect.fnUntraced(function* (self: SecureMember) {
    yield* names.release(self.name, self.id)
    yield* leave
    send({ _tag: "Released", name: self.name })
  }, Effect.uninterruptible)

  const lookUp = Effect.fnUntraced(function* (who: Who.Who) {
    const found = yield* registry.find(who)
    if (Option.isNone(found)) return refuse("User_not_online", who)
    const { name, certificate } = found.value
    send({ _tag: "Found", name, certificate })
  })

  const chat = Effect.fnUntraced(function* (
    caller: SecureMember,
    { who, callId, m1 }: Extract<ClientLine.ClientLine, { readonly _tag: "Chat" }>,
  ) {
    const callee = Option.getOrUndefined(yield* registry.find(who))
    const at = now()
    desk.handle({ _tag: "Chat", caller, callee, callId, callerHash: caller.idHash, m1, now: at })
  })

  /** Where the client is seen, and what it may look up over UDP. */
  const reflex = (): void => {
    const granted = lookups.grant(number)
    if (granted === undefined) return refuse("Unavailable")
    const { token, key, ports, alternate } = granted
    send({ _tag: "Reflex", token, key, address: connection.remote.address, ports, alternate })
  }

  /** Carries out what only somebody with a name may say. */
  const carryOut = Effect.fnUntraced(function* (
    self: SecureMember,
    line: Exclude<ClientLine.ClientLine, { readonly _tag: "Hello" | "Register" | "Reflex" | "Ping" | "Close" }>,
  ): Effect.fn.Return<ConnectionLines.Done, NameStoreError> {
    switch (line._tag) {
      case "Release":
        yield* release(self)
        return 0
      case "ListUsers": {
        const users = yield* registry.users
        send({ _tag: "Users", users: users.filter(({ name }) => name !== self.name) })
        return users.length / namesPerLine
      }
      case "LookUp":
        yield* lookUp(line.who)
        return 0
      case "Chat":
        yield* chat(self, line)
        return 0
      case "PortFree":
      case "PortTaken":
        desk.handle({ _tag: "Answer", from: number, callId: line.callId, free: line._tag === "PortFree" })
        return 0
      case "Relay":
        return desk.relay(number, line.callId, line.record) ? "Paid" : 0
      case "Pass":
        desk.handle({ ...line, from: number, now: now() })
        return 0
      default:
        desk.handle({ ...line, from: number })
        return 0
    }
  })

  const handle = Effect.fnUntraced(
    function* (line: LineSplitter.Line) {
      if (line._tag === "TooLong") {
        refuse("Too_long")
        return 0
      }
      const read = ClientLine.decode(line.text)
      if (Result.isFailure(read)) {
        refuseLine(read.failure)
        return 0
      }
      const said = read.success
      switch (said._tag) {
        case "Hello":
          send({ _tag: "Hello" })
          return 0
        case "Ping":
          send({ _tag: "Pong" })
          return 0
        case "Reflex":
          reflex()
          return 0
        case "Close":
          send({ _tag: "Close" })
          return "Last" as const
        case "Register":
          yield* register(said)
          if (refusedProofs < maxRefusedProofs) return registerLines
          refuse("Too_fast")
          return "Last" as const
      }
      if (member !== undefined) return yield* carryOut(member, said)
      refuse(isOfCall(said._tag) ? "Operation_unknown" : "Not_registered")
      return 0
    },
    // The names can't be read or written. Whoever runs the server has to know; clients may try again.
    Effect.catch((error: NameStoreError) =>
      Effect.map(logged(error), () => {
        refuse("Unavailable")
        return 0
      }),
    ),
  )

  return { refuse, handle, leave, guestSince: () => guestSince, replaced: Deferred.await(replaced) }
})

/** What answers something that somebody without a name was never told. */
const isOfCall = (operation: ClientLine.Operation | ClientLine.ClientLine["_tag"]): boolean =>
  ["Pass", "Relay", "Accept", "End", "Answer", "PortFree", "PortTaken", "NoPortWanted"].includes(operation)

const logged = ({ message, hint }: NameStoreError): Effect.Effect<void> => Effect.logError(`${message} ${hint}`)
