/**
 * Runs a link to a server: the two pure machines that decide what is said when, `domain/nomitm1/ServerLink` and
 * `domain/call/Calls`. Reads lines, draws random bytes, and wakes them when something is due; `AgreedCalls` has what was
 * agreed on.
 */
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Queue from "effect/Queue"
import type * as Scope from "effect/Scope"
import * as Calls from "../domain/call/Calls.ts"
import * as CallState from "../domain/call/CallState.ts"
import * as Bytes from "../domain/crypto/Bytes.ts"
import * as PersonId from "../domain/identity/PersonId.ts"
import * as RegisterProof from "../domain/identity/RegisterProof.ts"
import * as LineSplitter from "../domain/LineSplitter.ts"
import * as ClientLine from "../domain/nomitm1/ClientLine.ts"
import * as RelayLine from "../domain/nomitm1/RelayLine.ts"
import * as ServerLink from "../domain/nomitm1/ServerLink.ts"
import type { User } from "../domain/nomitm1/ServerLine.ts"
import * as Who from "../domain/nomitm1/Who.ts"
import type { PersonName } from "../domain/PersonName.ts"
import * as AgreedCalls from "./AgreedCalls.ts"
import type { Cryptography } from "./Cryptography.ts"
import * as DueTimer from "./DueTimer.ts"
import * as HeldAgreements from "./HeldAgreement.ts"
import type { HeldAgreement } from "./HeldAgreement.ts"
import { monotonicReader } from "./monotonic.ts"
import type * as PortKeeper from "./PortKeeper.ts"
import * as ReflexQuestion from "./ReflexQuestion.ts"
import { LinkLost, Refused } from "./RendezvousClient.ts"
import type { Connection, Secured } from "./RendezvousTransport.ts"

import { CallFailed, type Options, type Ringing, type SealedAgreement, type SealedLink } from "./SealedLink.ts"

/** How many calls may wait to be heard of, and how many chats to be taken up; more are dropped. */
export const waitingCalls = 8
/** What the server shows of somebody. */
type Found = Pick<Extract<ServerLink.Action, { readonly _tag: "Found" }>, "name" | "certificate">

