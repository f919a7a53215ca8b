/**
 * The NATs that are met, as data for `Nat`. RFC 4787 names behaviours, not kinds; the names here are those of RFC 3489,
 * section 5, where it has one, and say what differs where it has none.
 */
import type { Config, PortAssignment } from "./Nat.ts"

const anyPort = { order: "random", first: 1024, last: 65535 } as const
const preserving: PortAssignment = { preserving: true, overloading: false, pool: anyPort }
const random: PortAssignment = { preserving: false, overloading: false, pool: anyPort }

/** Endpoint-independent mapping that keeps the port, and the strictest filter: the home router of the textbooks. */
const portRestrictedCone: Config = {
  mapping: "endpoint-independent",
  filtering: "address-and-port-dependent",
  ports: preserving,
  timeoutMillis: 120_000,
  inboundRefresh: false,
  hairpinning: false,
  blocksDatagrams: false,
  tracksUnsolicited: false,
  maxSessions: 16_384,
}

/** A port of its own for every remote endpoint. */
const symmetric: Config = { ...portRestrictedCone, mapping: "address-and-port-dependent", ports: random }

/** Connection tracking: each remote endpoint has a mapping of its own, and the port is kept for all of them. */
const masquerade: Config = {
  ...symmetric,
  ports: { preserving: true, overloading: true, pool: anyPort },
  inboundRefresh: true,
}

const sequentialPool = { order: "sequential", first: 20_000, last: 24_095 } as const
const narrowPool = { order: "random", first: 4096, last: 5119 } as const

export const natKinds = {
  fullCone: { ...portRestrictedCone, filtering: "endpoint-independent" },
  addressRestrictedCone: { ...portRestrictedCone, filtering: "address-dependent" },
  portRestrictedCone,
  /**
   * A Linux masquerade: the port is kept for every remote endpoint, unless another inside host uses the same port to the
   * same remote endpoint.
   */
  masquerade,
  /** The same without a firewall for the router itself: an unsolicited packet takes the port away. */
  exposedMasquerade: { ...masquerade, tracksUnsolicited: true },
  /** Endpoint-independent mapping to a random port. */
  randomPortCone: { ...portRestrictedCone, ports: random },
  /** A carrier's NAT as RFC 6888 wants it: endpoint-independent in everything, with hairpinning. */
  carrierGrade: { ...portRestrictedCone, filtering: "endpoint-independent", ports: random, hairpinning: true },
  symmetric,
  /** A random port for every remote address. */
  addressSymmetric: { ...symmetric, mapping: "address-dependent" },
  /** The next port for every remote endpoint. */
  sequentialSymmetric: { ...symmetric, ports: { ...random, pool: sequentialPool } },
  /** A random port for every remote endpoint, out of a block of 1024. */
  narrowSymmetric: { ...symmetric, ports: { ...random, overloading: true, pool: narrowPool } },
  /** A stateful firewall that translates nothing. */
  firewall: { ...portRestrictedCone, mapping: "none" },
  /** Connections pass, UDP does not. */
  datagramsBlocked: { ...portRestrictedCone, blocksDatagrams: true },
} as const satisfies Record<string, Config>

export type NatKind = keyof typeof natKinds

/**
 * The same by the names of the laboratory of Linux NATs. `open` is no NAT; a NAT behind a carrier's, the laboratory's
 * `portrestr@eim-eif`, is two. There hairpinning is an option of a kind, here one that `carrierGrade` has: `{ ...kind,
 * hairpinning: true }`.
 */
export const laboratoryKinds = {
  open: undefined,
  fw: natKinds.firewall,
  fullcone: natKinds.fullCone,
  addrrestr: natKinds.addressRestrictedCone,
  portrestr: natKinds.masquerade,
  "portrestr-open": natKinds.exposedMasquerade,
  eim: natKinds.randomPortCone,
  "eim-eif": { ...natKinds.carrierGrade, hairpinning: false },
  symaddr: natKinds.addressSymmetric,
  symseq: natKinds.sequentialSymmetric,
  symblk: natKinds.narrowSymmetric,
  sym: natKinds.symmetric,
  udpblock: natKinds.datagramsBlocked,
} as const satisfies Record<string, Config | undefined>

export type LaboratoryKind = keyof typeof laboratoryKinds
