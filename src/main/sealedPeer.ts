/**
 * `nomitm peer` with keys: what it is composed of.
 */
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as EnglishWords from "../adapters/node/EnglishWords.ts"
import * as NodeCryptography from "../adapters/node/NodeCryptography.ts"
import * as NodeKnownServers from "../adapters/node/NodeKnownServers.ts"
import * as NodePeerTransport from "../adapters/node/NodePeerTransport.ts"
import * as NodePortMapper from "../adapters/node/NodePortMapper.ts"
import * as NodeProfile from "../adapters/node/NodeProfile.ts"
import * as NodeRendezvousTransport from "../adapters/node/NodeRendezvousTransport.ts"
import * as ProfileSocket from "../adapters/node/ProfileSocket.ts"
import { formatHostPort } from "../domain/Endpoint.ts"
import type { Options as WayOptions } from "../services/peer/SealedWay.ts"
import { DirectRendezvous } from "../services/peer/DirectRendezvous.ts"
import * as PeerErrors from "../services/peer/PeerErrors.ts"
import { Profile as ProfileService } from "../services/profile/Profile.ts"
import { ProfileOwner } from "../services/profile/ProfileOwner.ts"
import { RendezvousTransport } from "../services/RendezvousTransport.ts"
import type { Screen } from "../services/Screen.ts"
import { SealedChat } from "../services/chat/SealedChat.ts"
import * as SealedPeer from "../services/peer/SealedPeer.ts"
import { SealedRendezvous } from "../services/link/SealedRendezvous.ts"
import * as ServerTrustCheck from "../services/link/ServerTrustCheck.ts"
import { failWith } from "./CommandFailed.ts"
import type { Plan } from "./peerPlan.ts"
import * as Profile from "./profile.ts"
import * as ServerQuestion from "./serverQuestion.ts"

const transports = Layer.merge(NodePeerTransport.layer, NodeRendezvousTransport.layer)

const everything = (profile: NodeProfile.Options) =>
  SealedRendezvous.layer.pipe(
    Layer.provideMerge(Layer.mergeAll(SealedChat.layer, DirectRendezvous.layer)),
    Layer.provideMerge(Layer.effect(ProfileService, Profile.again(NodeProfile.open(profile)))),
    Layer.provideMerge(Layer.mergeAll(NodeCryptography.layer, NodeKnownServers.layer(profile.home))),
    Layer.provideMerge(NodePortMapper.layer),
    Layer.provideMerge(Layer.merge(EnglishWords.layer, transports)),
  )

/**
 * A server whose key nobody vouches for, met for the first time: whoever sits at the terminal is asked, once, before the
 * screen is there.
 */
const introduce = Effect.fnUntraced(function* ({ server, localAddress }: WayOptions) {
  const transport = yield* RendezvousTransport
  const connection = yield* Effect.mapError(
    transport.connect({ ...server, security: "Tls", localAddress }),
    PeerErrors.fromLink,
  )
  if (connection.secured === undefined) return
  yield* ServerTrustCheck.check(server, connection.secured, ServerQuestion.ask(server))
})

/** Runs until the user quits. */
export const run = (
  plan: Extract<Plan, { readonly _tag: "Sealed" }> & { readonly localAddress?: string | undefined },
  chosen: Profile.Chosen,
  screen: Layer.Layer<Screen>,
  isTerminal: boolean,
) =>
  Effect.gen(function* () {
    const { via, localAddress } = plan
    const profile = yield* Profile.located(chosen)
    const run = Effect.gen(function* () {
      yield* ProfileSocket.serve(profile.home).pipe(Effect.provide(ProfileOwner.layer))
      if (via._tag === "Direct") {
        return yield* SealedPeer.direct({ ...via, name: plan.name, policy: plan.policy, localAddress }).pipe(
          Effect.provide(screen),
        )
      }
      const options = { ...plan, ...via }
      if (isTerminal) {
        yield* Console.log(`* Connecting to ${formatHostPort(via.server.host, via.server.port)} …`)
        yield* Effect.scoped(introduce(options)).pipe(Effect.catch((problem) => failWith(problem, chosen.json)))
      }
      return yield* SealedPeer.throughServer(options).pipe(Effect.provide(screen))
    })
    return yield* run.pipe(
      Effect.scoped,
      Effect.provide(everything(profile)),
      Effect.catchTag("ProfileError", (error) => failWith(error.problem, chosen.json)),
    )
  })
