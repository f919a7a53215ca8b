/**
 * Things that happen later, in order of their time and, at one time, in the order they were planned in.
 *
 * Time is the `Clock`'s. Nothing ever happens inside of `plan`, not even what is due at once.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as FiberSet from "effect/FiberSet"
import type * as Scope from "effect/Scope"

export interface Timeline {
  /** In milliseconds. */
  readonly now: () => number
  /** @param at in milliseconds; what is past happens as soon as possible */
  readonly plan: (at: number, happen: () => void) => void
}

interface Plan {
  readonly at: number
  readonly order: number
  readonly happen: () => void
}

const isBefore = (a: Plan, b: Plan): boolean => a.at < b.at || (a.at === b.at && a.order < b.order)

/** A timeline that ends with the scope: what has not happened by then does not. */
export const make: Effect.Effect<Timeline, never, Scope.Scope> = Effect.gen(function* () {
  const clock = yield* Clock.Clock
  const run = yield* FiberSet.makeRuntime<never, void, never>()
  const heap: Array<Plan> = []
  let planned = 0
  /** When the next fiber wakes up, in milliseconds. One that wakes up at another time has been overtaken. */
  let wakesAt = Infinity

  const arm = (): void => {
    const next = heap[0]
    if (next === undefined || next.at >= wakesAt) return
    const { at } = next
    const left = at - clock.currentTimeMillisUnsafe()
    wakesAt = at
    run(
      Effect.andThen(
        left > 0 ? Effect.sleep(left) : Effect.yieldNow,
        Effect.suspend(() => (wakesAt === at ? pass(at) : Effect.void)),
      ),
    )
  }

  /** What is planned while it runs waits for the next turn, so that other fibers get theirs. */
  const pass = (until: number): Effect.Effect<void> => {
    const last = planned
    return Effect.sync(() => {
      const now = Math.max(until, clock.currentTimeMillisUnsafe())
      while (heap.length > 0 && heap[0]!.at <= now && heap[0]!.order <= last) pop(heap).happen()
    }).pipe(
      Effect.catchCause((cause) => Effect.logError("A handler of the memory network failed", cause)),
      Effect.andThen(
        Effect.sync(() => {
          wakesAt = Infinity
          arm()
        }),
      ),
    )
  }

  return {
    now: () => clock.currentTimeMillisUnsafe(),
    plan: (at, happen) => {
      planned += 1
      push(heap, { at, order: planned, happen })
      arm()
    },
  }
})

const push = (heap: Array<Plan>, plan: Plan): void => {
  let index = heap.length
  heap.push(plan)
  while (index > 0) {
    const parent = (index - 1) >> 1
    if (!isBefore(plan, heap[parent]!)) break
    heap[index] = heap[parent]!
    index = parent
  }
  heap[index] = plan
}

/** The first plan of a heap that is not empty. */
const pop = (heap: Array<Plan>): Plan => {
  const first = heap[0]!
  const last = heap.pop()!
  if (heap.length === 0) return first
  let index = 0
  for (;;) {
    let child = 2 * index + 1
    if (child >= heap.length) break
    if (child + 1 < heap.length && isBefore(heap[child + 1]!, heap[child]!)) child += 1
    if (!isBefore(heap[child]!, last)) break
    heap[index] = heap[child]!
    index = child
  }
  heap[index] = last
  return first
}
