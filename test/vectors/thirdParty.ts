/**
 * Test vectors that others made. They are not in this repository: they are read from `../shared/vectors`, beside it,
 * where that is there. Each file says in the output how many of its vectors were run; where it is absent one line says
 * so, which is a failure wherever `CI` is set.
 */
import { existsSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { afterAll, assert, describe, it } from "@effect/vitest"

const folder = join(import.meta.dirname, "../../../shared/vectors")

const inCi = (process.env["CI"] ?? "") !== ""

/**
 * Runs the vectors of a file, if it is there.
 *
 * @param tests registers the tests; `executed` counts a vector that was run
 */
export const describeFile = <File>(name: string, tests: (file: File, executed: () => void) => void): void => {
  describe(name, () => {
    const path = join(folder, name)
    if (!existsSync(path)) {
      it("is run wherever CI is set", () => {
        console.log(`${name}: no third-party vectors executed, the file is not beside the repository`)
        assert.isFalse(inCi, `${path} is absent`)
      })
      return
    }
    let count = 0
    tests(JSON.parse(readFileSync(path, "utf8")) as File, () => count++)
    afterAll(() => {
      console.log(`${name}: ${count} third-party vectors executed`)
      assert.isFalse(inCi && count === 0, `no vector of ${path} was executed`)
    })
  })
}
