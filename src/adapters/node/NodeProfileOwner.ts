/**
 * `ProfileOwner` of a folder: the process that has the profile answers at its socket; where there is none, this one takes
 * the profile for a moment.
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Schedule from "effect/Schedule"
import type { Cryptography } from "../../services/Cryptography.ts"
import { type Answer, ProfileOwner, type Request } from "../../services/profile/ProfileOwner.ts"
import type { ProfileError } from "../../services/profile/ProfileError.ts"
import * as NodeProfile from "./NodeProfile.ts"
import * as ProfileSocket from "./ProfileSocket.ts"

/** How long to try, in milliseconds, when another command is at it. */
const patienceMillis = 5_000

const askHere = (options: NodeProfile.Options, request: Request) =>
  Effect.flatMap(ProfileOwner, ({ ask }) => ask(request)).pipe(
    Effect.provide(ProfileOwner.layer.pipe(Layer.provide(NodeProfile.layer({ ...options, patienceMillis: 0 })))),
  )

/**
 * Asks whoever has the profile. It is made if there is none.
 *
 * A peer that starts has the lock before it has the socket, and a command has no socket at all: so both ways are tried
 * in turn for a while.
 */
export const ask = (
  options: NodeProfile.Options,
  request: Request,
): Effect.Effect<Answer, ProfileError, Cryptography> =>
  Effect.flatMap(
    ProfileSocket.ask(options.home, request),
    Option.match({ onNone: () => askHere(options, request), onSome: Effect.succeed }),
  ).pipe(
    Effect.retry({
      while: ({ reason }) => reason === "Busy",
      schedule: Schedule.upTo(Schedule.spaced(100), { duration: patienceMillis }),
    }),
  )

export const layer = (options: NodeProfile.Options): Layer.Layer<ProfileOwner, never, Cryptography> =>
  Layer.effect(
    ProfileOwner,
    Effect.map(Effect.context<Cryptography>(), (context) =>
      ProfileOwner.of({
        ask: (request) =>
          ask(options, request).pipe(
            Effect.catch(({ problem }) => Effect.succeed<Answer>({ _tag: "Refused", ...problem })),
            Effect.provide(context),
          ),
      }),
    ),
  )
