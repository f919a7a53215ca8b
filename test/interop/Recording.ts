/**
 * The recordings of the older program, and what was said in them (`recordings/README.md`).
 */
import { globSync, readFileSync } from "node:fs"
import { join, sep } from "node:path"

const folder = join(import.meta.dirname, "recordings")

/** One thing that happened. Which fields there are says what it was. */
export interface Event {
  /** When, in milliseconds from the start of the recording. */
  readonly t_ms: number
  /** `tcp/`, `orig/`: which connection. In `client/` there is one at a time. */
  readonly conn?: string
  readonly dir?: "c2s" | "s2c" | "orig->scripted" | "scripted->orig"
  readonly event?: string
  readonly client_ip?: string
  /** The bytes, in one of three forms; of long datagrams the beginning, the end and the length. */
  readonly data?: string
  readonly data_b64?: string
  readonly data_repeat?: { readonly text: string; readonly count: number }
  readonly len?: number
  readonly head?: string
  readonly tail?: string
  /** `orig/`: `alice -> bob`. */
  readonly udp?: string
  readonly note?: string
  readonly orig_cmd?: string
  readonly orig_ui?: string
  readonly client_action?: string
}

export interface Recording {
  /** `tcp/hello` */
  readonly id: string
  readonly about: string
  readonly endpoints: string
  readonly events: ReadonlyArray<Event>
}

/** The names of all recordings, such as `tcp/hello`. */
export const ids: ReadonlyArray<string> = globSync("**/*.json", { cwd: folder })
  .map((file) => file.split(sep).join("/").slice(0, -".json".length))
  .toSorted()

export const idsIn = (kind: "tcp" | "client" | "udp" | "orig"): ReadonlyArray<string> =>
  ids.filter((id) => id.startsWith(`${kind}/`))

export const readJson = (id: string): unknown => JSON.parse(readFileSync(join(folder, `${id}.json`), "utf8"))

export const read = (id: string): Recording => ({ id, ...(readJson(id) as Omit<Recording, "id">) })

/** The bytes of an event that has some. */
export const bytesOf = (event: Event): Uint8Array | undefined => {
  if (event.data !== undefined) return Buffer.from(event.data)
  if (event.data_b64 !== undefined) return Buffer.from(event.data_b64, "base64")
  if (event.data_repeat !== undefined) return Buffer.from(event.data_repeat.text.repeat(event.data_repeat.count))
  if (event.len === undefined || event.head === undefined) return undefined
  // What stands between head and tail is the repetition of the last character of the head.
  const [head, tail] = [event.head.replace(/\.\.\.$/, ""), event.tail ?? ""]
  return Buffer.from(head + head.slice(-1).repeat(event.len - head.length - tail.length) + tail)
}

/** What one side said on each connection: its lines, and `(end)` when it ended the stream. */
export type Transcript = Readonly<Record<string, ReadonlyArray<string>>>

/** The mark of a stream's end in a transcript. */
export const end = "(end)"

/** Lines of a stream. Bytes after the last line end are a line too, marked as unfinished. */
export const lines = (bytes: Uint8Array, ended: boolean): ReadonlyArray<string> => {
  const all = Buffer.from(bytes).toString("utf8").split("\n")
  const rest = all.pop()!
  return [...all, ...(rest === "" ? [] : [`${rest} (no line end)`]), ...(ended ? [end] : [])]
}

/** The addresses of the recordings, on loopback. */
export const onLoopback = (text: string): string => text.replaceAll("10.77.0.", "127.0.0.")

/** What one side said on each TCP connection of a recording. */
export const transcript = (events: ReadonlyArray<Event>, dir: "c2s" | "s2c"): Transcript => {
  const said = new Map<string, { bytes: Array<Uint8Array>; ended: boolean }>()
  for (const event of events) {
    if (event.conn === undefined) continue
    const mine = said.get(event.conn) ?? { bytes: [], ended: false }
    if (event.event === "open" || event.event === undefined) said.set(event.conn, mine)
    if (event.dir !== dir) continue
    const bytes = bytesOf(event)
    if (bytes !== undefined) mine.bytes.push(Buffer.from(onLoopback(Buffer.from(bytes).toString("latin1")), "latin1"))
    if (event.event === "fin") mine.ended = true
  }
  return Object.fromEntries([...said].map(([conn, { bytes, ended }]) => [conn, lines(Buffer.concat(bytes), ended)]))
}
