import { assert, describe, it } from "@effect/vitest"
import * as Arbitrary from "effect/Arbitrary"
import * as Queue from "../../../src/domain/delivery/Queue.ts"
import { integer } from "../arbitraries.ts"

const toArray = <A>({ head, items, tail }: Queue.Queue<A>): ReadonlyArray<A> => items.slice(head, tail)

describe("a queue", () => {
  it.prop(
    "is a value: what is made of it leaves it as it was",
    [Arbitrary.array(Arbitrary.all([integer(0, 30), integer(0, 200)]), { maxLength: 60 })],
    ([steps]) => {
      const queues: Array<readonly [Queue.Queue<number>, ReadonlyArray<number>]> = [[Queue.empty, []]]
      for (const [which, what] of steps) {
        const [queue, model] = queues[Math.max(0, queues.length - 1 - which)]!
        if (what < 150) queues.push([Queue.push(queue, what), [...model, what]])
        else {
          const count = Math.min(what - 150, model.length)
          queues.push([Queue.drop(queue, count), model.slice(count)])
        }
      }
      for (const [queue, model] of queues) {
        assert.deepStrictEqual(toArray(queue), model)
        assert.strictEqual(Queue.size(queue), model.length)
        assert.strictEqual(Queue.isEmpty(queue), model.length === 0)
      }
    },
    { arbitrary: { runs: 300, size: 60 } },
  )

  it("through which a million go keeps room for about as many as are in it", () => {
    let queue: Queue.Queue<number> = Queue.empty
    for (let i = 0; i < 1_000_000; i++) {
      queue = Queue.push(queue, i)
      if (Queue.size(queue) > 100) queue = Queue.drop(queue, 1)
    }
    assert.isAtMost(queue.items.length, 300)
  })
})
