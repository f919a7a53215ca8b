/**
 * Wakes many state machines, each when something of it is due, with one fiber for all: `DueTimer` for thousands of
 * chats. The fiber is there while there is a machine that will be due.
 *
 * They lie in a binary heap, the first to be woken on top. Thousands of chats at rest are woken hundreds of times a second,
 * so a fiber sleeps once and is gone: a race of that with being told of something sooner is made of several.
 */
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"

/** A machine that sleeps. The first two belong to whoever wakes it; at first they are `Infinity` and -1. */
export interface Sleeper {
  /** When it is woken at the latest, in milliseconds. */
  wakesAt: number
  /** Where it lies in the heap; -1 if it does not. */
  place: number
  /** When it has something to do, in milliseconds; `Infinity` if never. */
  readonly dueAt: () => number
  /** Does what is due. Must not throw. */
  readonly due: () => void
}

export class DueTimers {
  private readonly heap: Array<Sleeper> = []
  private readonly context: Context.Context<never>
  private readonly now: () => number
  private nap: { readonly until: number; readonly fiber: Fiber.Fiber<void> } | undefined
  private isWaking = false

  /**
   * @param context what the fiber runs in: its clock is the one that is slept by
   * @param now of the same clock, in milliseconds
   */
  constructor(context: Context.Context<never>, now: () => number) {
    this.context = context
    this.now = now
  }

  /** Wakes it from now on. */
  add(sleeper: Sleeper): void {
    sleeper.wakesAt = sleeper.dueAt()
    this.raise(sleeper, this.heap.length)
    this.sleep()
  }

  /** Wakes it no more, if it ever did. */
  remove(sleeper: Sleeper): void {
    const { place } = sleeper
    if (place < 0) return
    sleeper.place = -1
    const last = this.heap.pop()!
    if (last !== sleeper) this.settle(last, place)
    if (this.heap.length > 0) return
    this.nap?.fiber.interruptUnsafe()
    this.nap = undefined
  }

  /** To be called when the machine has moved on. */
  moved(sleeper: Sleeper): void {
    if (sleeper.place < 0) return
    const at = sleeper.dueAt()
    // One that is due later finds that out when it is woken.
    if (at >= sleeper.wakesAt) return
    sleeper.wakesAt = at
    this.raise(sleeper, sleeper.place)
    this.sleep()
  }

  /** Until the first is to be woken, unless that is, or something before it is, slept until already. */
  private sleep(): void {
    const until = this.heap[0]?.wakesAt ?? Infinity
    if (this.isWaking || until >= (this.nap?.until ?? Infinity)) return
    this.nap?.fiber.interruptUnsafe()
    const nap = Effect.andThen(Effect.sleep(Math.max(0, until - this.now())), this.woken)
    this.nap = { until, fiber: Effect.runForkWith(this.context)(nap) }
  }

  private readonly woken = Effect.sync(() => {
    this.nap = undefined
    this.isWaking = true
    this.wake()
    this.isWaking = false
    this.sleep()
  })

  /** Each once, as far as there are no others: one that is always due must not keep the program from all else. */
  private wake(): void {
    const now = this.now()
    for (let left = this.heap.length; left > 0; left--) {
      const first = this.heap[0]
      if (first === undefined || first.wakesAt > now) return
      if (first.dueAt() <= now) first.due()
      // Its end may have been due.
      if (first.place < 0) continue
      first.wakesAt = first.dueAt()
      this.settle(first, first.place)
    }
  }

  private settle(sleeper: Sleeper, place: number): void {
    this.raise(sleeper, place)
    this.lower(sleeper, sleeper.place)
  }

  /** Puts it at a free place, or its own, or above. */
  private raise(sleeper: Sleeper, place: number): void {
    let at = place
    while (at > 0) {
      const above = (at - 1) >> 1
      const other = this.heap[above]!
      if (other.wakesAt <= sleeper.wakesAt) break
      this.put(other, at)
      at = above
    }
    this.put(sleeper, at)
  }

  private lower(sleeper: Sleeper, place: number): void {
    const { heap } = this
    let at = place
    for (;;) {
      const [left, right] = [2 * at + 1, 2 * at + 2]
      const first = (heap[right]?.wakesAt ?? Infinity) < (heap[left]?.wakesAt ?? Infinity) ? right : left
      const other = heap[first]
      if (other === undefined || other.wakesAt >= sleeper.wakesAt) break
      this.put(other, at)
      at = first
    }
    this.put(sleeper, at)
  }

  private put(sleeper: Sleeper, place: number): void {
    this.heap[place] = sleeper
    sleeper.place = place
  }
}
