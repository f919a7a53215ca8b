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
import * as ServerCalls from "../domain/nomitm1/ServerCalls.ts"
import { Negotiator } from "./Negotiator.ts"
import { AskError, type Member } from "./Registry.ts"
import type { SecureMember } from "./SecureRegistry.ts"
import { ServerLimits } from "./ServerLimits.ts"
import { ServerObserver } from "./ServerObserver.ts"

export class CallDesk extends Context.Service<
  CallDesk,
  {
    /** From now on the member can be told something. */
    readonly join: (member: SecureMember) => void
    /** The member is gone: its calls end. */
    readonly leave: (member: SecureMember) => void
    /** Something was said about a call, by a member that has joined. Does not wait. */
    readonly handle: (event: ServerCalls.Event) => void
  }
>()("nomitm/services/CallDesk") {
  static readonly layer: Layer.Layer<CallDesk, never, Negotiator> = Layer.effect(
    CallDesk,
    Effect.gen(function* () {
      const negotiator = yield* Negotiator
      const limits = yield* ServerLimits
      const report = yield* ServerObserver
      /** A timer or a negotiation for each call. */
      const running = yield* FiberMap.make<string, void>()
      const run = yield* FiberMap.runtime(running)()
      const members = new Map<number, SecureMember>()
      /** The questions about ports that wait for an answer: by call, then by member. */
      const questions = new Map<string, Map<number, Deferred.Deferred<boolean>>>()
      let state = ServerCalls.initial

      const handle = (event: ServerCalls.Event): void => {
        const [next, actions] = ServerCalls.step(state, event)
        state = next
        for (const action of actions) act(action)
      }

      const act = (action: ServerCalls.Action): void => {
        switch (action._tag) {
          case "Tell":
            return members.get(action.to)?.send(action.message)
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
      })
    }),
  )
}
