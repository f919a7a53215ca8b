import { describe, it } from "@effect/vitest"
import * as NoiseVector from "./NoiseVector.ts"
import own from "./noise.json" with { type: "json" }
import * as thirdParty from "./thirdParty.ts"

interface File {
  readonly vectors: ReadonlyArray<NoiseVector.NoiseVector>
}

describe("noise.json, the project's own", () => {
  it.each(own.vectors)("$protocol_name: every message, both ways", (vector) => NoiseVector.run(vector))
})

for (const name of ["cacophony", "snow"]) {
  thirdParty.describeFile<File>(`noise-${name}-25519-chachapoly-sha256.json`, ({ vectors }, executed) => {
    it.each(vectors)("$protocol_name: every message, both ways", (vector) => {
      NoiseVector.run(vector)
      executed()
    })
  })
}
