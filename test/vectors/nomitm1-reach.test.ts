import { assert, it } from "@effect/vitest"
import own from "./nomitm1-reach.json" with { type: "json" }
import { make } from "./reachVector.ts"

it("nomitm1-reach.json is what the program computes, to the byte", () => {
  assert.deepStrictEqual(JSON.parse(JSON.stringify(make())), own)
})
