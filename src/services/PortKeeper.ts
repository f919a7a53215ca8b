/**
 * Keeps the UDP port that was found free for a PORT bound until its STARTCHAT, so that it can't be lost in between. One
 * at a time: keeping another gives the one before back.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Scope from "effect/Scope"
import type { Port } from "../domain/Endpoint.ts"
import type { PeerSocket, PeerTransport } from "./PeerTransport.ts"

/** How long a port stays bound for a STARTCHAT that does not come, in milliseconds. */
export const keepMillis = 30_000

/** A bound port that belongs to whoever took it. */
export interface TakenPort {
  readonly socket: PeerSocket
  readonly release: Effect.Effect<void>
}

interface Kept extends TakenPort {
  readonly port: Port
  readonly timer: Fiber.Fiber<void>
}

/** A keeper that gives back what it keeps when its scope ends; ports taken from it stay. */
export const make = Effect.fnUntraced(function* (transport: PeerTransport["Service"], address: string | undefined) {
  const scope = yield* Effect.scope
  let kept: Kept | undefined

  const giveBack = Effect.suspend(() => {
    const current = kept
    kept = undefined
    return current === undefined ? Effect.void : Effect.andThen(Fiber.interrupt(current.timer), current.release)
  })
  yield* Effect.addFinalizer(() => giveBack)

  /** Binds a port, unless it is kept already; false if it can't be bound. */
  const keep = Effect.fnUntraced(function* (port: Port) {
    if (kept?.port === port) return true
    yield* giveBack
    const own = yield* Scope.make()
    const socket = yield* Effect.option(Scope.provide(transport.bind({ port, address }), own))
    const release = Scope.close(own, Exit.void)
    if (Option.isNone(socket)) {
      yield* release
      return false
    }
    const expire = Effect.suspend(() => {
      kept = undefined
      return release
    })
    const timer = yield* Effect.forkIn(Effect.delay(expire, keepMillis), scope)
    kept = { port, socket: socket.value, release, timer }
    return true
  }, Effect.uninterruptible)

  /** Hands a port over, kept before or not; none if it can't be bound. */
  const take = Effect.fnUntraced(function* (port: Port) {
    yield* keep(port)
    const current = kept
    if (current?.port !== port) return Option.none<TakenPort>()
    kept = undefined
    yield* Fiber.interrupt(current.timer)
    return Option.some<TakenPort>(current)
  })

  return { keep, take }
})
