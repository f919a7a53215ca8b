/**
 * The way through the server that an agreed call is, with its port: from M4 on, before and after somebody takes it up.
 *
 * Who is interrupted when must not matter to the port: it belongs to a scope of the call's own, which `release` closes.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Scope from "effect/Scope"
import type { LinkMessage } from "../../domain/call/LinkChannel.ts"
import type { Endpoint, Port } from "../../domain/Endpoint.ts"
import type * as PortKeeper from "./PortKeeper.ts"
import { type CallWire, maxWaitingEvents, type WireEvent } from "./SealedLink.ts"

/** What the call's link does for it. Nothing of it waits. */
export interface Line {
  /** Hands a record to the server; false if it will never again be possible. */
  readonly relay: (record: Uint8Array) => boolean
  readonly tell: (message: LinkMessage) => void
  /** Ends the call, if it has not ended. */
  readonly hangUp: Effect.Effect<void>
}

export interface AgreedWire {
  readonly wire: CallWire
  /** Something for the handler. */
  readonly hear: (event: WireEvent) => void
  /** PORT: binds a port until STARTCHAT; false if another number should be tried. */
  readonly keep: (port: Port) => Effect.Effect<boolean>
  /** STARTCHAT; none if only the relay is left. */
  readonly start: (remote: Endpoint | undefined) => Effect.Effect<void>
  /** Nothing goes through the server any more. The port that was handed over stays. */
  readonly gone: (code: string) => Effect.Effect<void>
  /** Nobody needs it any more: ends the call, and gives the port back. */
  readonly release: Effect.Effect<void>
}

/** Lets the system choose a port. */
const anyPort = 0
/** So many numbers are refused because they are taken here. Two peers on one machine have none that is free for both. */
const refusals = 1

export const make = Effect.fnUntraced(function* (
  makePorts: Effect.Effect<PortKeeper.PortKeeper, never, Scope.Scope>,
  line: Line,
) {
  const own = yield* Scope.make()
  const ports = yield* Scope.provide(makePorts, own)
  let handler: ((event: WireEvent) => void) | undefined
  /** In the order in which they came. */
  let waiting: ReadonlyArray<WireEvent> = []
  let isRefused = false
  /** Nothing is to be heard or said any more. */
  let isOver = false
  let isReleased = false
  let refused = 0

  const hear = (event: WireEvent): void => {
    if (isOver) return
    if (event._tag === "RelayRefused") {
      if (isRefused) return
      isRefused = true
    }
    if (event._tag === "Gone") isOver = true
    if (handler !== undefined) return handler(event)
    waiting = keepBounded(waiting, event)
  }

  const keep = Effect.fnUntraced(function* (port: Port) {
    if (isReleased) return false
    const isFree = (yield* ports.keep(port)) || (++refused > refusals && (yield* ports.keep(anyPort)))
    if (isReleased) yield* ports.giveBack
    return isFree && !isReleased
  }, Effect.uninterruptible)

  /** The port that both agreed on; any other if somebody else has it: the other side hears where we are. */
  const start = Effect.fnUntraced(function* (remote: Endpoint | undefined) {
    if (isReleased) return
    if (remote === undefined) {
      yield* ports.giveBack
      return hear({ _tag: "Started", port: undefined, remote })
    }
    const agreed = yield* ports.take(remote.port)
    const taken = Option.isSome(agreed) ? agreed : yield* ports.take(anyPort)
    if (Option.isSome(taken)) yield* Scope.addFinalizer(own, taken.value.release)
    hear({ _tag: "Started", port: Option.getOrUndefined(taken), remote })
  }, Effect.uninterruptible)

  const end = Effect.suspend(() => {
    isOver = true
    waiting = []
    return line.hangUp
  })

  const wire: CallWire = {
    relay: (record) => !isOver && !isRefused && line.relay(record),
    tell: (message) => {
      if (!isOver) line.tell(message)
    },
    receive: (next) =>
      Effect.acquireRelease(
        Effect.sync(() => {
          handler = next
          const before = waiting
          waiting = []
          for (const event of before) next(event)
        }),
        () =>
          Effect.sync(() => {
            if (handler === next) handler = undefined
          }),
      ),
    end,
  }

  return {
    wire,
    hear,
    keep,
    start,
    gone: (code) =>
      Effect.suspend(() => {
        hear({ _tag: "Gone", code })
        return ports.giveBack
      }),
    release: Effect.uninterruptible(
      Effect.suspend(() => {
        isReleased = true
        return Effect.andThen(end, Scope.close(own, Exit.void))
      }),
    ),
  } satisfies AgreedWire
})

/**
 * What waits for a handler. Of records those that came first are kept, as a full queue does; of messages the last ones,
 * for each replaces those before it. Of all others there is at most one.
 */
const keepBounded = (waiting: ReadonlyArray<WireEvent>, event: WireEvent): ReadonlyArray<WireEvent> => {
  const alike = waiting.filter(({ _tag }) => _tag === event._tag)
  if (alike.length < maxWaitingEvents) return [...waiting, event]
  if (event._tag === "Relayed") return waiting
  return [...waiting.filter((other) => other !== alike[0]), event]
}
