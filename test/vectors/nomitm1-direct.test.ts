import { assert, it } from "@effect/vitest"
import { make } from "./directVector.ts"
import own from "./nomitm1-direct.json" with { type: "json" }

it("nomitm1-direct.json is what the program computes, to the byte", () => {
  assert.deepStrictEqual(JSON.parse(JSON.stringify(make())), own)
})