/** Registers on a connection whose server is trusted. The link ends with the scope; ports that were handed over stay. */
export const make = Effect.fnUntraced(function* (
  connection: Connection,
  secured: Secured,
  makePorts: Effect.Effect<PortKeeper.PortKeeper, never, Scope.Scope>,
  { primitives, randomBytes }: Cryptography["Service"],
  options: Options,
) {
  const { identity, name, unlisted, knowledge, relayOnly, useUpInvitation, onTurnedAway } = options
  const resumable: Calls.Config["resumable"] = options.resumable ?? (() => "Unknown")
  const now = yield* monotonicReader
  const clock = yield* Clock.Clock
  const time = (): Calls.Time => ({ now: now(), seconds: Math.floor(clock.currentTimeMillisUnsafe() / 1000) })
  const config: Calls.Config = { primitives, self: { identity, name }, ...knowledge, resumable, relayOnly }

  const registered = Deferred.makeUnsafe<void, LinkLost | Refused>()
  const released = Deferred.makeUnsafe<void>()
  const lost = Deferred.makeUnsafe<LinkLost>()
  const ringing = yield* Queue.dropping<Ringing, LinkLost>(waitingCalls)
  const incoming = yield* Queue.dropping<HeldAgreement<SealedAgreement>, LinkLost>(waitingCalls)
  let listing: Deferred.Deferred<ReadonlyArray<User>, LinkLost> | undefined
  /** Who waits for a call of ours, by its callId. */
  const calling = new Map<string, Deferred.Deferred<HeldAgreement<SealedAgreement>, LinkLost | CallFailed>>()
  /** Calls that ring, by callId. */
  const rings = new Map<string, Deferred.Deferred<Option.Option<string>>>()
  /** Who asks about somebody. */
  const questions = new Map<number, (answer: Found | undefined) => Effect.Effect<void> | void>()
  let asked = 0
  const reflex = ReflexQuestion.make(
    connection.remote.address,
    Effect.suspend(() => onLink({ _tag: "AskReflex", now: now() })),
  )

  let link: ServerLink.State
  let calls = Calls.initial
  const timer = DueTimer.make(() => Math.min(ServerLink.dueAt(link), Calls.dueAt(calls)), now)
  const send = (line: ClientLine.ClientLine): void => connection.send(`${ClientLine.encode(line)}\n`)
  const sendOfCall = (line: ClientLine.ClientLine): void => {
    send(line)
    link = ServerLink.step(link, { _tag: "Sent", now: now() })[0]
    timer.moved()
  }

  const endRing = (key: string, why: Option.Option<string>): void => {
    const ring = rings.get(key)
    rings.delete(key)
    if (ring !== undefined) Deferred.doneUnsafe(ring, Effect.succeed(why))
  }

  /** Who waits for a call of ours hears of it; false if nobody does. */
  const answerCall = (
    key: string,
    result: Effect.Effect<HeldAgreement<SealedAgreement>, LinkLost | CallFailed>,
  ): boolean => {
    const waiting = calling.get(key)
    calling.delete(key)
    return waiting !== undefined && Deferred.doneUnsafe(waiting, result)
  }

  const lose = (reason: ServerLink.LossReason): Effect.Effect<void> => {
    const error = new LinkLost({ reason })
    const failure = Effect.fail(error)
    Deferred.doneUnsafe(lost, Effect.succeed(error))
    Deferred.doneUnsafe(registered, failure)
    if (listing !== undefined) Deferred.doneUnsafe(listing, failure)
    reflex.lost(error)
    return Effect.andThen(
      onCalls({ _tag: "LinkLost" }),
      Effect.suspend(() => {
        for (const key of calling.keys()) answerCall(key, failure)
        for (const key of rings.keys()) endRing(key, Option.some("Server_lost"))
        Queue.failCauseUnsafe(incoming, Cause.fail(error))
        Queue.failCauseUnsafe(ringing, Cause.fail(error))
        const unanswered = [...questions.values()]
        questions.clear()
        return perform(unanswered, (question) => question(undefined))
      }),
    )
  }

  /** Asks the server about somebody. */
  const ask = (who: Who.Who, then: (answer: Found | undefined) => Effect.Effect<void> | void): Effect.Effect<void> => {
    const asker = ++asked
    questions.set(asker, then)
    return onLink({ _tag: "LookUp", who, asker, now: now() })
  }

  const answer = (asker: number, found: Found | undefined): Effect.Effect<void> | void => {
    const question = questions.get(asker)
    questions.delete(asker)
    return question?.(found)
  }

  // What the machines want done.

  const performLink = (action: ServerLink.Action): Effect.Effect<void> | void => {
    switch (action._tag) {
      case "Send":
        return send(action.line)
      case "Registered":
        return void Deferred.doneUnsafe(registered, Effect.void)
      case "NotRegistered":
        return void Deferred.doneUnsafe(registered, Effect.fail(new Refused({ code: action.code })))
      case "Listed":
        if (listing !== undefined) Deferred.doneUnsafe(listing, Effect.succeed(action.users))
        listing = undefined
        return
      case "Found":
        return answer(action.asker, action)
      case "NotFound":
        return answer(action.asker, undefined)
      case "Reflexed":
      case "NotReflexed":
        return reflex.answered(action)
      case "RelayRefused":
        return agreed.relayRefused()
      case "Released":
        Deferred.doneUnsafe(released, Effect.void)
        return
      case "OfCall":
        return onCallLine(action.line)
      case "Lost":
        return lose(action.reason)
    }
  }

  const onCallLine = (line: ServerLink.CallLine): Effect.Effect<void> => {
    switch (line._tag) {
      case "Incoming": {
        const { callId, callerHash, m1 } = line
        const entropy = { ephemeral: randomBytes(32), kemEntropy: randomBytes(32) }
        return onCalls({ _tag: "Incoming", callId, callerHash, m1, entropy })
      }
      case "Pass":
        return onCalls({ _tag: "Passed", callId: line.callId, data: line.data })
      case "Ended":
        return onCalls({ _tag: "Ended", callId: line.callId, code: line.code })
      case "AskPort":
        return onCalls({ _tag: "AskedPort", callId: line.callId, port: line.port })
      case "AskNoPort":
        return onCalls({ _tag: "AskedPort", callId: line.callId, port: undefined })
      case "StartChat":
        return onCalls({ _tag: "StartChat", callId: line.callId, endpoint: line.endpoint })
      case "StartRelayOnly":
        return onCalls({ _tag: "StartChat", callId: line.callId, endpoint: undefined })
    }
  }

  const performCalls = (action: Calls.Action): Effect.Effect<void> | void => {
    switch (action._tag) {
      case "Send":
        return sendOfCall(action.line)
      case "LookUp": {
        const { callId, who } = action
        return ask(who, (found) =>
          found === undefined
            ? onCalls({ _tag: "NotFound", callId, code: "User_not_online" })
            : onCalls({ _tag: "Found", callId, name: found.name, certificate: found.certificate }),
        )
      }
      case "UseUpInvitation": {
        const { callId, inviteId } = action
        const call = CallState.find(calls, callId)
        const by = call === undefined ? undefined : CallState.peerId(call)
        const used = by === undefined ? Effect.succeed(false) : useUpInvitation(inviteId, by)
        return Effect.flatMap(used, (ok) => onCalls({ _tag: "InvitationUsed", callId, ok }))
      }
      case "Ring":
        return ring(action)
      case "Merged": {
        const waiting = calling.get(Bytes.toBase64Url(action.callId))
        calling.delete(Bytes.toBase64Url(action.callId))
        if (waiting !== undefined) calling.set(Bytes.toBase64Url(action.into), waiting)
        return
      }
      case "Established":
      case "TryPort":
      case "Start":
      case "Told":
      case "Gone":
        return agreed.perform(action)
      case "CallFailed": {
        const { callId, code, change } = action
        const key = Bytes.toBase64Url(callId)
        endRing(key, Option.some(code))
        answerCall(key, Effect.fail(new CallFailed({ code, ...(change === undefined ? {} : { change }) })))
        return
      }
      case "Refused":
        return onTurnedAway(action)
    }
  }

  /** It rings once it is known whether the server gives the caller the name that it says. */
  const ring = ({ callId, peer }: Extract<Calls.Action, { readonly _tag: "Ring" }>): Effect.Effect<void> => {
    const over = Deferred.makeUnsafe<Option.Option<string>>()
    rings.set(Bytes.toBase64Url(callId), over)
    const offer = (isVouchedFor: boolean): void => {
      if (Deferred.isDoneUnsafe(over)) return
      Queue.offerUnsafe(ringing, {
        caller: peer,
        isVouchedFor,
        accept: onCalls({ _tag: "Accept", callId }),
        decline: onCalls({ _tag: "Decline", callId }),
        over: Deferred.await(over),
      })
    }
    return whoIs(peer.name, (id) => offer(id === peer.id))
  }

  /** Asks the server whose a name is. */
  const whoIs = (name: PersonName, then: (id: PersonId.PersonId | undefined) => void): Effect.Effect<void> =>
    ask(Who.byName(name), (found) => then(found && PersonId.ofBytes(found.certificate.subarray(0, PersonId.bytes))))

  const agreed = AgreedCalls.make({
    connection,
    makePorts,
    send: (line) => sendOfCall(line),
    cancel: (callId) => onCalls({ _tag: "Cancel", callId }),
    tell: (callId, message) => {
      const [next, actions] = Calls.step(config, calls, { _tag: "Tell", callId, message }, time())
      calls = next
      timer.moved()
      for (const action of actions) if (action._tag === "Send") sendOfCall(action.line)
    },
    handOver: (key, held) => {
      endRing(key, Option.none())
      return calling.has(key) ? answerCall(key, Effect.succeed(held)) : Queue.offerUnsafe(incoming, held)
    },
  })

  // What a machine has decided is done, whoever is interrupted meanwhile: who hears that the link is lost closes it, and
  // with it the fiber that tells the others.
  const onLink = (event: ServerLink.Event): Effect.Effect<void> =>
    Effect.suspend(() => {
      const [next, actions] = ServerLink.step(link, event)
      link = next
      timer.moved()
      return perform(actions, performLink)
    }).pipe(Effect.uninterruptible)

  const onCalls = (event: Calls.Event): Effect.Effect<void> =>
    Effect.suspend(() => {
      const [next, actions] = Calls.step(config, calls, event, time())
      calls = next
      timer.moved()
      return perform(actions, performCalls)
    }).pipe(Effect.uninterruptible)

  /** Records go straight to their call: there are too many for a fiber, or for the machines. */
  const hear = Effect.fnUntraced(function* (lines: ReadonlyArray<LineSplitter.Line>) {
    let isRelaying = false
    for (const line of lines) {
      if (line._tag === "Line" && RelayLine.isRelay(line.text)) {
        agreed.relayed(line.text)
        isRelaying = true
      } else yield* onLink({ _tag: "Heard", line, now: now() })
    }
    if (isRelaying) yield* onLink({ _tag: "Relayed", now: now() })
  })

  const read = Effect.gen(function* () {
    let splitter = LineSplitter.initial
    yield* Effect.gen(function* () {
      for (;;) {
        const [next, lines] = LineSplitter.push(splitter, yield* connection.receive)
        splitter = next
        yield* hear(lines)
      }
    }).pipe(Effect.catchTag("ConnectionClosed", () => Effect.void))
    yield* onLink({ _tag: "Closed" })
  })

  // What nobody took up, when all else has ended.
  yield* Effect.addFinalizer(() => HeldAgreements.giveBack(incoming))
  yield* Effect.addFinalizer(() => onLink({ _tag: "Closed" }))
  const signature = RegisterProof.sign(primitives, identity, { ...secured, name })
  const { encoded: certificate } = identity.certificate
  const [greeting, first] = ServerLink.start({ _tag: "Register", name, certificate, signature, unlisted }, now())
  link = greeting
  const due = Effect.andThen(
    Effect.suspend(() => onLink({ _tag: "Due", now: now() })),
    onCalls({ _tag: "Due" }),
  )
  yield* Effect.forkScoped(timer.run(due), { startImmediately: true })
  yield* perform(first, performLink)
  yield* Effect.forkScoped(read, { startImmediately: true })
  yield* Deferred.await(registered)

  const whileThere = Effect.suspend(() =>
    Deferred.isDoneUnsafe(lost) ? Effect.flatMap(Deferred.await(lost), Effect.fail) : Effect.void,
  )

  const users = Effect.gen(function* () {
    yield* whileThere
    listing ??= Deferred.makeUnsafe()
    const mine = listing
    yield* onLink({ _tag: "List", now: now() })
    return yield* Deferred.await(mine)
  }).pipe(Effect.withSpan("SealedRendezvous.users"))

  const call = Effect.fn("SealedRendezvous.call")(
    ({ who, expected, invitation, resumes }: Parameters<SealedLink["call"]>[0]) =>
      Effect.uninterruptibleMask((restore) =>
        Effect.gen(function* () {
          yield* whileThere
          const entropy = { callId: randomBytes(16), ephemeral: randomBytes(32), kemSeed: randomBytes(64) }
          const mine = Deferred.makeUnsafe<HeldAgreement<SealedAgreement>, LinkLost | CallFailed>()
          calling.set(Bytes.toBase64Url(entropy.callId), mine)
          yield* onCalls({ _tag: "Dial", who, expected, invitation, resumes, entropy })
          return yield* HeldAgreements.answerTo(restore, mine, abandoned(mine))
        }),
      ),
  )

  /** Nobody waits for a call of ours: the other side is told. */
  const abandoned = (mine: Deferred.Deferred<HeldAgreement<SealedAgreement>, LinkLost | CallFailed>) =>
    Effect.suspend(() => {
      // It may have been merged with a call of the other side since.
      const [key] = [...calling].find(([, waiting]) => waiting === mine) ?? []
      const callId = key === undefined ? undefined : Bytes.fromBase64Url(key)
      return callId === undefined ? Effect.void : onCalls({ _tag: "Cancel", callId })
    })

  return {
    server: connection.remote,
    users,
    call,
    reflex: Effect.andThen(whileThere, reflex.known),
    freshReflex: Effect.andThen(whileThere, reflex.fresh),
    ringing: Queue.take(ringing),
    incoming: HeldAgreements.next(incoming),
    isNameOf: (name, id) =>
      Effect.gen(function* () {
        if (Deferred.isDoneUnsafe(lost)) return false
        const answer = Deferred.makeUnsafe<boolean>()
        yield* whoIs(name, (found) => void Deferred.doneUnsafe(answer, Effect.succeed(found === id)))
        return yield* Deferred.await(answer)
      }),
    doubt: (left) =>
      left.includes(connection.local.address) ? Effect.sync(connection.abort) : onLink({ _tag: "Doubt", now: now() }),
    release: Effect.andThen(
      whileThere,
      Effect.andThen(
        onLink({ _tag: "Release", now: now() }),
        Effect.raceFirst(Deferred.await(released), Effect.flatMap(Deferred.await(lost), Effect.fail)),
      ),
    ),
    lost: Deferred.await(lost),
  } satisfies SealedLink
})

const perform = <A>(actions: ReadonlyArray<A>, one: (action: A) => Effect.Effect<void> | void): Effect.Effect<void> =>
  Effect.gen(function* () {
    for (const action of actions) {
      const more = one(action)
      if (more !== undefined) yield* more
    }
  })
