/**
 * Files that nobody else may read: keys, contacts, what is remembered about servers. Mode 0600, in a directory that
 * only we can write (0700 if it is made here).
 *
 * Reading looks before it trusts: a symbolic link, a file of somebody else, one that others can read or that is larger
 * than it can be is refused. Writing is atomic: whatever happens in between, the path has the whole old content or the
 * whole new one.
 *
 * ```
 * directory -> open ".NAME.<random>.new" (exclusive, 0600) -> write -> fsync -> rename to NAME -> fsync the directory
 * ```
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { randomBytes } from "node:crypto"
import { constants, type Stats } from "node:fs"
import * as Files from "node:fs/promises"
import { basename, dirname, join } from "node:path"
import { errorCode } from "./errorCode.ts"

/** Why a file can't be read or written. `path` is the file, or the directory that is in the way. */
export class SecretFileError extends Schema.TaggedError<SecretFileError>("nomitm/SecretFileError")("SecretFileError", {
  reason: Schema.Literals(["Missing", "Symlink", "TooOpen", "NotOurs", "NotAFile", "TooLarge", "Io"]),
  path: Schema.String,
  /** Of `Io`: the system's code word, such as `ENOSPC`. */
  detail: Schema.optionalKey(Schema.String),
}) {
  override get message(): string {
    const detail = this.detail === undefined ? "" : ` (${this.detail})`
    return `${this.path} ${explanations[this.reason].message}${detail}.`
  }
  /** What to do about it. */
  get hint(): string {
    return explanations[this.reason].hint
  }
}

const explanations = {
  Missing: { message: "does not exist", hint: "Check the path." },
  Symlink: { message: "is a symbolic link", hint: "Put the file itself there." },
  TooOpen: {
    message: "can be used by other users",
    hint: "If you trust what is in it: chmod 600 the file, chmod 700 the folder.",
  },
  NotOurs: { message: "belongs to another user", hint: "Run as that user, or chown it." },
  NotAFile: { message: "is not what it should be: a file in a folder", hint: "Move it away, then try again." },
  TooLarge: { message: "is larger than it can be", hint: "Restore it from a backup, or move it away." },
  Io: { message: "can't be used", hint: "Check that the folder can be written and the disk is not full." },
}

/** The steps of a write, each named when it is done. */
export type Step = "DirectoryMade" | "Opened" | "HalfWritten" | "Written" | "Synced" | "Placed" | "DirectorySynced"

/**
 * What happens after each step of a write: nothing. A test dies here, as a process can.
 *
 * @param path of the new file, which has another name until it is `Placed`
 */
export const AfterStep = Context.Reference<(step: Step, path: string) => Effect.Effect<void>>(
  "nomitm/adapters/node/SecretFile/AfterStep",
  { defaultValue: () => () => Effect.void },
)

/** Leftovers of writes that were cut off are removed once they are this old, in milliseconds. */
const staleMillis = 60_000

const failure = (path: string, reason: SecretFileError["reason"], detail?: string): SecretFileError =>
  new SecretFileError({ reason, path, ...(detail === undefined ? {} : { detail }) })

/** What an error of the system means for a path. */
export const reasonOf = (path: string, cause: unknown): SecretFileError => {
  const code = errorCode(cause)
  switch (code) {
    case "ENOENT":
      return failure(path, "Missing")
    case "ELOOP":
    case "EMLINK":
      return failure(path, "Symlink")
    case "EEXIST":
    case "EISDIR":
    case "ENOTDIR":
    case "ENXIO":
      return failure(path, "NotAFile")
    default:
      return failure(path, "Io", code ?? "unknown")
  }
}

const attempt = <A>(path: string, run: () => Promise<A>): Effect.Effect<A, SecretFileError> =>
  Effect.tryPromise({ try: run, catch: (cause) => reasonOf(path, cause) })

