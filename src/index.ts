/**
 * nomitm as a library: the services, their layers, errors and types. Messages and state machines are in
 * `nomitm/domain/*`, adapters in `nomitm/adapters/*`.
 */
export { CallDesk } from "./services/CallDesk.ts"
export { type Chat, ChatEnded, ChatSession, NotOpen, TextTooLong } from "./services/ChatSession.ts"
export { NameStore, NameStoreError } from "./services/NameStore.ts"
export { CallError, Negotiator } from "./services/Negotiator.ts"
export { Peer } from "./services/Peer.ts"
export { PeerFailed } from "./services/PeerLife.ts"
export { BindError, datagrams, type PeerSocket, PeerTransport, ResolveError } from "./services/PeerTransport.ts"
export { PortAllocator } from "./services/PortAllocator.ts"
export { AskError, type Member, NameTaken, Registry } from "./services/Registry.ts"
export { type Agreement, type Link, LinkLost, Refused, RendezvousClient } from "./services/RendezvousClient.ts"
export { RendezvousServer } from "./services/RendezvousServer.ts"
export { KnownServers, KnownServersError } from "./services/KnownServers.ts"
export { type ServerIdentity, ServerIdentityError, ServerIdentityStore } from "./services/ServerIdentity.ts"
export {
  ConnectError,
  type Connection,
  ConnectionClosed,
  type Listener,
  ListenError,
  RendezvousTransport,
  type Secured,
} from "./services/RendezvousTransport.ts"
export { Screen } from "./services/Screen.ts"
export { NameHeld, type SecureMember, SecureRegistry } from "./services/SecureRegistry.ts"
export { defaults as defaultLimits, type Limits, ServerLimits } from "./services/ServerLimits.ts"
export { ServerObserver } from "./services/ServerObserver.ts"
