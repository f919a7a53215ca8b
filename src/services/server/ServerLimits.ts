/**
 * What a stranger may use of a server: the bound of everything it keeps for its clients.
 */
import * as Context from "effect/Context"
import type * as RelayQuota from "../../domain/nomitm1/RelayQuota.ts"
import type { Limit } from "../../domain/TokenBucket.ts"

export interface Limits {
  /** Connections in all. */
  readonly connections: number
  /** Connections from one IPv4 address or one IPv6 /64. */
  readonly connectionsPerAddress: number
  /** How long a connection may be without a name, in milliseconds. */
  readonly guestMillis: number
  /** How long nothing may come from a client over TLS, which sends PING, in milliseconds. */
  readonly silenceMillis: number
  /** How long a client may take to answer PORT, in milliseconds. */
  readonly answerMillis: number
  /** Names that were nobody's and are taken from one address, IPv4 or IPv6 /64: they stay for a year. */
  readonly newNames: Limit
  /** Lines from one connection. Who sends faster is read more slowly. */
  readonly lines: Limit
  /** Bytes of records that are relayed; what goes beyond is dropped. Without it nothing is relayed. */
  readonly relay: RelayQuota.Limits | undefined
  /** Answers to lookups of one connection. */
  readonly lookups: Limit
}

export const defaultRelay: RelayQuota.Limits = {
  perUser: { burst: 1024 * 1024, perSecond: 256 * 1024 },
  total: { burst: 64 * 1024 * 1024, perSecond: 64 * 1024 * 1024 },
}

export const defaults: Limits = {
  connections: 10_000,
  connectionsPerAddress: 256,
  guestMillis: 60_000,
  silenceMillis: 45_000,
  answerMillis: 5000,
  newNames: { burst: 256, perSecond: 256 / 86_400 },
  lines: { burst: 200, perSecond: 100 },
  relay: defaultRelay,
  lookups: { burst: 40, perSecond: 20 },
}

export const ServerLimits = Context.Reference<Limits>("nomitm/services/server/ServerLimits", {
  defaultValue: () => defaults,
})
