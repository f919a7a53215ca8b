/**
 * Checks that imports in `src` keep to the house:
 *
 *     main -> adapters -> services -> domain
 *
 * A module imports from its own floor and those below; a folder of `services` from itself, from what lies beside the
 * folders, and from the folders that it stands on. `domain` knows Effect's data types and nothing that runs;
 * `services` and `adapters/memory` know no engine; nobody imports a barrel, which would load every module behind it at
 * start-up. An import of a type counts like any other. Prints each violation as `file:line: why`.
 */
import { globSync, readFileSync } from "node:fs"
import { isBuiltin } from "node:module"
import { dirname, join, relative, sep } from "node:path"
import { parseAst } from "rolldown/parseAst"

const root = join(import.meta.dirname, "..")
const source = join(root, process.argv[2] ?? "src")

/** What `domain` may know of Effect: data, and descriptions of data. */
const dataModules = new Set(
  (
    "Array BigDecimal BigInt Boolean Brand ByteSize Bytes Chunk Combiner Data DateTime Differ Duration Equal " +
    "Equivalence Filter Function Graph HashMap HashRing HashSet Inspectable Iterable Match MutableHashMap " +
    "MutableHashSet MutableList MutableRef Newtype NonEmptyIterable Number Optic Option Order Ordering Pipeable " +
    "Predicate PrimaryKey Record Redacted Reducer RegExp Result Schema SchemaAST SchemaGetter SchemaIssue " +
    "SchemaParser SchemaTransformation SemVer String Struct Symbol Trie Tuple Types UndefinedOr Unify " +
    "encoding/Base64 encoding/Base64Url encoding/EncodingError encoding/Hex encoding/SchemaBinary " +
    "net/Host net/IpInterface net/IpNetwork net/NetAddress"
  )
    .split(" ")
    .map((name) => `effect/${name}`),
)

const floors = ["domain", "services", "adapters", "main"] as const
type Floor = (typeof floors)[number]

/** What each folder of `services` stands on. */
const rooms: Readonly<Record<string, ReadonlyArray<string>>> = {
  server: [],
  profile: [],
  link: [],
  chat: ["link"],
  peer: ["chat", "link", "profile"],
}

const manifest = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as {
  readonly name: string
  readonly dependencies: Readonly<Record<string, string>>
}

/** Path segments of a file below `src`: `["adapters", "memory", "Network.ts"]`. */
const segments = (file: string): ReadonlyArray<string> => relative(source, file).split(sep)

/** A file beside the folders, such as `src/index.ts`, is the library's door: it shows what is below `main`. */
const floorOf = (file: string): Floor | "door" | "outside" => {
  const [first, ...rest] = segments(file)
  if (first === "..") return "outside"
  if (rest.length === 0) return "door"
  return floors.find((floor) => floor === first) ?? "outside"
}

const packageOf = (specifier: string): string => /^(?:@[^/]+\/)?[^/]+/.exec(specifier)?.[0] ?? specifier

const barrels = /^(?:effect|effect\/[a-z-]+|@effect\/[^/]+)$/

/** The folder of `services` that a file is in; none if it lies beside them. */
const roomOf = (file: string): string | undefined => {
  const [, room, ...rest] = segments(file)
  return rest.length === 0 ? undefined : room
}

const roomViolation = (file: string, imported: string): string | undefined => {
  const [from, to] = [roomOf(file), roomOf(imported)]
  if (from !== undefined && !(from in rooms))
    return `services has ${Object.keys(rooms).join(", ")}, and no other folder`
  if (to === undefined || to === from) return undefined
  if (from === undefined) return "what lies beside the folders of services must not import from one"
  return rooms[from]?.includes(to) === true ? undefined : `services/${from} must not import services/${to}`
}

/** Why the import is against the house, or nothing. */
const violation = (file: string, specifier: string): string | undefined => {
  const from = floorOf(file)
  if (specifier.startsWith(".")) {
    const to = floorOf(join(dirname(file), specifier))
    if (to === "outside") return "reaches out of src"
    if (to === "door") return "src/index.ts is for users of the library: import the module itself"
    if (from === "door") return to === "main" ? "the library does not show what belongs to the command" : undefined
    if (from === "outside") return `src has ${floors.join(", ")}, and no other folder`
    if (floors.indexOf(to) > floors.indexOf(from)) return `${from} must not import ${to}`
    if (from === "services" && to === "services") return roomViolation(file, join(dirname(file), specifier))
    const memory = segments(file)[1] === "memory"
    if (
      from === "adapters" &&
      memory &&
      to === "adapters" &&
      segments(join(dirname(file), specifier))[1] !== "memory"
    ) {
      return "adapters/memory must not import another adapter"
    }
    return undefined
  }
  if (barrels.test(specifier)) return "a barrel: import the module itself, as in effect/Option"
  if (isBuiltin(specifier) && !specifier.startsWith("node:")) return `write node:${specifier}`
  switch (from) {
    case "domain":
      return dataModules.has(specifier) ? undefined : "domain imports only Effect's data modules"
    case "services":
      return packageOf(specifier) === "effect" ? undefined : "services import nothing but effect and domain"
    case "adapters": {
      const memory = segments(file)[1] === "memory"
      if (memory && packageOf(specifier) !== "effect") return "adapters/memory runs anywhere: it imports only effect"
      break
    }
    case "main":
      if (specifier === `${manifest.name}/package.json`) return undefined
  }
  if (isBuiltin(specifier) || packageOf(specifier) in manifest.dependencies) return undefined
  return `${packageOf(specifier)} is not among the dependencies in package.json`
}

interface Import {
  readonly specifier: string
  readonly offset: number
}

/** All imports of a module, wherever they stand: `import`, `export … from`, `import("…")`, and `import("…").Type`. */
const importsOf = (node: unknown, found: Array<Import> = []): Array<Import> => {
  if (Array.isArray(node)) for (const child of node) importsOf(child, found)
  else if (typeof node === "object" && node !== null) {
    if ("type" in node && "source" in node && /^(Import|Export|TSImport)/.test(String(node.type))) {
      const literal = node.source as { readonly value?: unknown; readonly start: number } | null
      if (typeof literal?.value === "string") found.push({ specifier: literal.value, offset: literal.start })
    }
    for (const child of Object.values(node)) importsOf(child, found)
  }
  return found
}

const files = globSync("**/*.ts", { cwd: source }).toSorted()
let count = 0
for (const name of files) {
  const file = join(source, name)
  const text = readFileSync(file, "utf8")
  for (const { offset, specifier } of importsOf(parseAst(text, { lang: "ts", sourceType: "module" }, file).body)) {
    const why = violation(file, specifier)
    if (why === undefined) continue
    count += 1
    const line = text.slice(0, offset).split("\n").length
    console.error(`${relative(root, file)}:${line}: "${specifier}": ${why}`)
  }
}
if (count > 0) {
  console.error(`${count} import${count === 1 ? "" : "s"} against the house, in ${files.length} modules`)
  process.exit(1)
}
console.log(`${files.length} modules keep to main -> adapters -> services -> domain`)
