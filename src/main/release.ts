/**
 * `nomitm release NAME`: gives a name up that belongs to this key at a server, for whoever wants it next.
 */
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as NodeCryptography from "../adapters/node/NodeCryptography.ts"
import * as NodeKnownServers from "../adapters/node/NodeKnownServers.ts"
import * as NodePeerTransport from "../adapters/node/NodePeerTransport.ts"
import * as NodeProfile from "../adapters/node/NodeProfile.ts"
import * as NodeRendezvousTransport from "../adapters/node/NodeRendezvousTransport.ts"
import * as PersonName from "../domain/PersonName.ts"
import { json as jsonText, oneLine } from "../domain/PrintableText.ts"
import { KnownServers } from "../services/KnownServers.ts"
import * as PeerErrors from "../services/peer/PeerErrors.ts"
import { Profile as ProfileService } from "../services/profile/Profile.ts"
import { SealedRendezvous } from "../services/link/SealedRendezvous.ts"
import * as ServerTrustCheck from "../services/link/ServerTrustCheck.ts"
import { failWith } from "./CommandFailed.ts"
import * as Flags from "./flags.ts"
import * as Profile from "./profile.ts"

const flags = {
  name: Argument.String("name").pipe(Argument.withMetavar("NAME"), Argument.withDescription("The name to give up")),
  server: Flags.server("The server"),
  ...Profile.flags,
}

const mistake = (why: Parameters<typeof Flags.mistake>[1]) => Flags.mistake("release", why)

export const release = Command.make(
  "release",
  flags,
  Effect.fnUntraced(function* ({ name: typed, server, ...chosen }) {
    const name = PersonName.fold(typed)
    if (!PersonName.isPersonName(name)) return yield* mistake(Option.getOrElse(PersonName.problem(name), () => ""))
    const address = yield* Effect.mapError(Flags.chosenServer(server), mistake)
    if (Option.isNone(address)) return yield* mistake("Say at which server: --server ADDRESS.")
    const profile = yield* Profile.located(chosen)

    /** Takes the name, which nobody else can, and lets go of it. */
    const letGo = Effect.gen(function* () {
      const identity = yield* Effect.flatMap(ProfileService, (profile) => profile.identity)
      const { connect } = yield* SealedRendezvous
      const knownServers = yield* KnownServers
      const link = yield* connect({
        server: address.value,
        name,
        unlisted: true,
        identity,
        trust: (secured) =>
          Effect.provideService(ServerTrustCheck.check(address.value, secured), KnownServers, knownServers),
        knowledge: {
          admits: () => "Refuse",
          pskOf: () => undefined,
          highestSerial: () => undefined,
          pinned: () => undefined,
        },
        useUpInvitation: () => Effect.succeed(false),
        onTurnedAway: () => {},
      })
      yield* link.release
    })

    yield* letGo.pipe(
      Effect.scoped,
      Effect.provide(
        SealedRendezvous.layer.pipe(
          Layer.provideMerge(NodeProfile.layer(profile)),
          Layer.provideMerge(Layer.mergeAll(NodeCryptography.layer, NodeKnownServers.layer(profile.home))),
          Layer.provide([NodePeerTransport.layer, NodeRendezvousTransport.layer]),
        ),
      ),
      Effect.catch((error) => {
        if ("exitCode" in error) return failWith(error, chosen.json)
        return failWith(error._tag === "ProfileError" ? error.problem : PeerErrors.fromLink(error), chosen.json)
      }),
    )
    yield* Console.log(
      chosen.json
        ? jsonText({ event: "released", name })
        : `${oneLine(name)} is no longer yours there: anybody can take it.`,
    )
  }),
).pipe(
  Command.withDescription("Give up a name that belongs to your key at a server"),
  Command.withExamples([
    {
      command: "nomitm release alice --server nomitm://chat.example.org#PIN",
      description: "Let somebody else have the name alice there",
    },
  ]),
)
