/**
 * One link of a peer to its server in `nomitm/1`, as the rest of the peer uses it. `SealedLinkDriver` runs it.
 */
import type * as Effect from "effect/Effect"
import type * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import type * as Calls from "../domain/call/Calls.ts"
import type { ChatKeys } from "../domain/call/ChatKeys.ts"
import type { Invitation } from "../domain/call/Invitation.ts"
import type { Endpoint } from "../domain/Endpoint.ts"
import * as ErrorCode from "../domain/ErrorCode.ts"
import type { Identity } from "../domain/identity/Identity.ts"
import type * as PersonId from "../domain/identity/PersonId.ts"
import type { User } from "../domain/nomitm1/ServerLine.ts"
import type * as Who from "../domain/nomitm1/Who.ts"
import type { PersonName } from "../domain/PersonName.ts"
import type { PeerSocket } from "./PeerTransport.ts"
import type { LinkLost } from "./RendezvousClient.ts"

/** A call came to nothing. `change` comes with `Key_changed`: the fingerprints of both keys. */
export class CallFailed extends Schema.TaggedError<CallFailed>("nomitm/CallFailed")("CallFailed", {
  code: Schema.String,
  change: Schema.optionalKey(Schema.Struct({ known: Schema.String, shown: Schema.String })),
}) {
  override get message(): string {
    return `The call failed: ${this.code} (${ErrorCode.explain(this.code).message})`
  }
}

/** Both sides want the chat and have proven who they are. */
export interface SealedAgreement {
  readonly keys: ChatKeys
  /** Where the other side is, as the server says. */
  readonly remote: Endpoint
  /** The bound port, which goes with the scope that the agreement was taken in. */
  readonly socket: PeerSocket
  /** They came with an invitation of ours, or we with one of theirs. */
  readonly invited: boolean
}

/** Somebody calls, and waits for a yes. */
export interface Ringing {
  readonly caller: Calls.CallerInfo
  /** Whether the server, too, says that the name is that key's. */
  readonly isVouchedFor: boolean
  readonly accept: Effect.Effect<void>
  readonly decline: Effect.Effect<void>
  /** Waits until it does not ring any more; why, if it was not taken. */
  readonly over: Effect.Effect<Option.Option<string>>
}

/** Somebody was turned away without having rung. */
export type TurnedAway = Extract<Calls.Action, { readonly _tag: "Refused" }>

export interface SealedLink {
  /** Who is online, without oneself and those unlisted. */
  readonly users: Effect.Effect<ReadonlyArray<User>, LinkLost>
  /** Calls somebody. One call at a time: a second one fails as `Already_calling`. */
  readonly call: (target: {
    readonly who: Who.Who
    readonly expected?: PersonId.PersonId | undefined
    readonly invitation?: Invitation | undefined
  }) => Effect.Effect<SealedAgreement, LinkLost | CallFailed, Scope.Scope>
  /** Waits for the next call that rings. */
  readonly ringing: Effect.Effect<Ringing, LinkLost>
  /** Waits for the next chat that somebody else began, and that was accepted here. */
  readonly incoming: Effect.Effect<SealedAgreement, LinkLost, Scope.Scope>
  /** Whether the server says that a name is this key's; false as well if nobody of that name is online. */
  readonly isNameOf: (name: PersonName, id: PersonId.PersonId) => Effect.Effect<boolean>
  /** Gives the name up for good; the link is over then. */
  readonly release: Effect.Effect<void, LinkLost>
  /** Waits until the link is gone. */
  readonly lost: Effect.Effect<LinkLost>
}

/** Who we are on this link, and what is known here. */
export interface Options {
  readonly name: PersonName
  readonly unlisted: boolean
  readonly identity: Identity
  /** What is known of people here: asked for at each step, it may change in between. Must not wait and not throw. */
  readonly knowledge: Omit<Calls.Config, "primitives" | "self">
  /** Notes for good that an invitation is used up; false if it was already. */
  readonly useUpInvitation: (inviteId: Uint8Array, by: PersonId.PersonId) => Effect.Effect<boolean>
  /** Called when somebody was turned away. Must not wait and not throw. */
  readonly onTurnedAway: (who: TurnedAway) => void
}
