/**
 * Bundles the command: `src/main/main.ts` and all it imports become one minified file, `dist/nomitm.mjs`.
 *
 * A static import is resolved before any code runs, so on a Node that lacks one builtin module, or one name of it, the
 * command would end in a stack trace. The bundle therefore has no static imports: each is turned into
 * `process.getBuiltinModule(…)`, and the first statement of the file can look at the version and refuse in one line.
 * The slow ones among them (`crypto`, `tls`, …) are fetched when they are first used, so that `--help` need not wait.
 */
import { chmod, mkdir, readFile, rename, writeFile } from "node:fs/promises"
import { isBuiltin } from "node:module"
import { dirname, join } from "node:path"
import { rolldown } from "rolldown"
import { parseAst } from "rolldown/parseAst"

export const root: string = dirname(import.meta.dirname)

interface Manifest {
  readonly name: string
  readonly engines: { readonly node: string }
}

/** Runs on any Node that knows modules, so it is written in the JavaScript of 2015. */
const refuseOlderNode = ({ engines, name }: Manifest): string => {
  const [, major, minor] = /^>=(\d+)\.(\d+)\.\d+$/.exec(engines.node) ?? []
  if (major === undefined || minor === undefined) throw new Error(`package.json: engines.node is ${engines.node}`)
  const message = `${name} needs Node ${major}.${minor} or newer, and this is Node `
  const hint = `. Install a newer one from https://nodejs.org and try again.`
  return (
    `{const v=process.versions.node,[a,b]=v.split(".");if(a<${major}||a==${major}&&b<${minor})` +
    `{process.stderr.write(${JSON.stringify(message)}+v+${JSON.stringify(`${hint}\n`)});process.exit(2)}}`
  )
}

/** Builtin modules that take a millisecond or so to load and are nothing but a collection of names. */
const slowBuiltins = new Set(
  "child_process crypto dgram dns http http2 https net readline tls worker_threads zlib"
    .split(" ")
    .map((name) => `node:${name}`),
)

const defineLazily =
  `const $lazily=(name)=>{let module;` +
  `return new Proxy({},{get:(_,key)=>(module??=process.getBuiltinModule(name))[key]})};`

/** `import a, { b as c } from "node:x"` becomes `const a = builtin("node:x"), { b: c } = a`. */
const withoutStaticImports = (code: string): string => {
  let result = ""
  let end = 0
  for (const node of parseAst(code, { sourceType: "module" }, "nomitm.mjs").body) {
    const isImport = node.type === "ImportDeclaration"
    const isReExport = node.type === "ExportAllDeclaration" || (node.type === "ExportNamedDeclaration" && node.source)
    if (!isImport && !isReExport) continue
    if (!isImport || !isBuiltin(node.source.value)) {
      throw new Error(`The bundle must stand alone, and has: ${code.slice(node.start, node.end)}`)
    }
    const module = `process.getBuiltinModule(${JSON.stringify(node.source.value)})`
    const whole: Array<string> = []
    const names: Array<string> = []
    for (const specifier of node.specifiers) {
      const local = specifier.local.name
      if (specifier.type !== "ImportSpecifier") whole.push(local)
      else if (specifier.imported.type !== "Identifier") throw new Error(`Quoted import in ${node.source.value}`)
      else if (specifier.imported.name === "default") whole.push(local)
      else names.push(specifier.imported.name === local ? local : `${specifier.imported.name}:${local}`)
    }
    const lazily = slowBuiltins.has(node.source.value) && names.length === 0
    const whence = lazily ? `$lazily(${JSON.stringify(node.source.value)})` : module
    const bindings = [...whole, ...(names.length > 0 ? [`{${names.join()}}`] : [])].map((name) => `${name}=${whence}`)
    result += code.slice(end, node.start) + (bindings.length > 0 ? `const ${bindings.join()};` : "")
    end = node.end
  }
  return result + code.slice(end)
}

/** The licences of the packages whose code is in the bundle, as they ask for. */
const licences = async (modules: ReadonlyArray<string>): Promise<string> => {
  const folders = new Set(modules.flatMap((id) => /^.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(id) ?? []))
  const texts = await Promise.all(
    [...folders].toSorted().map(async (folder) => {
      const name = folder.slice(folder.lastIndexOf("node_modules/") + "node_modules/".length)
      return `${name}\n\n${await readFile(join(folder, "LICENSE"), "utf8")}`
    }),
  )
  return `dist/nomitm.mjs contains code of these packages.\n\n${texts.join("\n\n")}`
}

/** Writes the bundle whole or not at all, so that a command that is running elsewhere never reads half of one. */
const replaceFile = async (file: string, text: string, mode: number): Promise<void> => {
  const unfinished = `${file}.${process.pid}`
  await writeFile(unfinished, text)
  await chmod(unfinished, mode)
  await rename(unfinished, file)
}

/**
 * Bundles `entry` (by default the command's main module) into `out` (by default `dist/nomitm.mjs`) and returns its size
 * in bytes.
 */
export const bundle = async (
  entry: string = join(root, "src/main/main.ts"),
  out: string = join(root, "dist/nomitm.mjs"),
): Promise<number> => {
  const manifest = JSON.parse(await readFile(join(root, "package.json"), "utf8")) as Manifest
  const build = await rolldown({
    input: entry,
    cwd: root,
    platform: "node",
    tsconfig: false,
    resolve: { conditionNames: ["nomitm-source", "node", "import", "default"] },
    external: (id) => isBuiltin(id),
    // Any Node since 16 can read the file far enough to run its first statement.
    transform: { target: "es2022" },
    treeshake: { propertyReadSideEffects: false },
    onLog: (level, log) => {
      if (level === "warn") throw new Error(log.message)
    },
  })
  const { output } = await build.generate({ format: "esm", codeSplitting: false, minify: true, comments: false })
  await build.close()
  const [chunk] = output
  if (output.length !== 1) throw new Error(`One file was expected, and these came: ${output.map((_) => _.fileName)}`)

  const body = withoutStaticImports(chunk.code.replace(/^#!.*\n/, ""))
  const text = `#!/usr/bin/env node\n${refuseOlderNode(manifest)}${defineLazily}\n${body}`
  await mkdir(dirname(out), { recursive: true })
  await replaceFile(out, text, 0o755)
  await replaceFile(join(dirname(out), "LICENSES.txt"), await licences(chunk.moduleIds), 0o644)
  return Buffer.byteLength(text)
}
