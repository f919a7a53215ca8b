/**
 * Runs the calls of those who are online over TLS: `domain/nomitm1/ServerCalls` decides, this tells, waits, and has
 * ports negotiated.
 *
 * The `Negotiator` is the one of plaintext. It is given two members that exist for one call only, so that whoever has
 * several calls at once has a negotiation for each.
 */
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as FiberMap from "effect/FiberMap"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as RelayQuota from "../../domain/nomitm1/RelayQuota.ts"
import * as ServerCalls from "../../domain/nomitm1/ServerCalls.ts"
import { monotonicReader } from "../monotonic.ts"
import { Negotiator } from "./Negotiator.ts"
import { AskError, type Member } from "./Registry.ts"
import type { SecureMember } from "./SecureRegistry.ts"
import { ServerLimits } from "./ServerLimits.ts"
import { ServerObserver } from "../ServerObserver.ts"

/** Who has not taken so many bytes yet gets no records: they would be old when they come. */
export const maxQueuedBytes = 256 * 1024

export class CallDesk extends Context.Service<
  CallDesk,
  {
    /** From now on the member can be told something. */
    readonly join: (member: SecureMember) => void
    /** The member is gone: its calls end. */
    readonly leave: (member: SecureMember) => void
    /** Something was said about a call, by a member that has joined. Does not wait. */
    readonly handle: (event: ServerCalls.Event) => void
    /**
     * Hands a record of a member that has joined to the other side of the call, or drops it.
     *
     * @returns whether it was counted as bytes of its sender; anything else is a line like others
     */
    readonly relay: (from: number, callId: Uint8Array, record: Uint8Array) => boolean
  }
>()("nomitm/services/server/CallDesk") {
  static readonly layer: Layer.Layer<CallDesk, never, Negotiator> = Layer.effect(
    CallDesk,
    Effect.gen(function* () {
      const negotiator = yield* Negotiator
      const limits = yield* ServerLimits
      const report = yield* ServerObserver
      const now = yield* monotonicReader
      /** A timer or a negotiation for each call. */
      const running = yield* FiberMap.make<string, void>()
      const run = yield* FiberMap.runtime(running)()
      const members = new Map<number, SecureMember>()
      /** The questions about ports that wait for an answer: by call, then by member. */
      const questions = new Map<string, Map<number, Deferred.Deferred<boolean>>>()
      let state = ServerCalls.initial(limits.relay !== undefined)
      let quota = limits.relay === undefined ? undefined : RelayQuota.initial(limits.relay, now())

      const handle = (event: ServerCalls.Event): void => {
        const [next, actions] = ServerCalls.step(state, event)
        state = next
        for (const action of actions) act(action)
      }

      const act = (action: ServerCalls.Action): void => {
        switch (action._tag) {
          case "Tell":
            return members.get(action.to)?.send(action.message)
          case "Carry":
            carry(action)
            return
          case "SetTimer": {
            const timedOut = Effect.sync(() => handle({ _tag: "TimedOut", key: action.key }))
            run(action.key, Effect.delay(timedOut, action.millis))
            return
          }
          case "Negotiate":
            run(action.key, negotiate(action.key, action.call))
            return
          case "Answered": {
            const question = questions.get(action.key)?.get(action.by)
            if (question !== undefined) Deferred.doneUnsafe(question, Effect.succeed(action.free))
            return
          }
          case "Forget":
            // Also when it is the fiber of the call that brought this about: it has nothing left to do.
            FiberMap.getUnsafe(running, action.key).pipe(Option.map((fiber) => fiber.interruptUnsafe()))
            return
          case "Report":
            return report(action.event)
        }
      }

      /** Whether the record counts as bytes of whoever sent it. */
      const carry = ({ by, to, message }: Extract<ServerCalls.Action, { readonly _tag: "Carry" }>): boolean => {
        if (limits.relay === undefined || quota === undefined) return false
        const [next, verdict] = RelayQuota.take(limits.relay, quota, by, message.record.length, now())
        quota = next
        if (verdict === "UserOver") return false
        const receiver = members.get(to)
        if (verdict === "Within" && receiver !== undefined && receiver.queued() <= maxQueuedBytes) {
          receiver.send(message)
        }
        return true
      }

      const relay = (from: number, callId: Uint8Array, record: Uint8Array): boolean => {
        const [next, actions] = ServerCalls.step(state, { _tag: "Relay", from, callId, record })
        state = next
        let isCounted = false
        for (const action of actions) {
          if (action._tag === "Carry") isCounted = carry(action)
          else act(action)
        }
        return isCounted
      }

      const negotiate = (key: string, call: ServerCalls.Negotiation): Effect.Effect<void> => {
        const asked = new Map<number, Deferred.Deferred<boolean>>()
        const memberOf = (party: ServerCalls.Party): Member => ({
          name: party.name,
          address: party.address,
          // Both are told by `ServerCalls`.
          send: () => {},
          ask: (port) =>
            Effect.suspend(() => {
              const question = Deferred.makeUnsafe<boolean>()
              asked.set(party.number, question)
              members.get(party.number)?.send({ _tag: "AskPort", port, callId: call.callId })
              return Deferred.await(question).pipe(
                Effect.timeoutOrElse({
                  duration: limits.answerMillis,
                  orElse: () => Effect.fail(new AskError({ reason: "No_answer" })),
                }),
              )
            }),
          // Who leaves ends the call, and with it this.
          gone: Effect.never,
        })
        return Effect.suspend(() => {
          questions.set(key, asked)
          return negotiator.call(memberOf(call.caller), memberOf(call.callee))
        }).pipe(
          Effect.ensuring(
            Effect.sync(() => {
              if (questions.get(key) === asked) questions.delete(key)
            }),
          ),
          Effect.match({
            onSuccess: (outcome) => {
              if (outcome._tag === "Started") handle({ _tag: "PortFound", key, port: outcome.port })
            },
            onFailure: ({ code }) => handle({ _tag: "NoPort", key, code }),
          }),
        )
      }

      return CallDesk.of({
        join: (member) => void members.set(member.number, member),
        leave: (member) => {
          if (members.delete(member.number)) handle({ _tag: "Left", from: member.number })
        },
        handle,
        relay,
      })
    }),
  )
}
