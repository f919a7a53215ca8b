/**
 * Keeps the UDP port that was found free for a PORT bound until its STARTCHAT, so that it can't be lost in between. One
 * at a time: keeping another gives the one before back.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Scope from "effect/Scope"
import * as Semaphore from "effect/Semaphore"
import type { Port } from "../../domain/Endpoint.ts"
import type { PeerSocket, PeerTransport } from "../PeerTransport.ts"

/** A bound port that belongs to whoever took it. */
export interface TakenPort {
  readonly socket: PeerSocket
  readonly release: Effect.Effect<void>
}

export interface PortKeeper {
  /** Binds a port, unless it is kept already; false if it can't be bound. */
  readonly keep: (port: Port) => Effect.Effect<boolean>
  /** Gives back what is kept, if anything is. */
  readonly giveBack: Effect.Effect<void>
  /**
   * Hands a port over, kept before or not; none if it can't be bound. Not to be interrupted: the port would be lost.
   *
   * @param port 0 lets the system choose
   */
  readonly take: (port: number) => Effect.Effect<Option.Option<TakenPort>>
}

/** A keeper that gives back what it keeps when its scope ends; ports taken from it stay. */
export const make = Effect.fnUntraced(function* (transport: PeerTransport["Service"], address: string | undefined) {
  const oneAtATime = Semaphore.withPermit(yield* Semaphore.make(1))
  let kept: (TakenPort & { readonly port: number }) | undefined

  const giveBack = Effect.suspend(() => {
    const current = kept
    kept = undefined
    return current === undefined ? Effect.void : current.release
  })

  const keep = Effect.fnUntraced(function* (port: number) {
    if (kept?.port === port) return true
    yield* giveBack
    const own = yield* Scope.make()
    const socket = yield* Effect.option(Scope.provide(transport.bind({ port, address }), own))
    const release = Scope.close(own, Exit.void)
    if (Option.isNone(socket)) {
      yield* release
      return false
    }
    kept = { port, socket: socket.value, release }
    return true
  })

  const take = Effect.fnUntraced(function* (port: number) {
    yield* keep(port)
    const current = kept
    if (current?.port !== port) return Option.none<TakenPort>()
    kept = undefined
    return Option.some<TakenPort>(current)
  })

  const undisturbed = <A>(effect: Effect.Effect<A>) => oneAtATime(Effect.uninterruptible(effect))
  const keeper: PortKeeper = {
    keep: (port) => undisturbed(keep(port)),
    giveBack: undisturbed(giveBack),
    take: (port) => undisturbed(take(port)),
  }
  yield* Effect.addFinalizer(() => keeper.giveBack)
  return keeper
})
