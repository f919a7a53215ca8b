import { assert, describe, it } from "@effect/vitest"
import { Clock, Context, Effect } from "effect"
import * as Arbitrary from "effect/Arbitrary"
import { TestClock } from "effect/testing"
import { DueTimers, type Sleeper } from "nomitm/services/chat/DueTimers"
import { LazyLatch } from "nomitm/services/LazyLatch"
import { integer } from "../../domain/arbitraries.ts"

/** Woken at each of its times, and says so. */
class Alarm implements Sleeper {
  wakesAt = Infinity
  place = -1
  readonly woken: Array<number> = []
  times: ReadonlyArray<number>
  private readonly now: () => number

  constructor(now: () => number, times: ReadonlyArray<number>) {
    this.now = now
    this.times = times.toSorted((a, b) => a - b)
  }

  dueAt(): number {
    return this.times[0] ?? Infinity
  }

  due(): void {
    this.woken.push(this.now())
    this.times = this.times.slice(1)
  }
}

const timers = Effect.gen(function* () {
  const clock = yield* Clock.Clock
  const now = () => clock.currentTimeMillisUnsafe()
  return { now, timers: new DueTimers(Context.make(Clock.Clock, clock), now) }
})

const time = integer(1, 50)

describe("one timer for many machines", () => {
  it.effect.prop(
    "wakes each at all of its times, whoever else comes, goes, and is due sooner than it was",
    [Arbitrary.array(Arbitrary.array(time, { maxLength: 5 }), { maxLength: 20 }), Arbitrary.array(time)],
    ([all, sooner]) =>
      Effect.gen(function* () {
        const { now, timers: shared } = yield* timers
        const alarms = all.map((times) => new Alarm(now, times))
        const leaving = new Alarm(now, [7, 30])
        for (const alarm of [...alarms, leaving]) shared.add(alarm)
        const expected = alarms.map(({ times }) => [...times])
        for (const [i, at] of sooner.entries()) {
          const alarm = alarms[i]
          if (alarm === undefined) continue
          alarm.times = [at, ...alarm.times].toSorted((a, b) => a - b)
          expected[i] = [...alarm.times]
          shared.moved(alarm)
        }
        for (let passed = 0; passed < 60; passed++) {
          if (passed === 20) shared.remove(leaving)
          yield* TestClock.adjust(1)
        }
        // Two at the same time are one after the other, at that time or with the next wake.
        for (const [i, alarm] of alarms.entries()) assert.deepStrictEqual(alarm.woken, expected[i])
        assert.deepStrictEqual(leaving.woken, [7])
        for (const alarm of alarms) shared.remove(alarm)
      }),
    { arbitrary: { runs: 100 } },
  )

  it.effect("may end while it is woken, and begins again with the next machine", () =>
    Effect.gen(function* () {
      const { now, timers: shared } = yield* timers
      const last = new Alarm(now, [5, 10])
      const ending: Sleeper = Object.assign(last, {
        due: () => {
          last.woken.push(now())
          shared.remove(last)
        },
      })
      shared.add(ending)
      yield* TestClock.adjust(20)
      assert.deepStrictEqual(last.woken, [5])
      const next = new Alarm(now, [25])
      shared.add(next)
      yield* TestClock.adjust(20)
      assert.deepStrictEqual(next.woken, [25])
      shared.remove(next)
    }),
  )
})

describe("a latch that is nothing until somebody waits", () => {
  it.effect("lets go on who waits, and who comes while it is open, and nobody once it is closed", () =>
    Effect.gen(function* () {
      const latch = new LazyLatch(false)
      let passed = 0
      const wait = Effect.andThen(
        latch.await,
        Effect.sync(() => passed++),
      )
      yield* Effect.forkChild(wait, { startImmediately: true })
      assert.strictEqual(passed, 0)
      latch.openUnsafe()
      assert.strictEqual(passed, 1)
      yield* wait
      latch.closeUnsafe()
      yield* Effect.forkChild(wait, { startImmediately: true })
      assert.strictEqual(passed, 2)
      latch.openUnsafe()
      assert.strictEqual(passed, 3)
    }),
  )
})
