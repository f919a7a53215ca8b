/**
 * One process at a time has a profile. The lock is one that the system lets go of when the process is gone, however it
 * went: that of an empty SQLite database, `lock`. So a socket that is still there after a crash is nobody's, and who has
 * the lock may replace it.
 */
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import { join } from "node:path"
import { ProfileError } from "../../services/profile/ProfileError.ts"
import * as ProfileHome from "./ProfileHome.ts"
import * as SecretFile from "./SecretFile.ts"

/** SQLITE_BUSY. */
const busy = 5

const attempt = Effect.fnUntraced(function* (home: string) {
  const path = join(home, "lock")
  // Made here, so that it is 0600 as everything in a profile.
  yield* SecretFile.read(path, { maxBytes: 0 }).pipe(
    Effect.catchIf(
      ({ reason }) => reason === "Missing",
      () => SecretFile.create(path, new Uint8Array(0)),
    ),
    Effect.mapError(ProfileHome.fromFile),
  )
  const { DatabaseSync } = yield* Effect.promise(() => import("node:sqlite"))
  return yield* Effect.try({
    try: () => {
      const database = new DatabaseSync(path)
      try {
        database.exec("PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE")
      } catch (cause) {
        database.close()
        throw cause
      }
      return database
    },
    catch: (cause) =>
      cause instanceof Error && "errcode" in cause && cause.errcode === busy
        ? new ProfileError({ reason: "Busy", path: home })
        : new ProfileError({ reason: "Io", path, detail: "no lock" }),
  })
})

/**
 * Takes the lock of a profile whose folder is there, and holds it while the scope lasts. A command has it for a moment
 * only: so one that is taken is tried again.
 *
 * @param patienceMillis for how long
 */
export const acquire = (home: string, patienceMillis: number) =>
  Effect.acquireRelease(attempt(home), (database) => Effect.sync(() => database.close())).pipe(
    Effect.retry({
      while: ({ reason }) => reason === "Busy",
      schedule: Schedule.upTo(Schedule.spaced(50), { duration: patienceMillis }),
    }),
    Effect.asVoid,
  )
