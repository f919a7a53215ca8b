/**
 * `nomitm peer --plaintext`: what it is composed of.
 */
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as NodePeerTransport from "../adapters/node/NodePeerTransport.ts"
import * as NodeRendezvousTransport from "../adapters/node/NodeRendezvousTransport.ts"
import { formatHostPort } from "../domain/Endpoint.ts"
import { ChatSession } from "../services/ChatSession.ts"
import { type Options, Peer } from "../services/Peer.ts"
import { RendezvousClient } from "../services/RendezvousClient.ts"
import type { Screen } from "../services/Screen.ts"

/** Runs until the user quits. */
export const run = Effect.fnUntraced(function* (options: Options, screen: Layer.Layer<Screen>, isTerminal: boolean) {
  const { via } = options
  if (isTerminal && via._tag === "Server") {
    yield* Console.log(`* Connecting to ${formatHostPort(via.server.host, via.server.port)} …`)
  }
  return yield* Effect.flatMap(Peer, (peer) => peer.run(options)).pipe(
    Effect.provide(
      Peer.layer.pipe(
        Layer.provide([RendezvousClient.layer, ChatSession.layer, screen]),
        Layer.provide([NodePeerTransport.layer, NodeRendezvousTransport.layer]),
      ),
    ),
  )
})
