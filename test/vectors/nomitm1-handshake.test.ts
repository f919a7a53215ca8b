import { assert, it } from "@effect/vitest"
import { make } from "./handshakeVector.ts"
import own from "./nomitm1-handshake.json" with { type: "json" }

it("nomitm1-handshake.json is what the program computes, to the byte", () => {
  assert.deepStrictEqual(JSON.parse(JSON.stringify(make())), own)
})
