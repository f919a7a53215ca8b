/**
 * `NameStore` on disk: `names.sqlite` in the server's data directory, mode 0600, by the SQLite that comes with Node.
 *
 * A write-ahead log without a sync at each write: a killed server has lost nothing, a machine that loses power perhaps
 * the last names taken. SQLite's calls are synchronous; reading takes microseconds, and of a name that is in daily use
 * no more than one write a day is made.
 *
 * One server at a time uses a directory. `node:sqlite` is loaded when the store is opened, and not before.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import { constants } from "node:fs"
import * as Files from "node:fs/promises"
import { join } from "node:path"
import type { DatabaseSync } from "node:sqlite"
import * as PersonId from "../../domain/identity/PersonId.ts"
import * as NameOwnership from "../../domain/nomitm1/NameOwnership.ts"
import { NameStore, NameStoreError } from "../../services/NameStore.ts"
import { errorCode } from "./errorCode.ts"
import * as SecretFile from "./SecretFile.ts"

/** The file's name in the data directory. */
export const fileName = "names.sqlite"

/** The layout of the database, as SQLite's `user_version`. A larger one is a newer program's. */
export const version = 1
/** Marks the file as one of ours, as SQLite's `application_id`: "nomi". */
const applicationId = 0x6e6f6d69

const schema = `
  CREATE TABLE names (
    name TEXT PRIMARY KEY,
    id BLOB NOT NULL,
    serial INTEGER NOT NULL,
    used INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX names_of_key ON names (id);
  CREATE INDEX names_by_use ON names (used);
  PRAGMA application_id = ${applicationId};
  PRAGMA user_version = ${version};
`

/** SQLite's primary result codes. */
const busy = 5
const corrupt = 11
const notADatabase = 26

const hints = {
  Corrupt: "Restore it from a backup. Or move it away: then names are free to whoever takes them first.",
  Newer: "Update nomitm, or use another directory.",
  InUse: "Stop the other server, or give this one a directory of its own.",
  Io: "Check that the disk is not full and the folder is yours and can be written.",
} as const

const failure = (path: string, reason: NameStoreError["reason"], what: string): NameStoreError =>
  new NameStoreError({ reason, message: `${path} ${what}.`, hint: hints[reason] })

const reasonOf = (path: string, cause: unknown): NameStoreError => {
  if (cause instanceof NameStoreError) return cause
  const code = (cause as { readonly errcode?: unknown } | null)?.errcode
  switch (typeof code === "number" ? code & 0xff : undefined) {
    case busy:
      return failure(path, "InUse", "is in use by another server")
    case corrupt:
    case notADatabase:
      return failure(path, "Corrupt", "is damaged")
    default: {
      const detail = cause instanceof Error ? (errorCode(cause) ?? "unknown reason") : "unknown reason"
      return failure(path, "Io", `can't be used (${detail === "ERR_SQLITE_ERROR" ? `SQLite error ${code}` : detail})`)
    }
  }
}

const attempt = <A>(path: string, run: () => A): Effect.Effect<A, NameStoreError> =>
  Effect.try({ try: run, catch: (cause) => reasonOf(path, cause) })

/** Makes the file if there is none, so that it is ours alone from its first moment on; refuses one that is not. */
const secureFile = Effect.fnUntraced(function* (directory: string, path: string) {
  const secret = (error: SecretFile.SecretFileError) =>
    new NameStoreError({ reason: "Io", message: error.message, hint: error.hint })
  yield* Effect.mapError(SecretFile.ensureDirectory(directory), secret)
  const flags = constants.O_RDWR | constants.O_CREAT | (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0)
  yield* Effect.tryPromise({
    try: async () => {
      const file = await Files.open(path, flags, 0o600)
      const stats = await file.stat().finally(() => file.close())
      if (!stats.isFile()) throw failure(path, "Io", "is no file")
      const uid = process.getuid?.()
      if (uid !== undefined && stats.uid !== uid) throw failure(path, "Io", "belongs to another user")
      if (uid !== undefined && (stats.mode & 0o077) !== 0) {
        throw failure(path, "Io", "can be used by other users: chmod 600 it")
      }
    },
    catch: (cause) =>
      errorCode(cause) === "ELOOP" ? failure(path, "Io", "is a symbolic link") : reasonOf(path, cause),
  })
})

