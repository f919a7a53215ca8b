/**
 * The keys of a chat between alice, who called, and bob, as their handshake would have left them behind.
 */
import * as ChatKeys from "../../../src/domain/call/ChatKeys.ts"
import type { PersonName } from "../../../src/domain/PersonName.ts"
import type { Keys } from "../../../src/domain/record/SealedConversation.ts"
import { bytesOf, primitives } from "../crypto/primitives.ts"

type Side = Keys & { readonly peer: Pick<ChatKeys.ChatKeys["peer"], "name"> }

/** Another label: another chat. */
export const chatKeys = (label = "a chat"): { readonly alice: Side; readonly bob: Side } => {
  const root = bytesOf(`${label}, root`, 32)
  const secrets = { alice: bytesOf(`${label}, alice`, 32), bob: bytesOf(`${label}, bob`, 32) }
  const side = (self: "alice" | "bob", peer: "alice" | "bob"): Side => ({
    ...ChatKeys.ofRoot(primitives, root, self === "alice"),
    callId: bytesOf(`${label}, callId`, 16),
    isInitiator: self === "alice",
    h: bytesOf(`${label}, h`, 32),
    self: { staticSecret: secrets[self] },
    peer: { staticKey: primitives.x25519.publicKey(secrets[peer]), name: peer as PersonName },
  })
  return { alice: side("alice", "bob"), bob: side("bob", "alice") }
}
