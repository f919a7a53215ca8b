/** What PROTOCOL.md shows of the vectors, for people, is what the files say. */
import { assert, it } from "@effect/vitest"
import { readFileSync } from "node:fs"
import { join } from "node:path"

const read = (path: string): string => readFileSync(join(import.meta.dirname, path), "utf8")
const files = ["handshake", "records", "reach"].map((name) => read(`nomitm1-${name}.json`)).join("\n")

it("PROTOCOL.md, section 18: every value is one of the files, or a piece of one", () => {
  const section = read("../../PROTOCOL.md").split("\n## 18. ")[1] ?? ""
  const values = section.match(/[0-9a-f]{8,}/g) ?? []
  assert.isAbove(values.length, 60)
  // The frames of a record are shown with the first of the zeros behind them.
  for (const value of values) assert.include(files, value.replace(/(?<=f09f9880)00$/, ""))
})
