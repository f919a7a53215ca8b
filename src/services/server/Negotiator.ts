/**
 * Brings two members to a port number that is free on both sides, and starts their chat (PROTOCOL.md, section 4.1).
 *
 * Both are asked at once; a refusal by either leads to another number, at most `maxTries` in all. While it lasts a
 * member takes part in no other negotiation: two who call each other get one chat, a third caller is told `Busy`.
 */
import * as Context from "effect/Context"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import type { Port } from "../../domain/Endpoint.ts"
import { ErrorCode } from "../../domain/ErrorCode.ts"
import { PortAllocator } from "../PortAllocator.ts"
import type { AskError, Member } from "./Registry.ts"

/** How many port numbers are tried. */
export const maxTries = 20

/** Why a call comes to nothing. */
export class CallError extends Schema.TaggedError<CallError>("nomitm/CallError")("CallError", {
  code: ErrorCode,
}) {
  override get message(): string {
    return `The call failed: ${this.code}`
  }
}

/** What became of a CHAT. */
export type Outcome =
  /** Both were told to start. */
  | { readonly _tag: "Started"; readonly port: Port }
  /** The one called is calling the caller at this moment: that call serves for both. */
  | { readonly _tag: "Crossed" }

export class Negotiator extends Context.Service<
  Negotiator,
  {
    /**
     * Negotiates a call, tells both sides to start, or tells whom it concerns why it comes to nothing.
     *
     * Interrupted, it tells nobody.
     */
    readonly call: (caller: Member, callee: Member) => Effect.Effect<Outcome, CallError>
  }
>()("nomitm/services/server/Negotiator") {
  static readonly layer: Layer.Layer<Negotiator, never, PortAllocator> = Layer.effect(
    Negotiator,
    Effect.gen(function* () {
      const allocator = yield* PortAllocator
      /** Who is negotiating with whom, both ways round. */
      const partners = new Map<Member, Member>()

      const agree = Effect.fnUntraced(function* (caller: Member, callee: Member) {
        const tried = new Set<Port>()
        for (let tries = 0; tries < maxTries; tries++) {
          const port = yield* allocator.draw(tried)
          tried.add(port)
          const [here, there] = yield* Effect.all(
            [blaming(caller, caller.ask(port)), blaming(callee, callee.ask(port))],
            { concurrency: 2 },
          )
          if (here && there) return port
        }
        return yield* new Blame({ code: "Too_many_tries", who: undefined })
      })

      const negotiate = Effect.fnUntraced(function* (caller: Member, callee: Member) {
        partners.set(caller, callee)
        partners.set(callee, caller)
        const port = yield* Effect.raceAllFirst([agree(caller, callee), leaving(caller), leaving(callee)]).pipe(
          Effect.catchTag("Blame", ({ code, who }) => {
            // Who refused the call, or is gone, need not be told; who was silent may be listening again.
            const told = (member: Member) => who !== member || code === "No_answer"
            if (told(caller)) caller.send(refusal(code, callee))
            if (told(callee)) callee.send(refusal(code, caller))
            return Effect.fail(new CallError({ code }))
          }),
          Effect.ensuring(
            Effect.sync(() => {
              partners.delete(caller)
              partners.delete(callee)
            }),
          ),
        )
        caller.send(startChat(callee, port))
        callee.send(startChat(caller, port))
        return port
      })

      return Negotiator.of({
        call: Effect.fnUntraced(function* (caller, callee) {
          const partner = partners.get(caller)
          const code =
            callee === caller
              ? "Self_call"
              : partner === callee
                ? undefined
                : partner !== undefined
                  ? "Already_calling"
                  : partners.has(callee)
                    ? "Busy"
                    : undefined
          if (code !== undefined) {
            caller.send(refusal(code, callee))
            return yield* new CallError({ code })
          }
          caller.send({ _tag: "Calling" })
          if (partner === callee) return { _tag: "Crossed" }
          return { _tag: "Started", port: yield* negotiate(caller, callee) }
        }),
      })
    }),
  )
}

/** A failed negotiation, and who caused it. */
class Blame extends Data.TaggedError("Blame")<{
  readonly code: ErrorCode
  readonly who: Member | undefined
}> {}

const blaming = (member: Member, asked: Effect.Effect<boolean, AskError>): Effect.Effect<boolean, Blame> =>
  Effect.mapError(asked, (error) => new Blame({ code: error.reason, who: member }))

/** Whoever leaves ends the negotiation, whether it has answered or not. */
const leaving = (member: Member): Effect.Effect<never, Blame> =>
  Effect.andThen(member.gone, () => Effect.fail(new Blame({ code: "Peer_gone", who: member })))

const refusal = (code: ErrorCode, about: Member) => ({ _tag: "Error" as const, code, about: Option.some(about.name) })

const startChat = (other: Member, port: Port) => ({
  _tag: "StartChat" as const,
  endpoint: { address: other.address, port },
  name: Option.some(other.name),
})