/** Where there are no owners and modes (Windows), the profile of the user has to do. */
const isOurs = ({ uid }: Stats): boolean => process.getuid === undefined || uid === process.getuid()
const allows = ({ mode }: Stats, others: number): boolean => process.getuid !== undefined && (mode & others) !== 0

/** Flags that Windows has not are nothing there. */
const flags = (...names: ReadonlyArray<"O_RDONLY" | "O_NOFOLLOW" | "O_NONBLOCK" | "O_DIRECTORY">): number =>
  names.reduce((all, name) => all | (constants[name] ?? 0), 0)

/** Mode bits of others that are too many. Whoever can write a certificate can't do more than break it. */
const forbidden = { Nobody: 0o077, Group: 0o027, Everybody: 0o000 }

const withFile = <A>(
  path: string,
  open: () => Promise<Files.FileHandle>,
  use: (file: Files.FileHandle) => Effect.Effect<A, SecretFileError>,
): Effect.Effect<A, SecretFileError> =>
  Effect.acquireUseRelease(attempt(path, open), use, (file) => Effect.ignore(attempt(path, () => file.close())))

/**
 * Reads a whole file.
 *
 * @param options.maxBytes what it may be long
 * @param options.readers who may read it beside us: nobody without it. `Group` is for a key that an administrator gives
 *   to a group; `Everybody` for what is no secret, such as a certificate
 * @param options.followLinks for a path a person gave, such as a certificate that a program renews
 */
export const read = (
  path: string,
  options: {
    readonly maxBytes: number
    readonly readers?: "Group" | "Everybody"
    readonly followLinks?: boolean
  },
): Effect.Effect<Uint8Array, SecretFileError> => {
  const { maxBytes, readers, followLinks = false } = options
  // Without waiting: whoever opens a pipe would wait for its writer.
  const mode = flags("O_RDONLY", "O_NONBLOCK", ...(followLinks ? [] : (["O_NOFOLLOW"] as const)))
  return withFile(
    path,
    () => Files.open(path, mode),
    Effect.fnUntraced(function* (file) {
      const stats = yield* attempt(path, () => file.stat())
      if (!stats.isFile()) return yield* failure(path, "NotAFile")
      if (readers === undefined && !isOurs(stats)) return yield* failure(path, "NotOurs")
      if (allows(stats, forbidden[readers ?? "Nobody"])) return yield* failure(path, "TooOpen")
      if (stats.size > maxBytes) return yield* failure(path, "TooLarge")
      // One byte more than expected: it may have grown meanwhile, and some files of the system claim to be empty.
      let buffer = new Uint8Array(stats.size + 1)
      let length = 0
      while (length <= maxBytes) {
        if (length === buffer.length) {
          const larger = new Uint8Array(maxBytes + 1)
          larger.set(buffer)
          buffer = larger
        }
        const { bytesRead } = yield* attempt(path, () => file.read(buffer, length, buffer.length - length, null))
        if (bytesRead === 0) return buffer.slice(0, length)
        length += bytesRead
      }
      return yield* failure(path, "TooLarge")
    }),
  )
}

/**
 * Makes a directory, and those above it. Not with `recursive` of Node: where the system says `ENOENT` of a directory whose
 * parent is there, as in `/proc`, that tries again for ever.
 */
const makeDirectories = (path: string): Effect.Effect<void, SecretFileError> => {
  // What is there already is looked at afterwards.
  const make = attempt(path, () => Files.mkdir(path, { mode: 0o700 })).pipe(
    Effect.catchIf(
      ({ reason }) => reason === "NotAFile",
      () => Effect.void,
    ),
  )
  return Effect.catchIf(
    make,
    ({ reason }) => reason === "Missing" && dirname(path) !== path,
    () => Effect.andThen(makeDirectories(dirname(path)), make),
  )
}

/** Makes a directory (0700, with those above it) if there is none, and refuses one that others can write. */
export const ensureDirectory = Effect.fnUntraced(function* (path: string) {
  yield* makeDirectories(path)
  const stats = yield* attempt(path, () => Files.stat(path))
  if (!stats.isDirectory()) return yield* failure(path, "NotAFile")
  if (!isOurs(stats)) return yield* failure(path, "NotOurs")
  if (allows(stats, 0o022)) return yield* failure(path, "TooOpen")
})

