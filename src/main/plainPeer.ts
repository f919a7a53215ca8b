/**
 * `nomitm peer --plaintext`: what it is composed of.
 */
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as NodePeerTransport from "../adapters/node/NodePeerTransport.ts"
import * as NodeRendezvousTransport from "../adapters/node/NodeRendezvousTransport.ts"
import { formatHostPort } from "../domain/Endpoint.ts"
import * as PersonName from "../domain/PersonName.ts"
import { ChatSession } from "../services/chat/ChatSession.ts"
import { type Options, Peer } from "../services/peer/Peer.ts"
import { RendezvousClient } from "../services/link/RendezvousClient.ts"
import type { Screen } from "../services/Screen.ts"
import * as Profile from "./profile.ts"

/** Whose key is known here; a profile is not made for it. */
const contacts = Effect.fnUntraced(function* (chosen: Profile.Chosen) {
  const names = new Set<string>()
  if (!(yield* Profile.exists(chosen))) return names
  const { contacts } = yield* Profile.ask(chosen, { _tag: "Contacts" }, "Contacts")
  for (const { label, name } of contacts) names.add(label).add(PersonName.fold(name))
  return names
})

/** Runs until the user quits. */
export const run = Effect.fnUntraced(function* (
  options: Options,
  chosen: Profile.Chosen,
  screen: Layer.Layer<Screen>,
  isTerminal: boolean,
) {
  const { via } = options
  const known = yield* contacts(chosen)
  const isContact = (name: string): boolean => known.has(PersonName.fold(name))
  if (isTerminal && via._tag === "Server") {
    yield* Console.log(`* Connecting to ${formatHostPort(via.server.host, via.server.port)} …`)
  }
  return yield* Effect.flatMap(Peer, (peer) => peer.run({ ...options, isContact })).pipe(
    Effect.provide(
      Peer.layer.pipe(
        Layer.provide([RendezvousClient.layer, ChatSession.layer, screen]),
        Layer.provide([NodePeerTransport.layer, NodeRendezvousTransport.layer]),
      ),
    ),
  )
})
