/**
 * The folder of a server: `--data`, else `nomitm/server` in the XDG data directory.
 */
import * as Effect from "effect/Effect"
import { join, resolve } from "node:path"
import type { Problem } from "../../domain/Problem.ts"
import * as ProfileHome from "./ProfileHome.ts"

/** Where it is. What lies in it is checked by whoever reads it. */
export const locate = (given: string | undefined): Effect.Effect<string, Problem> =>
  given === undefined
    ? ProfileHome.locate(undefined, { ...process.env, NOMITM_HOME: undefined }).pipe(
        Effect.map((home) => join(home, "server")),
        Effect.mapError(({ problem }) => problem),
      )
    : Effect.succeed(resolve(given))
