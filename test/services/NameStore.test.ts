/**
 * What every store of names promises.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Fs from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Effect, Layer, Option } from "effect"
import * as SqliteNameStore from "nomitm/adapters/node/SqliteNameStore"
import * as PersonId from "nomitm/domain/identity/PersonId"
import * as NameOwnership from "nomitm/domain/nomitm1/NameOwnership"
import type { PersonName } from "nomitm/domain/PersonName"
import { NameStore } from "nomitm/services/NameStore"

const onDisk = Layer.unwrap(
  Effect.map(
    Effect.acquireRelease(
      Effect.sync(() => Fs.mkdtempSync(join(tmpdir(), "nomitm-names-"))),
      (folder) => Effect.sync(() => Fs.rmSync(folder, { recursive: true })),
    ),
    SqliteNameStore.layer,
  ),
)

const key = (n: number) => PersonId.ofBytes(new Uint8Array(32).fill(n))
const name = (text: string) => text as PersonName
const day = 86_400
const now = 1_800_000_000
const year = 365 * day

describe.each([
  { place: "in memory", layer: NameStore.layerMemory },
  { place: "on disk", layer: onDisk },
])("names kept $place", ({ layer }) => {
  const promise = (what: string, program: (store: NameStore["Service"]) => Effect.Effect<void, unknown>) =>
    it.effect(what, () => Effect.flatMap(NameStore, program).pipe(Effect.provide(layer)))

  const claim = (store: NameStore["Service"], text: string, n: number, at = now, serial = 1) =>
    store.claim(name(text), { id: key(n), serial }, at)

  promise("belong to the first key that took them", (store) =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* store.owner(name("alice"), now), Option.none())
      assert.strictEqual(yield* claim(store, "alice", 1), "Claimed")
      assert.strictEqual(yield* claim(store, "alice", 2), "OwnedByOther")
      assert.strictEqual(yield* claim(store, "alice", 1), "Owned")
      assert.strictEqual(yield* claim(store, "bob", 2), "Claimed")
      assert.deepStrictEqual(yield* store.owner(name("alice"), now), Option.some(key(1)))
      assert.deepStrictEqual(yield* store.owner(name("bob"), now), Option.some(key(2)))
    }),
  )

  promise("are given up by their own key only, and are anybody's then", (store) =>
    Effect.gen(function* () {
      yield* claim(store, "alice", 1)
      assert.isFalse(yield* store.release(name("alice"), key(2)))
      assert.isFalse(yield* store.release(name("nobody"), key(2)))
      assert.strictEqual(yield* claim(store, "alice", 2), "OwnedByOther")
      assert.isTrue(yield* store.release(name("alice"), key(1)))
      assert.isFalse(yield* store.release(name("alice"), key(1)))
      assert.deepStrictEqual(yield* store.owner(name("alice"), now), Option.none())
      assert.strictEqual(yield* claim(store, "alice", 2), "Claimed")
    }),
  )

  promise("are lost when they have not been used for a year, and not a day before", (store) =>
    Effect.gen(function* () {
      yield* claim(store, "alice", 1)
      yield* claim(store, "carol", 1)
      assert.strictEqual(yield* claim(store, "alice", 2, now + year), "OwnedByOther")
      assert.deepStrictEqual(yield* store.owner(name("alice"), now + year), Option.some(key(1)))
      assert.deepStrictEqual(yield* store.owner(name("alice"), now + year + 2 * day), Option.none())
      assert.strictEqual(yield* claim(store, "alice", 2, now + year + 2 * day), "Claimed")
      assert.strictEqual(yield* claim(store, "alice", 1, now + year + 2 * day), "OwnedByOther")
    }),
  )

  promise("stay for as long as they are used: taken again, or in use until a connection ended", (store) =>
    Effect.gen(function* () {
      yield* claim(store, "alice", 1)
      yield* claim(store, "bob", 2)
      yield* claim(store, "alice", 1, now + 300 * day)
      yield* store.touch(name("bob"), key(2), now + 300 * day)
      yield* store.touch(name("nobody"), key(2), now)
      assert.strictEqual(yield* claim(store, "alice", 3, now + 500 * day), "OwnedByOther")
      assert.strictEqual(yield* claim(store, "bob", 3, now + 500 * day), "OwnedByOther")
    }),
  )

  promise("are not kept by somebody else's use, nor made older by a clock set back", (store) =>
    Effect.gen(function* () {
      yield* claim(store, "alice", 1)
      yield* store.touch(name("alice"), key(2), now + 300 * day)
      assert.strictEqual(yield* claim(store, "alice", 2, now + 367 * day), "Claimed")
      yield* claim(store, "bob", 1, now)
      yield* claim(store, "bob", 1, now - 400 * day)
      yield* store.touch(name("bob"), key(1), now - 400 * day)
      assert.strictEqual(yield* claim(store, "bob", 2, now + 300 * day), "OwnedByOther")
    }),
  )

  promise("are eight for a key at most; one given up, or lost, makes room", (store) =>
    Effect.gen(function* () {
      for (let n = 1; n <= NameOwnership.maxNamesOfKey; n++) {
        assert.strictEqual(yield* claim(store, `name${n}`, 1), "Claimed")
      }
      assert.strictEqual(yield* claim(store, "name9", 1), "TooMany")
      assert.strictEqual(yield* claim(store, "name1", 1), "Owned")
      assert.strictEqual(yield* claim(store, "name1", 2), "OwnedByOther")
      yield* store.release(name("name3"), key(1))
      assert.strictEqual(yield* claim(store, "name9", 1), "Claimed")
      assert.strictEqual(yield* claim(store, "name3", 1), "TooMany")
      for (let n = 4; n <= 9; n++) yield* store.touch(name(`name${n}`), key(1), now + 300 * day)
      assert.strictEqual(yield* claim(store, "name3", 1, now + 370 * day), "Claimed")
      assert.strictEqual(yield* claim(store, "name10", 1, now + 370 * day), "Claimed")
      assert.strictEqual(yield* claim(store, "name11", 1, now + 370 * day), "TooMany")
    }),
  )

  promise("know the highest serial that their key has shown", (store) =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* store.highestSerial(key(1)), Option.none())
      yield* claim(store, "alice", 1, now, 5)
      yield* claim(store, "work", 1, now, 9)
      yield* claim(store, "alice", 1, now, 7)
      yield* claim(store, "alice", 2, now, 20)
      assert.deepStrictEqual(yield* store.highestSerial(key(1)), Option.some(9))
      assert.deepStrictEqual(yield* store.highestSerial(key(2)), Option.none())
      yield* store.release(name("work"), key(1))
      assert.deepStrictEqual(yield* store.highestSerial(key(1)), Option.some(7))
    }),
  )

  promise("are compared letter by letter, whatever letters they have", (store) =>
    Effect.gen(function* () {
      for (const [n, text] of ["zoë", "zoe", "日本", "o'brien", '"; drop table names; --', "😀"].entries()) {
        assert.strictEqual(yield* claim(store, text, n + 1), "Claimed")
        assert.deepStrictEqual(yield* store.owner(name(text), now), Option.some(key(n + 1)))
      }
    }),
  )
})

describe("the decision about a name", () => {
  it("is that a full server gives out no new ones, and keeps those it has", () => {
    const full = { ofKey: 0, inAll: NameOwnership.maxNames }
    const owner = { id: key(1), serial: 1, used: now }
    assert.strictEqual(NameOwnership.claim(undefined, key(2), full, now), "Full")
    assert.strictEqual(NameOwnership.claim(undefined, key(2), { ...full, inAll: full.inAll - 1 }, now), "Claimed")
    assert.strictEqual(NameOwnership.claim(owner, key(1), full, now), "Owned")
    assert.strictEqual(NameOwnership.claim(owner, key(2), full, now + 2 * year), "Claimed")
  })

  it("to write down that it was used is made once a day", () => {
    const owner = { id: key(1), serial: 1, used: now }
    assert.strictEqual(NameOwnership.used(owner, 1, now + day - 1), owner)
    assert.deepStrictEqual(NameOwnership.used(owner, 1, now + day), { ...owner, used: now + day })
    assert.deepStrictEqual(NameOwnership.used(owner, 2, now - 5), { ...owner, serial: 2 })
  })
})
