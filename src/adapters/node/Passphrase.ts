/**
 * Where the passphrase of a profile comes from: `NOMITM_PASSPHRASE`, for scripts, or a person at the terminal.
 */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { ProfileError } from "../../services/profile/ProfileError.ts"
import * as TerminalSecret from "./TerminalSecret.ts"

/** A variable that is set to nothing is as none. */
export const ofEnvironment = (name: "NOMITM_PASSPHRASE" | "NOMITM_NEW_PASSPHRASE"): string | undefined =>
  process.env[name] || undefined

/** The passphrase that is to open a profile. */
export const current = (home: string): Effect.Effect<string, ProfileError> =>
  Effect.gen(function* () {
    const given = ofEnvironment("NOMITM_PASSPHRASE")
    if (given !== undefined) return given
    const needed = new ProfileError({ reason: "PassphraseNeeded", path: home })
    if (!TerminalSecret.isPossible()) return yield* needed
    const typed = yield* TerminalSecret.ask("Passphrase: ")
    return yield* Effect.mapError(Effect.fromOption(typed), () => needed)
  })

/**
 * The passphrase that is to seal a profile from now on: `NOMITM_NEW_PASSPHRASE`, or typed twice.
 *
 * @returns none if the two differ, or nobody can be asked
 */
export const fresh: Effect.Effect<Option.Option<string>> = Effect.gen(function* () {
  const given = ofEnvironment("NOMITM_NEW_PASSPHRASE")
  if (given !== undefined) return Option.some(given)
  if (!TerminalSecret.isPossible()) return Option.none()
  const first = yield* TerminalSecret.ask("New passphrase: ")
  const second = yield* TerminalSecret.ask("The same again: ")
  return Option.filter(first, (typed) => Option.isSome(second) && second.value === typed)
})
