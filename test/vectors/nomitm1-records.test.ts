import { assert, it } from "@effect/vitest"
import own from "./nomitm1-records.json" with { type: "json" }
import { make } from "./recordsVector.ts"

it("nomitm1-records.json is what the program computes, to the byte", () => {
  assert.deepStrictEqual(JSON.parse(JSON.stringify(make())), own)
})