/**
 * Writes a whole file, or replaces it. When this returns, the content is there after a loss of power, too.
 *
 * A link in its place is replaced, not followed. It can't be interrupted.
 */
export const write = (path: string, content: Uint8Array): Effect.Effect<void, SecretFileError> =>
  Effect.uninterruptible(place(path, content, (from) => attempt(path, () => Files.rename(from, path))))

/** Writes a file if there is none; false, and nothing is changed, if there is one. Of two writers at once, one wins. */
export const create = (path: string, content: Uint8Array): Effect.Effect<boolean, SecretFileError> =>
  Effect.uninterruptible(
    place(path, content, (from) =>
      attempt(path, () =>
        Files.link(from, path).then(
          () => true,
          (cause) => {
            if (errorCode(cause) === "EEXIST") return false
            throw cause
          },
        ),
      ).pipe(Effect.ensuring(Effect.ignore(attempt(from, () => Files.unlink(from))))),
    ),
  )

/** Removes a file; it is no error if there is none. */
export const remove = (path: string): Effect.Effect<void, SecretFileError> =>
  attempt(path, () => Files.rm(path, { force: true })).pipe(Effect.andThen(syncDirectory(dirname(path))))

const place = Effect.fnUntraced(function* <A>(
  path: string,
  content: Uint8Array,
  moveIn: (from: string) => Effect.Effect<A, SecretFileError>,
) {
  const afterStep = yield* AfterStep
  const directory = dirname(path)
  yield* ensureDirectory(directory)
  // Two programs that write at once must not write into the same file.
  const temporary = join(directory, `.${basename(path)}.${randomBytes(8).toString("hex")}.new`)
  const after = (step: Step) => afterStep(step, temporary)
  yield* after("DirectoryMade")
  const placed = yield* withFile(
    path,
    () => Files.open(temporary, "wx", 0o600),
    Effect.fnUntraced(function* (file) {
      yield* after("Opened")
      // In two parts, so that a test can come between.
      const half = content.length >> 1
      yield* attempt(path, () => file.writeFile(content.subarray(0, half)))
      yield* after("HalfWritten")
      yield* attempt(path, () => file.writeFile(content.subarray(half)))
      yield* after("Written")
      yield* attempt(path, () => file.sync())
      yield* after("Synced")
    }),
  ).pipe(
    Effect.andThen(moveIn(temporary)),
    // A failure, as of a full disk, leaves nothing behind. (A crash may: see below.)
    Effect.tapError(() => Effect.ignore(attempt(temporary, () => Files.rm(temporary, { force: true })))),
  )
  yield* after("Placed")
  yield* syncDirectory(directory)
  yield* after("DirectorySynced")
  yield* removeStale(directory, basename(path))
  return placed
})

/** Not every system can do this, and those that can't don't need it. */
const syncDirectory = (directory: string): Effect.Effect<void> =>
  withFile(
    directory,
    () => Files.open(directory, flags("O_RDONLY", "O_DIRECTORY")),
    (file) => attempt(directory, () => file.sync()),
  ).pipe(Effect.ignore)

const removeStale = (directory: string, name: string): Effect.Effect<void> =>
  attempt(directory, async () => {
    const entries = await Files.readdir(directory)
    const leftovers = entries.filter(
      (entry) => entry.startsWith(`.${name}.`) && /^[0-9a-f]{16}\.new$/.test(entry.slice(name.length + 2)),
    )
    await Promise.all(
      leftovers.map(async (entry) => {
        const { mtimeMs } = await Files.lstat(join(directory, entry))
        if (mtimeMs < Date.now() - staleMillis) await Files.rm(join(directory, entry), { force: true })
      }),
    )
  }).pipe(Effect.ignore)
