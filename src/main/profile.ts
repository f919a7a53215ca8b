/**
 * What the commands that use a profile share: where it is, who has it, and how a person is asked for its passphrase.
 */
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Flag from "effect/cli/Flag"
import * as NodeCryptography from "../adapters/node/NodeCryptography.ts"
import type { Options } from "../adapters/node/NodeProfile.ts"
import * as NodeProfileOwner from "../adapters/node/NodeProfileOwner.ts"
import * as Passphrase from "../adapters/node/Passphrase.ts"
import * as ProfileFiles from "../adapters/node/ProfileFiles.ts"
import * as ProfileHome from "../adapters/node/ProfileHome.ts"
import * as TerminalSecret from "../adapters/node/TerminalSecret.ts"
import { make as problem, type Problem } from "../domain/Problem.ts"
import type { Cryptography } from "../services/Cryptography.ts"
import type { ProfileError } from "../services/profile/ProfileError.ts"
import type { Answer, Request } from "../services/profile/ProfileOwner.ts"
import { type CommandFailed, failWith } from "./CommandFailed.ts"
import * as Flags from "./flags.ts"

export const flags = {
  home: Flag.String("home").pipe(
    Flag.withMetavar("DIR"),
    Flag.withDescription(
      "Where your keys and contacts are (or NOMITM_HOME; default: nomitm in the XDG data directory)",
    ),
    Flag.optional,
  ),
  json: Flags.json,
}

export interface Chosen {
  readonly home: Option.Option<string>
  readonly json: boolean
}

/** Fails the command with what was wrong with the profile. */
const orFail =
  (json: boolean) =>
  <A, R>(effect: Effect.Effect<A, ProfileError, R>): Effect.Effect<A, CommandFailed, R> =>
    effect.pipe(Effect.catch((error) => failWith(error.problem, json)))

/** A person may mistype a passphrase twice; a script's is right or wrong. */
export const again = <A, R>(effect: Effect.Effect<A, ProfileError, R>): Effect.Effect<A, ProfileError, R> =>
  Effect.retry(
    Effect.tapError(effect, ({ reason }) =>
      reason === "WrongPassphrase" && TerminalSecret.isPossible() ? Console.error("That is not it.") : Effect.void,
    ),
    {
      times: 2,
      while: ({ reason }) =>
        reason === "WrongPassphrase" &&
        TerminalSecret.isPossible() &&
        Passphrase.ofEnvironment("NOMITM_PASSPHRASE") === undefined,
    },
  )

/** Which profile was chosen. One that is made now is sealed if `NOMITM_PASSPHRASE` is set. */
const options = (home: Option.Option<string>): Effect.Effect<Options, ProfileError> =>
  Effect.map(ProfileHome.locate(Option.getOrUndefined(home)), (home) => ({
    home,
    passphrase: Passphrase.current(home),
    newPassphrase: Passphrase.ofEnvironment("NOMITM_PASSPHRASE"),
  }))

/** Does something with the profile itself, without whoever has it. */
export const use = <A>(
  { home, json }: Chosen,
  run: (options: Options) => Effect.Effect<A, ProfileError, Cryptography>,
): Effect.Effect<A, CommandFailed> =>
  Effect.flatMap(options(home), (options) => again(run(options))).pipe(
    orFail(json),
    Effect.provide(NodeCryptography.layer),
  )

/** Whether there is a profile. */
export const exists = (chosen: Chosen): Effect.Effect<boolean, CommandFailed> =>
  use(chosen, ({ home }) =>
    Effect.gen(function* () {
      return (yield* ProfileHome.check(home)) && (yield* ProfileFiles.readIdentity(home)) !== undefined
    }),
  )

const unexpected: Problem = problem(
  "Not_understood",
  "The nomitm that has the profile answered something else.",
  "It may be of another version: start it again.",
)

/** Asks whoever has the profile, and fails with what they refuse. */
export const ask = <Tag extends Answer["_tag"]>(
  chosen: Chosen,
  request: Request,
  expected: Tag,
): Effect.Effect<Extract<Answer, { readonly _tag: Tag }>, CommandFailed> =>
  Effect.flatMap(
    use(chosen, (options) => NodeProfileOwner.ask(options, request)),
    (answer) => {
      if (answer._tag === expected) return Effect.succeed(answer as Extract<Answer, { readonly _tag: Tag }>)
      return failWith(answer._tag === "Refused" ? answer : unexpected, chosen.json)
    },
  )

/** For `peer`, which has the profile as long as it runs: see `NodeProfile.layer` and `ProfileSocket.serve`. */
export const located = ({ home, json }: Chosen): Effect.Effect<Options, CommandFailed> => orFail(json)(options(home))
