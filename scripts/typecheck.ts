/**
 * Checks all types. Where the compiler with Effect's diagnostics is installed (floating effects, a missing
 * `return yield*`, …) it does the work; elsewhere TypeScript's own compiler does, which ignores the plugin.
 */
import { spawnSync } from "node:child_process"
import { existsSync } from "node:fs"
import { join } from "node:path"

const root = join(import.meta.dirname, "..")
const modules = join(root, "node_modules")
const withEffect = join(modules, `@effect/tsgo-${process.platform}-${process.arch}/lib/tsc`)

const [program, args] = existsSync(withEffect)
  ? [withEffect, []]
  : [process.execPath, [join(modules, "typescript/bin/tsc")]]
if (program !== withEffect) {
  console.error(`Without Effect's diagnostics: its compiler is not installed on ${process.platform}-${process.arch}.`)
}
const { error, status } = spawnSync(program, [...args, "--noEmit", "--pretty", "false", ...process.argv.slice(2)], {
  cwd: root,
  stdio: "inherit",
})
if (error !== undefined) console.error(`The compiler did not start: ${error.message}`)
process.exit(status ?? 1)
