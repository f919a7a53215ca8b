import { assert, describe, it } from "@effect/vitest"
import * as Arbitrary from "effect/Arbitrary"
import * as TokenBucket from "../../src/domain/TokenBucket.ts"
import * as arbitraries from "./arbitraries.ts"

const limit: TokenBucket.Limit = { burst: 3, perSecond: 2 }

/** How long each of so many taken at once has to wait. */
const waits = (state: TokenBucket.State, times: number, now: number): ReadonlyArray<number> => {
  const all: Array<number> = []
  let current = state
  for (let i = 0; i < times; i++) {
    const [next, wait] = TokenBucket.take(limit, current, 1, now)
    current = next
    all.push(wait)
  }
  return all
}

describe("a rate limit of 3 at once and 2 a second", () => {
  it("lets three pass at once; the next wait, half a second each", () =>
    assert.deepStrictEqual(waits(TokenBucket.initial(limit, 1000), 6, 1000), [0, 0, 0, 500, 1000, 1500]))

  it("refuses nothing: who has waited goes on", () => {
    let state = TokenBucket.initial(limit, 0)
    for (let i = 0; i < 4; i++) state = TokenBucket.take(limit, state, 1, 0)[0]
    const [, wait] = TokenBucket.take(limit, state, 1, 500)
    assert.strictEqual(wait, 500)
  })

  it("gives back two a second, never more than three in all", () => {
    const spent = TokenBucket.take(limit, TokenBucket.initial(limit, 0), 3, 0)[0]
    assert.deepStrictEqual(waits(spent, 3, 1000), [0, 0, 500])
    assert.deepStrictEqual(waits(spent, 5, 3_600_000), [0, 0, 0, 500, 1000])
  })

  it("asked whether there is one takes it or nothing, and never makes a debt", () => {
    let state = TokenBucket.initial(limit, 0)
    for (let i = 0; i < 3; i++) state = TokenBucket.tryTake(limit, state, 1, 0)!
    assert.isUndefined(TokenBucket.tryTake(limit, state, 1, 0))
    assert.isUndefined(TokenBucket.tryTake(limit, state, 1, 499))
    assert.isFalse(TokenBucket.isFull(limit, state, 1499))
    assert.isTrue(TokenBucket.isFull(limit, state, 1500))
    assert.strictEqual(TokenBucket.tryTake(limit, state, 1, 500)?.tokens, 0)
  })

  it("takes several at once into debt", () => {
    const [state, wait] = TokenBucket.take(limit, TokenBucket.initial(limit, 0), 10, 0)
    assert.strictEqual(wait, 3500)
    assert.strictEqual(TokenBucket.take(limit, state, 1, 3500)[1], 500)
  })

  it("does not punish a clock that is set back", () => {
    const state = TokenBucket.take(limit, TokenBucket.initial(limit, 1_000_000), 1, 1_000_000)[0]
    assert.deepStrictEqual(waits(state, 3, 0), [0, 0, 500])
  })
})

/** Pauses between takes in milliseconds, and how many are taken. */
const takes = Arbitrary.array(
  Arbitrary.all({
    pause: arbitraries.oneOf(arbitraries.pick(0, 0, 1), arbitraries.integer(0, 3000)),
    count: arbitraries.pick(1, 1, 1, 2, 5),
  }),
  { maxLength: 60 },
)
const limits = Arbitrary.all({ burst: arbitraries.integer(1, 20), perSecond: arbitraries.pick(0.5, 1, 3, 7, 100) })

describe("a rate limit", () => {
  it.prop(
    "never lets more than burst + rate * time pass, from any moment on",
    [limits, takes, arbitraries.pick(true, false)],
    ([limit, takes, waiting]) => {
      let state = TokenBucket.initial(limit, 0)
      let now = 0
      const passed: Array<{ readonly at: number; readonly count: number }> = []
      for (const { pause, count } of takes) {
        now += pause
        const [next, wait] = TokenBucket.take(limit, state, count, now)
        state = next
        passed.push({ at: now + wait, count })
        if (waiting) now += wait
      }
      const start = { at: 0, count: 0 }
      for (const [i, from] of [start, ...passed].entries()) {
        let sum = 0
        for (const { at, count } of passed.slice(i)) {
          sum += count
          const most = limit.burst + ((at - from.at) / 1000) * limit.perSecond
          if (sum > most + 1e-6) assert.fail(`${sum} between ${from.at} and ${at}, and at most ${most} are allowed`)
        }
      }
    },
    arbitraries.thorough,
  )

  it.prop(
    "lets everybody pass sooner or later, and at once who keeps to the rate",
    [limits, takes],
    ([limit, takes]) => {
      let state = TokenBucket.initial(limit, 0)
      let now = 0
      for (const { count } of takes) {
        const [next, wait] = TokenBucket.take(limit, state, count, now)
        assert.isTrue(Number.isFinite(wait) && wait >= 0)
        state = next
        now += wait
        const [, again] = TokenBucket.take(limit, state, 0, now)
        assert.strictEqual(again, 0)
      }
      let polite = TokenBucket.initial(limit, 0)
      for (let i = 0; i < 50; i++) {
        const [next, wait] = TokenBucket.take(limit, polite, 1, i * Math.ceil(1000 / limit.perSecond + 1))
        polite = next
        assert.strictEqual(wait, 0)
      }
    },
    arbitraries.thorough,
  )
})
