/**
 * What happens to the calls of one link to a server, and what is to be done then: the words of the state machine `Calls`.
 */
import type { Primitives } from "../crypto/Primitives.ts"
import type { Endpoint, Port } from "../Endpoint.ts"
import type { PersonId } from "../identity/PersonId.ts"
import type { ClientLine } from "../nomitm1/ClientLine.ts"
import type * as Who from "../nomitm1/Who.ts"
import type { PersonName } from "../PersonName.ts"
import type { CalleeEntropy, CallerEntropy, Self } from "./CallHandshake.ts"
import type { ChatKeys } from "./ChatKeys.ts"
import type { Invitation } from "./Invitation.ts"
import type { LinkMessage } from "./LinkChannel.ts"

/** The two clocks an event is told with. */
export interface Time {
  /** Of a clock that only goes forward, in milliseconds. */
  readonly now: number
  /** Since 1970: certificates and invitations are judged by it. */
  readonly seconds: number
}

/** Somebody who calls. The name is what they say. */
export interface CallerInfo {
  readonly id: PersonId
  readonly name: PersonName
  /** They have an invitation of ours that counts. */
  readonly invited: boolean
}

/** What a caller meets: the person is asked, or has agreed beforehand, or does not want to know. */
export type Welcome = "Ring" | "Accept" | "Refuse"

/** What is known here, asked for in each step: it may change in between. */
export interface Config {
  readonly primitives: Primitives
  readonly self: Self
  readonly admits: (caller: CallerInfo) => Welcome
  /** The pre-shared key of an invitation that can be used: neither used up nor expired. */
  readonly pskOf: (inviteId: Uint8Array) => Uint8Array | undefined
  /** The highest serial seen in certificates of an id. */
  readonly highestSerial: (id: PersonId) => number | undefined
  /** The id of the contact known by a name at this server. */
  readonly pinned: (name: PersonName) => PersonId | undefined
  /** Whether there is a chat, by the callId of its first call (16 bytes), that can go on with its other side. */
  readonly resumable: (chatId: Uint8Array, id: PersonId) => "Known" | "Unknown"
  /** No port is tried: all goes through the server. */
  readonly relayOnly?: boolean | undefined
}

export type Event =
  /**
   * Call somebody. `expected` is the id it must be, where that is known from elsewhere than the name; an invitation says
   * it too. `resumes` is the chat that goes on, 16 bytes, where the program calls and not the person; without an
   * invitation then.
   */
  | {
      readonly _tag: "Dial"
      readonly who: Who.Who
      readonly expected?: PersonId | undefined
      readonly invitation?: Invitation | undefined
      readonly resumes?: Uint8Array | undefined
      readonly entropy: CallerEntropy
    }
  /** The answer to `LookUp`. */
  | {
      readonly _tag: "Found"
      readonly callId: Uint8Array
      readonly name: PersonName
      readonly certificate: Uint8Array
    }
  /** The other answer to `LookUp`: the server has nobody, or does not say. */
  | { readonly _tag: "NotFound"; readonly callId: Uint8Array; readonly code: string }
  | {
      readonly _tag: "Incoming"
      readonly callId: Uint8Array
      readonly callerHash: Uint8Array
      readonly m1: Uint8Array
      readonly entropy: CalleeEntropy
    }
  | { readonly _tag: "Passed"; readonly callId: Uint8Array; readonly data: Uint8Array }
  | { readonly _tag: "Ended"; readonly callId: Uint8Array; readonly code: string }
  /** PORT; none if the number was none of a port. */
  | { readonly _tag: "AskedPort"; readonly callId: Uint8Array; readonly port: Port | undefined }
  /** STARTCHAT; without an endpoint if only the relay is left. */
  | { readonly _tag: "StartChat"; readonly callId: Uint8Array; readonly endpoint: Endpoint | undefined }
  /** Something for the other side of an established call, sealed. */
  | { readonly _tag: "Tell"; readonly callId: Uint8Array; readonly message: LinkMessage }
  /** The person's word about a call that rings. */
  | { readonly _tag: "Accept"; readonly callId: Uint8Array }
  | { readonly _tag: "Decline"; readonly callId: Uint8Array }
  /** A call is not wanted any more, whoever called; or one that was established is over. */
  | { readonly _tag: "Cancel"; readonly callId: Uint8Array }
  /** Answers `UseUpInvitation`: it is noted for good, or it was used already. */
  | { readonly _tag: "InvitationUsed"; readonly callId: Uint8Array; readonly ok: boolean }
  /** `dueAt` has come. */
  | { readonly _tag: "Due" }
  | { readonly _tag: "LinkLost" }

/** The fingerprints of two keys: of the contact, and of who shows up in its place. */
export interface KeyChange {
  readonly known: string
  readonly shown: string
}

/** Why somebody who called was turned away, as far as a person should know. */
export type RefusedCode = "Key_changed" | "Certificate_rollback" | "Not_admitted"

export type Action =
  | { readonly _tag: "Send"; readonly line: ClientLine }
  /** Ask the server for somebody's certificate, and answer `Found` or `NotFound`. */
  | { readonly _tag: "LookUp"; readonly callId: Uint8Array; readonly who: Who.Who }
  /** Note, so that it outlives the program, that this invitation is used up, and tell with `InvitationUsed`. */
  | { readonly _tag: "UseUpInvitation"; readonly callId: Uint8Array; readonly inviteId: Uint8Array }
  /** Somebody is there and waits for `Accept` or `Decline`. */
  | {
      readonly _tag: "Ring"
      readonly callId: Uint8Array
      readonly peer: CallerInfo
      /** What the caller knows us by. */
      readonly dialled: Who.Who
      readonly inviteId: Uint8Array | undefined
    }
  /** Our call and theirs have met: what becomes of the call `into` is the answer to ours. */
  | { readonly _tag: "Merged"; readonly callId: Uint8Array; readonly into: Uint8Array }
  /** Both want the chat: M4 was sent or verified. From now on the call is a way through the server, until `Gone`. */
  | {
      readonly _tag: "Established"
      readonly callId: Uint8Array
      readonly keys: ChatKeys
      /** Of the invitation that brought them together, whoever's it was. */
      readonly inviteId: Uint8Array | undefined
      /** The chat that goes on, 16 bytes. */
      readonly resumes: Uint8Array | undefined
    }
  /** Bind this port, if it is free, and answer `PortFree` or `PortTaken`. */
  | { readonly _tag: "TryPort"; readonly callId: Uint8Array; readonly port: Port }
  /** The other side can be met at an endpoint from the port that was tried last; or through the server alone. */
  | { readonly _tag: "Start"; readonly callId: Uint8Array; readonly endpoint: Endpoint | undefined }
  /** The other side of an established call has sent a sealed message. */
  | { readonly _tag: "Told"; readonly callId: Uint8Array; readonly message: LinkMessage }
  /** The end of a call that was established: nothing goes through the server any more. */
  | { readonly _tag: "Gone"; readonly callId: Uint8Array; readonly code: string }
  /**
   * The end of a call that was dialled or rang, and was not established. `byUs`: our person wanted it. `change` comes
   * with `Key_changed`.
   */
  | {
      readonly _tag: "CallFailed"
      readonly callId: Uint8Array
      readonly code: string
      readonly byUs: boolean
      readonly change: KeyChange | undefined
    }
  /** Somebody called and was turned away, without having rung. With `Key_changed` it was somebody in a contact's name. */
  | {
      readonly _tag: "Refused"
      readonly code: RefusedCode
      readonly id: PersonId
      readonly name: PersonName
      readonly change: KeyChange | undefined
    }
