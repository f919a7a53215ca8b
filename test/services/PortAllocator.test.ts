import { assert, describe, it } from "@effect/vitest"
import { Effect, Random } from "effect"
import { PortAllocator } from "nomitm/services/PortAllocator"

const draw = (tried: ReadonlySet<number>) => Effect.flatMap(PortAllocator, (allocator) => allocator.draw(tried))

describe("a port allocator", () => {
  it.effect("draws every number of its range once before it draws one again", () =>
    Effect.gen(function* () {
      const tried = new Set<number>()
      for (let i = 0; i < 10; i++) tried.add(yield* draw(tried))
      assert.deepEqual(
        [...tried].toSorted((a, b) => a - b),
        Array.from({ length: 10 }, (_, i) => 50_000 + i),
      )
      assert.isTrue(tried.has(yield* draw(tried)))
    }).pipe(Effect.provide(PortAllocator.layer({ first: 50_000, last: 50_009 }))),
  )

  it.effect("draws high numbers by chance, the same ones from the same seed", () =>
    Effect.gen(function* () {
      const ports = Effect.replicateEffect(draw(new Set()), 100)
      const first = yield* Random.withSeed(ports, "seed")
      assert.deepEqual(yield* Random.withSeed(ports, "seed"), first)
      assert.isTrue(first.every((port) => port >= 40_000 && port <= 59_999))
      assert.isAbove(new Set(first).size, 90)
    }).pipe(Effect.provide(PortAllocator.layer())),
  )

  it.effect("has a range, or is none", () =>
    Effect.gen(function* () {
      for (const range of [
        { first: 2, last: 1 },
        { first: 0, last: 5 },
        { first: 5, last: 65_536 },
      ]) {
        const exit = yield* Effect.exit(Effect.provide(draw(new Set()), PortAllocator.layer(range)))
        assert.strictEqual(exit._tag, "Failure")
      }
    }),
  )
})
