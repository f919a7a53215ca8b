/**
 * nomitm as a library: the services and their layers. Messages and state machines are in `nomitm/domain/*`, adapters in
 * `nomitm/adapters/*`.
 */
export { ChatSession } from "./services/ChatSession.ts"
export { Negotiator } from "./services/Negotiator.ts"
export { Peer } from "./services/Peer.ts"
export { PeerTransport } from "./services/PeerTransport.ts"
export { PortAllocator } from "./services/PortAllocator.ts"
export { Registry } from "./services/Registry.ts"
export { RendezvousClient } from "./services/RendezvousClient.ts"
export { RendezvousServer } from "./services/RendezvousServer.ts"
export { RendezvousTransport } from "./services/RendezvousTransport.ts"
export { Screen } from "./services/Screen.ts"
export { ServerLimits } from "./services/ServerLimits.ts"
export { ServerObserver } from "./services/ServerObserver.ts"
