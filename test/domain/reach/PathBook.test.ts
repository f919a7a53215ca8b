import { assert, describe, it } from "@effect/vitest"
import type * as Challenges from "../../../src/domain/reach/Challenges.ts"
import * as Path from "../../../src/domain/reach/Path.ts"
import * as PathBook from "../../../src/domain/reach/PathBook.ts"

const tools = { randomBytes: (length: number) => new Uint8Array(length).fill(127) }
const at = (address: string): Path.Direct => Path.direct(0, { address, port: 5000 })
const lan = at("192.168.1.11")
const first = at("203.0.113.22")
const second = at("203.0.113.23")
const ipv6 = at("2001:db8::1")

const proven = (book: PathBook.Book, path: Path.Path, kind: Path.PathKind, now: number): PathBook.Book => {
  const challenge: Challenges.Challenge = { path, data: new Uint8Array(8), at: now - 20, isStranger: false }
  return PathBook.prove(tools, book, challenge, kind, now)[0]
}

/** Lets the timer fire until `end`, with nothing answered; when the path in use died. */
const silent = (before: PathBook.Book, end: number): readonly [PathBook.Book, diedAt: number | undefined] => {
  let book = before
  let diedAt: number | undefined
  while (PathBook.dueAt(book) <= end && diedAt === undefined) {
    const now = PathBook.dueAt(book)
    const [next, , died] = PathBook.due(tools, book, now)
    book = next
    if (died !== undefined) diedAt = now
  }
  return [book, diedAt]
}

const relayed = PathBook.relayUp(tools, PathBook.initial, 0)[0]

describe("of the proven paths", () => {
  it("the best kind is used: within the network, directly, by a mapped port, the relay", () => {
    let book = relayed
    const used = [book.active]
    for (const [path, kind] of [
      [first, "mapped"],
      [second, "direct"],
      [lan, "lan"],
      [first, "mapped"],
    ] as const) {
      book = proven(book, path, kind, 100)
      used.push(book.active)
    }
    assert.deepStrictEqual(used, [Path.relay, first, second, lan, lan])
  })

  it("of equally good ones the first stays", () => {
    assert.deepStrictEqual(proven(proven(relayed, first, "direct", 100), second, "direct", 110).active, first)
  })

  it("IPv6 comes before IPv4 if it is proven within 50 ms", () => {
    const book = proven(relayed, first, "direct", 100)
    assert.deepStrictEqual(proven(book, ipv6, "direct", 150).active, ipv6)
    assert.deepStrictEqual(proven(book, ipv6, "direct", 151).active, first)
  })

  it("so many are kept, and never without the one in use", () => {
    let book = proven(relayed, first, "direct", 100)
    for (let i = 0; i < 50; i++) book = proven(book, at(`198.51.100.${i}`), "direct", 200 + i)
    assert.strictEqual(book.proven.length, PathBook.maxProven + 1)
    assert.deepStrictEqual(book.active, first)
  })
})

describe("the relay", () => {
  it("of another link is not blamed for what the one before left unanswered", () => {
    let book = PathBook.waiting(relayed, true, 0)
    for (let i = 0; i < PathBook.urgentPatience; i++) book = PathBook.due(tools, book, PathBook.dueAt(book))[0]
    assert.strictEqual(book.unanswered, PathBook.urgentPatience)
    const now = PathBook.dueAt(book)
    const [next] = PathBook.relayUp(tools, book, now)
    assert.isAbove(PathBook.dueAt(next), now)
    const [later, , died] = PathBook.due(tools, next, PathBook.dueAt(next))
    assert.deepStrictEqual([died, later.active], [undefined, Path.relay])
  })
})

describe("the path in use", () => {
  const direct = proven(relayed, first, "direct", 1000)

  it("is asked every ten seconds, a tenth more or less", () => {
    const pause = PathBook.dueAt(direct) - 1000
    assert.isAtLeast(pause, 9000)
    assert.isAtMost(pause, 11_000)
  })

  it("is dead after five unanswered challenges: 3.5 seconds after the first one", () => {
    const [book, diedAt] = silent(direct, 60_000)
    assert.strictEqual(diedAt, PathBook.dueAt(direct) + 1000 + 4 * 500)
    assert.deepStrictEqual(book.active, Path.relay)
    assert.deepStrictEqual(
      book.former.map(({ path }) => path),
      [first],
    )
  })

  it("is dead within 1.6 seconds while something waits to be acknowledged", () => {
    const [book, diedAt] = silent(PathBook.waiting(direct, true, 2000), 60_000)
    assert.strictEqual(diedAt, 3600)
    assert.deepStrictEqual(book.active, Path.relay)
  })

  it("is not dead sooner than its answers can come, however long the way is", () => {
    const far: Challenges.Challenge = { path: first, data: new Uint8Array(8), at: -1000, isStranger: false }
    const [book] = PathBook.prove(tools, relayed, far, "direct", 1000)
    const [, diedAt] = silent(PathBook.waiting(book, true, 2000), 60_000)
    assert.isAtLeast(diedAt!, 2000 + 4 * 2000)
  })

  it("gives way to one that answers while it does not, and does not come back by itself", () => {
    let book = proven(proven(relayed, second, "direct", 900), lan, "lan", 1000)
    for (let i = 0; i < 3; i++) book = PathBook.due(tools, book, PathBook.dueAt(book))[0]
    const now = PathBook.dueAt(book)
    book = proven(book, second, "direct", now)
    assert.deepStrictEqual(book.active, second)
    assert.deepStrictEqual(proven(book, second, "direct", now + 10).active, second)
    assert.deepStrictEqual(proven(book, lan, "lan", now + 20).active, lan)
  })

  it("that was the last one leaves nothing but questions, less and less often", () => {
    const alone = PathBook.relayDown(tools, direct, 1500)[0]
    let [book] = silent(alone, 60_000)
    assert.isUndefined(book.active)
    const pauses: Array<number> = []
    for (let i = 0; i < 7; i++) {
      const now = PathBook.dueAt(book)
      const [next, actions] = PathBook.due(tools, book, now)
      assert.strictEqual(actions.length, 1)
      pauses.push(Math.round(PathBook.dueAt(next) - now))
      book = next
    }
    assert.deepStrictEqual(pauses, [1000, 2000, 4000, 8000, 15_000, 15_000, 15_000])
    assert.deepStrictEqual(proven(book, first, "direct", PathBook.dueAt(book)).active, first)
  })
})
