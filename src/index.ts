/**
 * nomitm as a library: the services, their layers, errors and types. Messages and state machines are in
 * `nomitm/domain/*`, adapters in `nomitm/adapters/*`.
 */
export { CallDesk } from "./services/server/CallDesk.ts"
export { type News, type PathInUse } from "./services/chat/ChatNews.ts"
export { type RelayPolicy, throughServer, type Way } from "./services/chat/ChatWay.ts"
export {
  type Chat,
  ChatEnded,
  ChatSession,
  NotOpen,
  type SayError,
  TextTooLong,
  TooMuchWaiting,
  type Tracking,
} from "./services/chat/ChatSession.ts"
export { Cryptography } from "./services/Cryptography.ts"
export { KnownServers, KnownServersError } from "./services/KnownServers.ts"
export { NameStore, NameStoreError } from "./services/NameStore.ts"
export { NetCheck } from "./services/peer/NetCheck.ts"
export { CallError, Negotiator } from "./services/server/Negotiator.ts"
export { Peer } from "./services/peer/Peer.ts"
export { PeerFailed } from "./services/peer/PeerLife.ts"
export { BindError, datagrams, type PeerSocket, PeerTransport, ResolveError } from "./services/PeerTransport.ts"
export { PortMapper, PortMappingError } from "./services/PortMapper.ts"
export { PortAllocator } from "./services/PortAllocator.ts"
export { Profile } from "./services/profile/Profile.ts"
export { ProfileError } from "./services/profile/ProfileError.ts"
export { ProfileOwner } from "./services/profile/ProfileOwner.ts"
export * as ReflexiveLookups from "./services/server/ReflexiveLookups.ts"
export { AskError, type Member, NameTaken, Registry } from "./services/server/Registry.ts"
export { type Agreement, type Link, LinkLost, Refused, RendezvousClient } from "./services/link/RendezvousClient.ts"
export { RendezvousServer } from "./services/server/RendezvousServer.ts"
export {
  ConnectError,
  type Connection,
  ConnectionClosed,
  type Listener,
  ListenError,
  RendezvousTransport,
  type Secured,
} from "./services/RendezvousTransport.ts"
export * as RunningChats from "./services/peer/RunningChats.ts"
export { Screen } from "./services/Screen.ts"
export {
  type Chat as SealedChatSession,
  type Resumption,
  SealedChat,
  type Verification,
} from "./services/chat/SealedChat.ts"
export {
  CallFailed,
  type CallWire,
  type Reflex,
  type Ringing,
  type SealedAgreement,
  type SealedLink,
  type TurnedAway,
  type WireEvent,
} from "./services/link/SealedLink.ts"
export * as SealedPeer from "./services/peer/SealedPeer.ts"
export { SealedRendezvous } from "./services/link/SealedRendezvous.ts"
export { NameHeld, type SecureMember, SecureRegistry } from "./services/server/SecureRegistry.ts"
export { type ServerIdentity, ServerIdentityError, ServerIdentityStore } from "./services/ServerIdentity.ts"
export { defaults as defaultLimits, type Limits, ServerLimits } from "./services/server/ServerLimits.ts"
export { ServerObserver } from "./services/ServerObserver.ts"
export { NotRecoveryWords, recoveryWords, WordList } from "./services/WordList.ts"
