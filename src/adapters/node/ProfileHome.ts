/**
 * The folder of a profile: `--home`, else `NOMITM_HOME`, else `nomitm` in the XDG data directory. It is ours alone, 0700.
 */
import * as Effect from "effect/Effect"
import * as Files from "node:fs/promises"
import { homedir } from "node:os"
import { isAbsolute, join, resolve } from "node:path"
import { ProfileError } from "../../services/profile/ProfileError.ts"
import * as SecretFile from "./SecretFile.ts"

export interface Environment {
  readonly NOMITM_HOME?: string | undefined
  readonly XDG_DATA_HOME?: string | undefined
}

/**
 * Where the profile is, whether it is there or not.
 *
 * @param home what `--home` says
 */
export const locate = (
  home: string | undefined,
  environment: Environment = process.env,
): Effect.Effect<string, ProfileError> =>
  Effect.suspend(() => {
    // An empty variable is as none, and a relative one of XDG is to be ignored (XDG Base Directory Specification).
    const named = home ?? (environment.NOMITM_HOME || undefined)
    if (named !== undefined) return Effect.succeed(resolve(named))
    const data = environment.XDG_DATA_HOME
    if (data !== undefined && isAbsolute(data)) return Effect.succeed(join(data, "nomitm"))
    const user = homedir()
    return isAbsolute(user)
      ? Effect.succeed(join(user, ".local", "share", "nomitm"))
      : Effect.fail(new ProfileError({ reason: "NoHome", path: "" }))
  })

export const fromFile = ({ reason, path, detail }: SecretFile.SecretFileError): ProfileError =>
  new ProfileError({ reason, path, ...(detail === undefined ? {} : { detail }) })

/**
 * Refuses a folder that is a link, somebody else's, or that others can look into.
 *
 * @returns whether it is there
 */
export const check = Effect.fnUntraced(function* (home: string) {
  const stats = yield* Effect.tryPromise({
    try: () => Files.lstat(home),
    catch: (cause) => fromFile(SecretFile.reasonOf(home, cause)),
  }).pipe(
    Effect.catchIf(
      ({ reason }) => reason === "Missing",
      () => Effect.undefined,
    ),
  )
  if (stats === undefined) return false
  const refuse = (reason: ProfileError["reason"]) => new ProfileError({ reason, path: home })
  if (stats.isSymbolicLink()) return yield* refuse("Symlink")
  if (!stats.isDirectory()) return yield* refuse("NotAFile")
  if (process.getuid !== undefined) {
    if (stats.uid !== process.getuid()) return yield* refuse("NotOurs")
    if ((stats.mode & 0o077) !== 0) return yield* refuse("TooOpen")
  }
  return true
})

/** Makes the folder if there is none, and checks it. */
export const ensure = (home: string): Effect.Effect<void, ProfileError> =>
  Effect.gen(function* () {
    if (yield* check(home)) return
    yield* Effect.mapError(SecretFile.ensureDirectory(home), fromFile)
    yield* check(home)
  })
