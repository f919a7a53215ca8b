/**
 * One link of a peer to its server in `nomitm/1`, as the rest of the peer uses it. `SealedLinkDriver` runs it.
 */
import type * as Effect from "effect/Effect"
import type * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import type * as Calls from "../../domain/call/Calls.ts"
import type { ChatKeys } from "../../domain/call/ChatKeys.ts"
import type { Invitation } from "../../domain/call/Invitation.ts"
import type { LinkMessage } from "../../domain/call/LinkChannel.ts"
import type { Endpoint } from "../../domain/Endpoint.ts"
import * as ErrorCode from "../../domain/ErrorCode.ts"
import type { Identity } from "../../domain/identity/Identity.ts"
import type * as PersonId from "../../domain/identity/PersonId.ts"
import type { User } from "../../domain/nomitm1/ServerLine.ts"
import type * as Who from "../../domain/nomitm1/Who.ts"
import type { PersonName } from "../../domain/PersonName.ts"
import type { TakenPort } from "./PortKeeper.ts"
import type { LinkLost, Refused } from "./RendezvousClient.ts"

/** A call came to nothing. `change` comes with `Key_changed`: the fingerprints of both keys. */
export class CallFailed extends Schema.TaggedError<CallFailed>("nomitm/CallFailed")("CallFailed", {
  code: Schema.String,
  change: Schema.optionalKey(Schema.Struct({ known: Schema.String, shown: Schema.String })),
}) {
  override get message(): string {
    return `The call failed: ${this.code} (${ErrorCode.explain(this.code).message})`
  }
}

/**
 * Both sides want the chat and have proven who they are. From now on the call is a way through the server, for as long as
 * there is one: the scope that the agreement was taken in ends it, and gives its port back.
 */
export interface SealedAgreement {
  readonly keys: ChatKeys
  /** They came with an invitation of ours, or we with one of theirs. */
  readonly invited: boolean
  /** The chat that goes on with these keys, 16 bytes: the callId of its first call. None if a chat begins. */
  readonly resumes: Uint8Array | undefined
  readonly wire: CallWire
}

/**
 * What an agreed call carries through the server. Nothing here waits: what the server does not take is lost, as on any
 * network.
 */
export interface CallWire {
  /**
   * Hands a record to the other side through the server, which may lose it.
   *
   * @param record 1 to 1,232 bytes; not kept
   * @returns false if the server does not carry it, and will carry none of this call
   */
  readonly relay: (record: Uint8Array) => boolean
  /** Seals a message and hands it to the other side through the server; nothing happens if it is too long. */
  readonly tell: (message: LinkMessage) => void
  /**
   * Calls the handler for each event until the scope closes. One handler at a time: a second one takes over. What comes
   * while there is none waits for it, at most `maxWaitingEvents` of records and messages, and is given to it before this
   * returns. The handler must not throw.
   */
  readonly receive: (handler: (event: WireEvent) => void) => Effect.Effect<void, never, Scope.Scope>
  /** The chat is over: the server and the other side are told so, and nothing more is heard. The port stays. */
  readonly end: Effect.Effect<void>
}

/** How many records, and how many messages, wait for a handler; more are dropped. */
export const maxWaitingEvents = 64

export type WireEvent =
  | { readonly _tag: "Relayed"; readonly record: Uint8Array }
  /** A sealed message of the other side. */
  | { readonly _tag: "Told"; readonly message: LinkMessage }
  /**
   * The server has told each where the other is, at most once. `port` is bound, and goes at the latest with the scope that
   * the agreement was taken in; its number may be another than the server thinks. Neither: only the relay is left.
   */
  | { readonly _tag: "Started"; readonly port: TakenPort | undefined; readonly remote: Endpoint | undefined }
  /** The server relays nothing. */
  | { readonly _tag: "RelayRefused" }
  /** Nothing goes through the server any more. It is the last event, and says nothing of the other side. */
  | { readonly _tag: "Gone"; readonly code: string }

/** How the server can be asked by UDP where it sees a port of ours (PROTOCOL.md, section 14.4). */
export interface Reflex {
  /** 16 bytes. */
  readonly token: Uint8Array
  /** 32 bytes. */
  readonly key: Uint8Array
  /** Where the server sees this connection come from. */
  readonly seen: string
  /** Where to ask: at 2 * address + port, of one or two addresses with two ports each. */
  readonly targets: ReadonlyArray<Endpoint>
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
  /** The server's address as it was reached, and its port. */
  readonly server: Endpoint
  /** Who is online, without oneself and those unlisted. */
  readonly users: Effect.Effect<ReadonlyArray<User>, LinkLost>
  /**
   * Calls somebody. One call at a time: a second one fails as `Already_calling`. With `resumes` it is no person's call but
   * goes on with a chat, and counts beside others, once a chat; it fails as `No_such_chat` where the other side has proven
   * to know none.
   *
   * @param target.resumes the callId of the chat's first call, 16 bytes; then `who` is an id
   */
  readonly call: (target: {
    readonly who: Who.Who
    readonly expected?: PersonId.PersonId | undefined
    readonly invitation?: Invitation | undefined
    readonly resumes?: Uint8Array | undefined
  }) => Effect.Effect<SealedAgreement, LinkLost | CallFailed, Scope.Scope>
  /** Waits for the next call that rings. */
  readonly ringing: Effect.Effect<Ringing, LinkLost>
  /** Waits for the next chat that somebody else began or resumed, and that was accepted here. */
  readonly incoming: Effect.Effect<SealedAgreement, LinkLost, Scope.Scope>
  /** Whether the server says that a name is this key's; false as well if nobody of that name is online. */
  readonly isNameOf: (name: PersonName, id: PersonId.PersonId) => Effect.Effect<boolean>
  /**
   * Where to look up what the server sees of a UDP port. Asked once: the answer holds as long as the link. Refused as
   * `Unavailable` where none is served.
   */
  readonly reflex: Effect.Effect<Reflex, LinkLost | Refused>
  /** Asks anew: what was answered before holds no more. */
  readonly freshReflex: Effect.Effect<Reflex, LinkLost | Refused>
  /**
   * Nothing comes through any more: the server is asked for a sign of life, and without one the link is lost soon.
   *
   * @param left addresses that were this machine's and are not any more; a connection from one of them is lost at once
   */
  readonly doubt: (left: ReadonlyArray<string>) => Effect.Effect<void>
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
  readonly knowledge: Omit<Calls.Config, "primitives" | "self" | "resumable" | "relayOnly">
  /** Whether a chat of somebody can go on. No chat can without it. Must not wait and not throw. */
  readonly resumable?: Calls.Config["resumable"] | undefined
  /** No port of ours is ever bound: all goes through the server. */
  readonly relayOnly?: boolean | undefined
  /** Notes for good that an invitation is used up; false if it was already. */
  readonly useUpInvitation: (inviteId: Uint8Array, by: PersonId.PersonId) => Effect.Effect<boolean>
  /** Called when somebody was turned away. Must not wait and not throw. */
  readonly onTurnedAway: (who: TurnedAway) => void
}
