import { assert, describe, it } from "@effect/vitest"
import * as Result from "effect/Result"
import * as ProfileState from "../../../src/domain/profile/ProfileState.ts"
import type { Username } from "../../../src/domain/Username.ts"
import * as All from "../arbitraries.ts"

const empty: ProfileState.ProfileState = { serial: 7, contacts: 3, invitations: 0, names: [] }
const name = (name: string, at: number, server = "a.example:1") => ({ name: name as Username, server, at })

describe("the state of a profile", () => {
  it("remembers the names used last, each once", () => {
    let state = empty
    for (let n = 0; n < 100; n++) state = ProfileState.used(state, name(`user${n % 70}`, n))
    assert.lengthOf(state.names, ProfileState.maxNames)
    assert.deepEqual(state.names.slice(0, 2), [name("user29", 99), name("user28", 98)])
    assert.strictEqual(new Set(state.names.map((used) => used.name)).size, ProfileState.maxNames)
    assert.deepEqual(ProfileState.decode(ProfileState.encode(state)), Result.succeed(state))
    const elsewhere = ProfileState.used(state, name("user29", 100, "b.example:1"))
    assert.deepEqual(
      elsewhere.names.slice(0, 2).map(({ at }) => at),
      [100, 99],
    )
  })

  it("fits into a file with the longest names there are", () => {
    let state = empty
    for (let n = 0; n < ProfileState.maxNames; n++) {
      state = ProfileState.used(state, name(`${"𐐨".repeat(30)}${n}`, 2 ** 48, "x".repeat(262)))
    }
    assert.isBelow(new TextEncoder().encode(ProfileState.encode(state)).length, ProfileState.maxBytes)
  })

  it("knows a book that is one write ahead, as after a crash, and none that is older or further", () => {
    for (const book of [5, 6]) assert.isTrue(Result.isSuccess(ProfileState.isCurrent(5, book)))
    for (const book of [0, 4, 7, 1e9]) assert.isTrue(Result.isFailure(ProfileState.isCurrent(5, book)))
  })

  it.prop("is no other text", [All.text], ([text]) => assert.isTrue(Result.isFailure(ProfileState.decode(text))), {
    arbitrary: { runs: 300, size: 60 },
  })
})
