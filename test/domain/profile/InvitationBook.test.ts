import { assert, describe, it } from "@effect/vitest"
import * as Arbitrary from "effect/Arbitrary"
import * as Result from "effect/Result"
import * as InvitationBook from "../../../src/domain/profile/InvitationBook.ts"
import * as All from "../arbitraries.ts"
import { bytesOf } from "../crypto/primitives.ts"
import { person } from "./arbitraries.ts"

const invitation = (n: number, expiry = 1000) => ({
  inviteId: bytesOf(`invite ${n}`, 16),
  psk: bytesOf(`psk ${n}`, 32),
  server: "chat.example:6969",
  expiry,
})
const issue = (book: InvitationBook.InvitationBook, n: number, now = 0, expiry?: number) =>
  InvitationBook.issue(book, invitation(n, expiry), now)
const issued = (book: InvitationBook.InvitationBook, n: number, expiry?: number) =>
  Result.getOrThrow(issue(book, n, 0, expiry))
const use = (book: InvitationBook.InvitationBook, n: number, who = "guest", now = 500) =>
  InvitationBook.use(book, { inviteId: invitation(n).inviteId, by: person(who), now })
const psk = (book: InvitationBook.InvitationBook, n: number, now = 500) =>
  InvitationBook.psk(book, invitation(n).inviteId, now)
const why = <A>(result: Result.Result<A, InvitationBook.Refusal>) => Result.getOrThrow(Result.flip(result))

describe("the book of invitations", () => {
  const book = issued(issued(InvitationBook.empty, 1), 2)

  it("gives the secret of an open one", () => {
    assert.deepEqual(psk(book, 1), Result.succeed(invitation(1).psk))
    assert.strictEqual(why(psk(book, 3)), "Unknown")
  })

  it("lets one person in with it, once; its secret is gone then", () => {
    const used = Result.getOrThrow(use(book, 1))
    assert.strictEqual(why(use(used, 1)), "Used")
    assert.strictEqual(why(use(used, 1, "somebody else")), "Used")
    assert.strictEqual(why(psk(used, 1)), "Used")
    assert.notInclude(InvitationBook.encode(used), InvitationBook.encode(book).split('"psk":"')[1]!.slice(0, 43))
    assert.isTrue(Result.isSuccess(psk(used, 2)))
  })

  it("lets nobody in who comes too late, to the second", () => {
    assert.isTrue(Result.isSuccess(use(book, 1, "guest", 999)))
    assert.strictEqual(why(use(book, 1, "guest", 1000)), "Expired")
    assert.strictEqual(why(psk(book, 1, 1000)), "Expired")
    assert.strictEqual(InvitationBook.size(InvitationBook.prune(book, 1000)), 0)
    // Pruned, it is unknown: as good as expired.
    assert.strictEqual(why(psk(InvitationBook.prune(book, 1000), 1, 0)), "Unknown")
  })

  it("issues none that is over already, or lasts longer than 400 days", () => {
    assert.strictEqual(why(issue(book, 3, 1000)), "Expired")
    assert.strictEqual(why(issue(book, 3, 0, InvitationBook.maxValidSeconds + 1)), "Expired")
    assert.isTrue(Result.isSuccess(issue(book, 3, 0, InvitationBook.maxValidSeconds)))
  })

  it("has 1,000 open ones and no more; used and expired ones make room", () => {
    let full = InvitationBook.empty
    for (let n = 0; n < InvitationBook.maxInvitations; n++) full = issued(full, n, n === 0 ? 10 : 1000)
    assert.strictEqual(why(issue(full, 1000)), "Full")
    assert.isTrue(Result.isSuccess(issue(full, 1000, 10)))
    const used = Result.getOrThrow(use(full, 7))
    assert.isTrue(Result.isSuccess(issue(used, 1000)))
    assert.isBelow(InvitationBook.encode(full).length, InvitationBook.maxBytes / 2)
    assert.strictEqual(InvitationBook.size(Result.getOrThrow(InvitationBook.decode(InvitationBook.encode(full)))), 1000)
  })

  type Act = readonly ["issue" | "use" | "prune", number, number]
  const act: Arbitrary.Arbitrary<Act> = Arbitrary.all([
    All.pick("issue", "use", "prune"),
    All.integer(0, 5),
    All.integer(0, 1200),
  ])
  it.prop(
    "never lets an invitation be used twice, whatever happens in between",
    [Arbitrary.array(act, { maxLength: 40 })],
    ([acts]) => {
      let book = InvitationBook.empty
      const uses = new Map<number, number>()
      const inUse = new Set<number>()
      for (const [what, n, now] of acts) {
        if (what === "prune") book = InvitationBook.prune(book, now)
        else if (what === "use") {
          const used = use(book, n, "guest", now)
          if (Result.isSuccess(used)) {
            book = used.success
            uses.set(n, (uses.get(n) ?? 0) + 1)
          }
        } else if (!inUse.has(n)) {
          // Each is issued once: their secrets are random.
          inUse.add(n)
          book = Result.getOrElse(issue(book, n, now), () => book)
        }
        book = Result.getOrThrow(InvitationBook.decode(InvitationBook.encode(book)))
      }
      for (const count of uses.values()) assert.strictEqual(count, 1)
    },
    { arbitrary: { runs: 500, size: 60 } },
  )

  it.prop("is no other text", [All.text], ([text]) => assert.isTrue(Result.isFailure(InvitationBook.decode(text))), {
    arbitrary: { runs: 300, size: 60 },
  })
})