const open = Effect.fnUntraced(function* (path: string, now: number) {
  const { DatabaseSync } = yield* Effect.promise(() => import("node:sqlite"))
  const database = yield* Effect.acquireRelease(
    attempt(path, () => new DatabaseSync(path)),
    (database) => Effect.ignore(attempt(path, () => database.close())),
  )
  yield* attempt(path, () => {
    // Exclusive before the first look: there is no second server, and no file of shared memory.
    database.exec("PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;")
    const number = (pragma: string) => Number(Object.values(database.prepare(`PRAGMA ${pragma}`).get() ?? {})[0])
    const found = number("user_version")
    if (found > version) throw failure(path, "Newer", "was written by a newer version")
    if (found === 0) {
      if (number("schema_version") !== 0) throw failure(path, "Corrupt", "is a database of something else")
      database.exec(`BEGIN EXCLUSIVE; ${schema} COMMIT;`)
    } else {
      if (number("application_id") !== applicationId) throw failure(path, "Corrupt", "is a database of something else")
      const check = Object.values(database.prepare("PRAGMA quick_check(1)").get() ?? {})[0]
      if (check !== "ok") throw failure(path, "Corrupt", "is damaged")
    }
    database.prepare("DELETE FROM names WHERE used < ?").run(NameOwnership.expiredBefore(now))
  })
  return database
})

const makeStore = (path: string, database: DatabaseSync): NameStore["Service"] => {
  const select = database.prepare("SELECT id, serial, used FROM names WHERE name = ?")
  const count = database.prepare("SELECT count(*) AS count FROM names WHERE id = ? AND used >= ?")
  const serials = database.prepare("SELECT max(serial) AS serial FROM names WHERE id = ?")
  const replace = database.prepare("INSERT OR REPLACE INTO names (name, id, serial, used) VALUES (?, ?, ?, ?)")
  const remove = database.prepare("DELETE FROM names WHERE name = ?")
  /** Counting a million names takes too long to do it each time. */
  let inAll = Number(database.prepare("SELECT count(*) AS count FROM names").get()!["count"])

  const find = (name: string): NameOwnership.Ownership | undefined => {
    const row = select.get(name)
    if (row === undefined) return undefined
    const { id, serial, used } = row
    if (!(id instanceof Uint8Array) || id.length !== PersonId.bytes) throw failure(path, "Corrupt", "is damaged")
    return { id: PersonId.ofBytes(id), serial: Number(serial), used: Number(used) }
  }
  const keep = (name: string, { id, serial, used }: NameOwnership.Ownership): void =>
    void replace.run(name, PersonId.toBytes(id), Math.min(serial, Number.MAX_SAFE_INTEGER), used)
  const use = (name: string, owner: NameOwnership.Ownership, serial: number, now: number): void => {
    const next = NameOwnership.used(owner, serial, now)
    if (next !== owner) keep(name, next)
  }
  const run = <A>(body: () => A): Effect.Effect<A, NameStoreError> => attempt(path, body)

  return NameStore.of({
    claim: (name, { id, serial }, now) =>
      run(() => {
        const owner = find(name)
        const ofKey = Number(count.get(PersonId.toBytes(id), NameOwnership.expiredBefore(now))!["count"])
        const claim = NameOwnership.claim(owner, id, { ofKey, inAll }, now)
        if (claim === "Owned") use(name, owner!, serial, now)
        if (claim === "Claimed") {
          keep(name, { id, serial, used: now })
          if (owner === undefined) inAll++
        }
        return claim
      }),
    touch: (name, id, now) =>
      run(() => {
        const owner = find(name)
        if (owner?.id === id) use(name, owner, owner.serial, now)
      }),
    release: (name, id) =>
      run(() => {
        if (find(name)?.id !== id) return false
        remove.run(name)
        inAll--
        return true
      }),
    owner: (name, now) =>
      run(() => {
        const owner = find(name)
        return owner === undefined || NameOwnership.isExpired(owner, now) ? Option.none() : Option.some(owner.id)
      }),
    highestSerial: (id) =>
      run(() => {
        const serial = serials.get(PersonId.toBytes(id))?.["serial"]
        return typeof serial === "number" ? Option.some(serial) : Option.none()
      }),
  })
}

/** @param directory the server's data directory; made (0700) if there is none */
export const layer = (directory: string): Layer.Layer<NameStore, NameStoreError> =>
  Layer.effect(
    NameStore,
    Effect.gen(function* () {
      const path = join(directory, fileName)
      yield* secureFile(directory, path)
      const seconds = Math.floor((yield* Clock.currentTimeMillis) / 1000)
      const database = yield* open(path, seconds)
      return yield* attempt(path, () => makeStore(path, database))
    }),
  )
