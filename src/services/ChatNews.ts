/**
 * What happens in a chat besides the texts of the other side, for one reader. It is never more than a handful, however
 * late the reader is: of what goes on counting the newest number is kept, of paths the last one.
 */
import * as Effect from "effect/Effect"
import * as Latch from "effect/Latch"
import type { PathKind } from "../domain/PathKind.ts"
import type { StuckReason } from "../domain/StuckReason.ts"

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

export interface ChatNews {
  readonly sent: (upTo: number) => void
  readonly delivered: (upTo: number) => void
  readonly path: (path: PathInUse) => void
  readonly stuck: (because: StuckReason) => void
  /** The next news, if there is any. */
  readonly take: () => News | undefined
  /** Waits for the next news. */
  readonly next: Effect.Effect<News>
}

export const make = (): ChatNews => {
  const there = Latch.makeUnsafe(false)
  let sent = 0
  let toldSent = 0
  let delivered = 0
  let toldDelivered = 0
  let path: PathInUse | undefined
  let stuck: ReadonlyArray<StuckReason> = []

  const take = (): News | undefined => {
    if (path !== undefined) {
      const news: News = { _tag: "Path", path }
      path = undefined
      return news
    }
    if (sent > toldSent) return { _tag: "Sent", upTo: (toldSent = sent) }
    if (delivered > toldDelivered) return { _tag: "Delivered", upTo: (toldDelivered = delivered) }
    const [because, ...others] = stuck
    stuck = others
    return because === undefined ? undefined : { _tag: "Stuck", because }
  }

  const next: Effect.Effect<News> = Effect.suspend(() => {
    const news = take()
    if (news !== undefined) return Effect.succeed(news)
    there.closeUnsafe()
    return Effect.andThen(there.await, next)
  })

  const wake = (): void => void there.openUnsafe()
  return {
    sent: (upTo) => {
      sent = Math.max(sent, upTo)
      wake()
    },
    delivered: (upTo) => {
      delivered = Math.max(delivered, upTo)
      wake()
    },
    path: (now) => {
      path = now
      wake()
    },
    stuck: (because) => {
      if (!stuck.includes(because)) stuck = [...stuck, because]
      wake()
    },
    take,
    next,
  }
}
