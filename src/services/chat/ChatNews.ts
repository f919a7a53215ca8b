/**
 * What happens in a chat besides the texts of the other side, for one reader. It is never more than a handful, however
 * late the reader is: of what goes on counting the newest number is kept, of paths the last one.
 */
import * as Effect from "effect/Effect"
import * as Endpoint from "../../domain/Endpoint.ts"
import type { PathKind } from "../../domain/net/PathKind.ts"
import type { StuckReason } from "../../domain/net/StuckReason.ts"
import type * as Path from "../../domain/reach/Path.ts"
import { LazyLatch } from "../LazyLatch.ts"

export type News =
  /** Of our texts, counted from 1, those up to this one are on their way. */
  | { readonly _tag: "Sent"; readonly upTo: number }
  /** Of our texts those up to this one are with the other person. */
  | { readonly _tag: "Delivered"; readonly upTo: number }
  /** What everything goes by from now on. */
  | { readonly _tag: "Path"; readonly path: PathInUse }
  | { readonly _tag: "Stuck"; readonly because: StuckReason }

export interface PathInUse {
  readonly kind: PathKind
  /** Where the other side is, on a direct path; empty otherwise. */
  readonly address: string
  /** None before it has been measured. */
  readonly rttMillis: number | undefined
}

/** @param path none while there is none */
export const pathInUse = (
  path: Path.Path | undefined,
  kind: PathInUse["kind"],
  rttMillis: number | undefined,
): PathInUse => ({
  kind: path === undefined ? "none" : kind,
  address: path?._tag === "Direct" ? Endpoint.format(path.remote) : "",
  rttMillis,
})

export class ChatNews {
  private sentUpTo = 0
  private toldSent = 0
  private deliveredUpTo = 0
  private toldDelivered = 0
  private newPath: PathInUse | undefined
  private reasons: ReadonlyArray<StuckReason> = none
  private readonly there = new LazyLatch(false)

  sent(upTo: number): void {
    if (upTo <= this.sentUpTo) return
    this.sentUpTo = upTo
    this.there.openUnsafe()
  }

  delivered(upTo: number): void {
    if (upTo <= this.deliveredUpTo) return
    this.deliveredUpTo = upTo
    this.there.openUnsafe()
  }

  path(path: PathInUse): void {
    this.newPath = path
    this.there.openUnsafe()
  }

  stuck(because: StuckReason): void {
    if (!this.reasons.includes(because)) this.reasons = [...this.reasons, because]
    this.there.openUnsafe()
  }

  /** The next news, if there is any. */
  take(): News | undefined {
    const path = this.newPath
    if (path !== undefined) {
      this.newPath = undefined
      return { _tag: "Path", path }
    }
    if (this.sentUpTo > this.toldSent) return { _tag: "Sent", upTo: (this.toldSent = this.sentUpTo) }
    if (this.deliveredUpTo > this.toldDelivered) {
      return { _tag: "Delivered", upTo: (this.toldDelivered = this.deliveredUpTo) }
    }
    const because = this.takeStuck()
    return because === undefined ? undefined : { _tag: "Stuck", because }
  }

  private takeStuck(): StuckReason | undefined {
    const [because, ...others] = this.reasons
    this.reasons = others
    return because
  }

  /** Waits for the next news. */
  next(): Effect.Effect<News> {
    return this.waitFor(() => this.take())
  }

  /** Waits for the next reason why there is no path; what else is new is left for `next`. */
  nextStuck(): Effect.Effect<StuckReason> {
    return this.waitFor(() => this.takeStuck())
  }

  private waitFor<A>(take: () => A | undefined): Effect.Effect<A> {
    return Effect.suspend(() => {
      const taken = take()
      if (taken !== undefined) return Effect.succeed(taken)
      this.there.closeUnsafe()
      return Effect.andThen(this.there.await, this.waitFor(take))
    })
  }
}

const none: ReadonlyArray<StuckReason> = []
