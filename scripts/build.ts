/**
 * Builds what is published.
 *
 *     node scripts/build.ts           both
 *     node scripts/build.ts command   dist/nomitm.mjs: the command, one file
 *     node scripts/build.ts library   dist/lib: JavaScript and types, for `import … from "nomitm"`
 */
import { spawnSync } from "node:child_process"
import { rmSync } from "node:fs"
import { join } from "node:path"
import { bundle, root } from "./bundle.ts"

const report = (what: string, start: number): void =>
  console.log(`${what} in ${((performance.now() - start) / 1000).toFixed(1)} s`)

const command = async (): Promise<void> => {
  const start = performance.now()
  const bytes = await bundle()
  report(`dist/nomitm.mjs, ${(bytes / 1000).toFixed(0)} kB,`, start)
}

const library = (): void => {
  const start = performance.now()
  rmSync(join(root, "dist/lib"), { recursive: true, force: true })
  const compiler = join(root, "node_modules/typescript/bin/tsc")
  const { status } = spawnSync(process.execPath, [compiler, "--project", "tsconfig.build.json"], {
    cwd: root,
    stdio: "inherit",
  })
  if (status !== 0) process.exit(1)
  report("dist/lib", start)
}

const what = process.argv[2] ?? "all"
if (!["all", "command", "library"].includes(what)) {
  console.error(`There is no part called ${what}: say command, library or nothing.`)
  process.exit(2)
}
if (what !== "library") await command()
if (what !== "command") library()
