/**
 * The calls of one link: runs `domain/call/Calls`, which decides what is said of a call, and hands on what comes of it, to
 * who has called, who is called, and, from M4 on, to `AgreedCalls`.
 */
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Queue from "effect/Queue"
import type * as Scope from "effect/Scope"
import * as Calls from "../../domain/call/Calls.ts"
import * as CallState from "../../domain/call/CallState.ts"
import * as Bytes from "../../domain/crypto/Bytes.ts"
import type { ClientLine } from "../../domain/nomitm1/ClientLine.ts"
import type { CallLine } from "../../domain/nomitm1/ServerLink.ts"
import * as Actions from "../Actions.ts"
import * as AgreedCalls from "./AgreedCalls.ts"
import type { Cryptography } from "../Cryptography.ts"
import * as HeldAgreements from "./HeldAgreement.ts"
import type { HeldAgreement } from "./HeldAgreement.ts"
import type * as PortKeeper from "./PortKeeper.ts"
import type { LinkLost } from "./RendezvousClient.ts"
import type { Connection } from "../RendezvousTransport.ts"
import { CallFailed, type Options, type Ringing, type SealedAgreement, type SealedLink } from "./SealedLink.ts"
import type { UserQuestions } from "./UserQuestions.ts"

/** How many calls may wait to be heard of, and how many chats to be taken up; more are dropped. */
export const waitingCalls = 8

/** The link that the calls are on. */
export interface Link extends Pick<UserQuestions, "ask" | "whoIs"> {
  readonly connection: Connection
  /** A keeper for the port of one call. */
  readonly makePorts: Effect.Effect<PortKeeper.PortKeeper, never, Scope.Scope>
  /** A line about a call goes out. */
  readonly send: (line: ClientLine) => void
  /** To be called when `dueAt` may be another. */
  readonly moved: () => void
  /** In milliseconds. */
  readonly now: () => number
}

export interface LinkCalls extends Pick<SealedLink, "call" | "ringing" | "incoming"> {
  /** What the server says about a call. */
  readonly heard: (line: CallLine) => Effect.Effect<void>
  /** A line of a record. */
  readonly relayed: (line: string) => void
  /** The server relays nothing. */
  readonly relayRefused: () => void
  /** When `due` is to be run, in milliseconds of the link's clock; `Infinity` if never. */
  readonly dueAt: () => number
  readonly due: Effect.Effect<void>
  /** Ends all that is under way, and whoever waits hears of it. */
  readonly lost: (error: LinkLost) => Effect.Effect<void>
}

/** Calls of who `options` says. What nobody has taken up is given back when the scope closes. */
export const make = Effect.fnUntraced(function* (
  { connection, makePorts, send, moved, now, ask, whoIs }: Link,
  { primitives, randomBytes }: Cryptography["Service"],
  { identity, name, knowledge, resumable, relayOnly, useUpInvitation, onTurnedAway }: Options,
) {
  const clock = yield* Clock.Clock
  const time = (): Calls.Time => ({ now: now(), seconds: Math.floor(clock.currentTimeMillisUnsafe() / 1000) })
  const config: Calls.Config = {
    primitives,
    self: { identity, name },
    ...knowledge,
    resumable: resumable ?? (() => "Unknown"),
    relayOnly,
  }
  let calls = Calls.initial

  const ringing = yield* Queue.dropping<Ringing, LinkLost>(waitingCalls)
  const incoming = yield* Queue.dropping<HeldAgreement<SealedAgreement>, LinkLost>(waitingCalls)
  // What nobody took up, when all else has ended.
  yield* Effect.addFinalizer(() => HeldAgreements.giveBack(incoming))
  /** Who waits for a call of ours, by its callId. */
  const calling = new Map<string, Deferred.Deferred<HeldAgreement<SealedAgreement>, LinkLost | CallFailed>>()
  /** Calls that ring, by callId. */
  const rings = new Map<string, Deferred.Deferred<Option.Option<string>>>()

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

  const step = (event: Calls.Event): ReadonlyArray<Calls.Action> => {
    const [next, actions] = Calls.step(config, calls, event, time())
    calls = next
    moved()
    return actions
  }

  // What the machine has decided is done, whoever is interrupted meanwhile.
  const onCalls = (event: Calls.Event): Effect.Effect<void> =>
    Effect.suspend(() => Actions.perform(step(event), perform)).pipe(Effect.uninterruptible)

  const heard = (line: CallLine): Effect.Effect<void> => {
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

  const perform = (action: Calls.Action): Effect.Effect<void> | void => {
    switch (action._tag) {
      case "Send":
        return send(action.line)
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

  const agreed = AgreedCalls.make({
    connection,
    makePorts,
    send,
    cancel: (callId) => onCalls({ _tag: "Cancel", callId }),
    tell: (callId, message) => {
      for (const action of step({ _tag: "Tell", callId, message })) if (action._tag === "Send") send(action.line)
    },
    handOver: (key, held) => {
      endRing(key, Option.none())
      return calling.has(key) ? answerCall(key, Effect.succeed(held)) : Queue.offerUnsafe(incoming, held)
    },
  })

  const call = Effect.fn("SealedRendezvous.call")(
    ({ who, expected, invitation, resumes }: Parameters<SealedLink["call"]>[0]) =>
      Effect.uninterruptibleMask((restore) =>
        Effect.gen(function* () {
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
    call,
    ringing: Queue.take(ringing),
    incoming: HeldAgreements.next(incoming),
    heard,
    relayed: agreed.relayed,
    relayRefused: agreed.relayRefused,
    dueAt: () => Calls.dueAt(calls),
    due: onCalls({ _tag: "Due" }),
    lost: (error) =>
      Effect.andThen(
        onCalls({ _tag: "LinkLost" }),
        Effect.sync(() => {
          for (const key of calling.keys()) answerCall(key, Effect.fail(error))
          for (const key of rings.keys()) endRing(key, Option.some("Server_lost"))
          Queue.failCauseUnsafe(incoming, Cause.fail(error))
          Queue.failCauseUnsafe(ringing, Cause.fail(error))
        }),
      ),
  } satisfies LinkCalls
})
