/**
 * The calls of one link that are agreed on: each has its `AgreedWire`, from M4 until nothing goes through the server any
 * more. What `domain/call/Calls` wants done about them is done here.
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type * as Calls from "../../domain/call/Calls.ts"
import type { LinkMessage } from "../../domain/call/LinkChannel.ts"
import * as Bytes from "../../domain/crypto/Bytes.ts"
import type { ClientLine } from "../../domain/nomitm1/ClientLine.ts"
import * as RelayLine from "../../domain/nomitm1/RelayLine.ts"
import * as AgreedWires from "./AgreedWire.ts"
import type { AgreedWire } from "./AgreedWire.ts"
import type { HeldAgreement } from "./HeldAgreement.ts"
import type * as PortKeeper from "./PortKeeper.ts"
import type { Connection } from "../RendezvousTransport.ts"
import type { SealedAgreement } from "./SealedLink.ts"

/** While so much waits to be sent to the server, in bytes, records are dropped. */
const maxQueuedBytes = 256 * 1024

/** What is wanted of calls that are agreed on. */
export type Action = Extract<Calls.Action, { readonly _tag: "Established" | "TryPort" | "Start" | "Told" | "Gone" }>

/** The link. */
export interface Options {
  readonly connection: Connection
  /** A keeper for the port of one call. */
  readonly makePorts: Effect.Effect<PortKeeper.PortKeeper, never, Scope.Scope>
  readonly send: (line: ClientLine) => void
  readonly tell: (callId: Uint8Array, message: LinkMessage) => void
  /** Ends a call, if there still is one. */
  readonly cancel: (callId: Uint8Array) => Effect.Effect<void>
  /** Hands an agreement, by its callId in text, to whoever waits for it; false if nobody does. */
  readonly handOver: (call: string, held: HeldAgreement<SealedAgreement>) => boolean
}

export interface AgreedCalls {
  readonly perform: (action: Action) => Effect.Effect<void> | void
  /** A line of a record: goes to its call, if that is one. */
  readonly relayed: (line: string) => void
  /** The server relays nothing. */
  readonly relayRefused: () => void
}

export const make = ({ connection, makePorts, send, tell, cancel, handOver }: Options): AgreedCalls => {
  /** By callId. */
  const wires = new Map<string, AgreedWire>()
  const wireOf = (callId: Uint8Array): AgreedWire | undefined => wires.get(Bytes.toBase64Url(callId))

  const relay = (call: string, record: Uint8Array): boolean => {
    if (!connection.isOpen()) return false
    if (connection.queued() < maxQueuedBytes) connection.send(RelayLine.encode(call, record))
    return true
  }

  /** Whoever waits for the call takes it up; if nobody does, the other side is told. */
  const establish = Effect.fnUntraced(function* (action: Extract<Action, { readonly _tag: "Established" }>) {
    const { callId, keys, inviteId, resumes } = action
    const call = Bytes.toBase64Url(callId)
    const { wire, release } = yield* AgreedWires.make(makePorts, {
      relay: (record) => relay(call, record),
      tell: (message) => tell(callId, message),
      hangUp: cancel(callId),
    }).pipe(Effect.tap((made) => Effect.sync(() => wires.set(call, made))))
    const agreement = { keys, invited: inviteId !== undefined, resumes, wire }
    if (!handOver(call, { agreement, release })) yield* release
  }, Effect.uninterruptible)

  /** A server that asks without end must not keep all else waiting. */
  const tryPort = ({ callId, port }: Extract<Action, { readonly _tag: "TryPort" }>): Effect.Effect<void> =>
    Effect.yieldNow.pipe(
      Effect.andThen(wireOf(callId)?.keep(port) ?? Effect.succeed(false)),
      Effect.map((free) => send({ _tag: free ? "PortFree" : "PortTaken", callId })),
    )

  return {
    perform: (action) => {
      switch (action._tag) {
        case "Established":
          return establish(action)
        case "TryPort":
          return tryPort(action)
        case "Start":
          return Effect.andThen(Effect.yieldNow, wireOf(action.callId)?.start(action.endpoint) ?? Effect.void)
        case "Told":
          return wireOf(action.callId)?.hear({ _tag: "Told", message: action.message })
        case "Gone": {
          const wire = wireOf(action.callId)
          wires.delete(Bytes.toBase64Url(action.callId))
          return wire?.gone(action.code)
        }
      }
    },
    relayed: (line) => {
      const relayed = RelayLine.decode(line, wires)
      relayed?.[0].hear({ _tag: "Relayed", record: relayed[1] })
    },
    relayRefused: () => {
      for (const wire of wires.values()) wire.hear({ _tag: "RelayRefused" })
    },
  }
}
