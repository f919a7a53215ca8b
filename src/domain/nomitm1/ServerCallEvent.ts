/**
 * What happens to the calls at a server, and what is to be done about it: the words of `ServerCalls`.
 */
import type { EndCode } from "./ClientLine.ts"
import type { ServerMessage } from "./ServerLine.ts"
import type { Port } from "../Endpoint.ts"
import type { ErrorCode } from "../ErrorCode.ts"
import type { PersonId } from "../identity/PersonId.ts"
import type { PersonName } from "../PersonName.ts"
import type { ServerEvent } from "../ServerEvent.ts"

/** A connection with a name, as far as calls are concerned. */
export interface Party {
  /** Of the connection: no two have the same, ever. */
  readonly number: number
  readonly name: PersonName
  readonly id: PersonId
  /** Where the other side will send to: the address at which the server sees it. */
  readonly address: string
}

/** `from` is always the number of a connection. */
export type Event =
  | {
      readonly _tag: "Chat"
      readonly caller: Party
      /** Nobody if the one called is not online. */
      readonly callee: Party | undefined
      readonly callId: Uint8Array
      readonly callerHash: Uint8Array
      readonly m1: Uint8Array
      /** Milliseconds. */
      readonly now: number
    }
  | {
      readonly _tag: "Pass"
      readonly from: number
      readonly callId: Uint8Array
      readonly data: Uint8Array
      readonly now: number
    }
  | { readonly _tag: "Relay"; readonly from: number; readonly callId: Uint8Array; readonly record: Uint8Array }
  | { readonly _tag: "Accept"; readonly from: number; readonly callId: Uint8Array }
  | { readonly _tag: "End"; readonly from: number; readonly callId: Uint8Array; readonly code: EndCode }
  | { readonly _tag: "Answer"; readonly from: number; readonly callId: Uint8Array; readonly free: boolean }
  /** One side wants no port: the relay is all that it uses. */
  | { readonly _tag: "NoPortWanted"; readonly from: number; readonly callId: Uint8Array }
  /** The connection is over, or has no name any more. */
  | { readonly _tag: "Left"; readonly from: number }
  /** `key` as in the actions. */
  | { readonly _tag: "TimedOut"; readonly key: string }
  | { readonly _tag: "PortFound"; readonly key: string; readonly port: Port }
  | { readonly _tag: "NoPort"; readonly key: string; readonly code: ErrorCode }

export type Action =
  | { readonly _tag: "Tell"; readonly to: number; readonly message: ServerMessage }
  /** Hand a record on, if those who sent it and who get it have room for it. */
  | { readonly _tag: "Carry"; readonly by: PersonId; readonly to: number; readonly message: Relayed }
  /** Raise `TimedOut` so much later, unless the call is set another time or forgotten before. */
  | { readonly _tag: "SetTimer"; readonly key: string; readonly millis: number }
  /** Find a port that is free on both sides, then raise `PortFound` or `NoPort`. */
  | { readonly _tag: "Negotiate"; readonly key: string; readonly call: Negotiation }
  /** An answer to the question about a port that one side was asked last. */
  | { readonly _tag: "Answered"; readonly key: string; readonly by: number; readonly free: boolean }
  /** Stop what goes on for this call. */
  | { readonly _tag: "Forget"; readonly key: string }
  | { readonly _tag: "Report"; readonly event: ServerEvent }

export type Relayed = Extract<ServerMessage, { readonly _tag: "Relay" }>

export interface Negotiation {
  readonly callId: Uint8Array
  readonly caller: Party
  readonly callee: Party
}
