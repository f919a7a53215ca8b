/**
 * What is known of the two sides that a search is between, and what follows from it about an address.
 */
import * as Endpoint from "../Endpoint.ts"
import * as AddressScope from "./AddressScope.ts"
import type { CandidateMessage } from "./CandidateMessage.ts"
import type { Direct, PathKind } from "./Path.ts"

export interface Situation {
  /** Whether our link to the server is on loopback: then both sides may be on this machine. */
  readonly isLocalServer: boolean
  /** The other's address as the server sees it, and the agreed port. */
  readonly observed: Endpoint.Endpoint
  /** Our address as the server sees it. */
  readonly seen: string | undefined
  /** This machine's own addresses. */
  readonly addresses: ReadonlyArray<string>
  /** The port of socket 0. */
  readonly port: number
  /** How many endpoints of the server can be asked where they see us: 0 to 4. */
  readonly targets: number
  /** What the other side has told last. */
  readonly remote: CandidateMessage | undefined
}

/** Whether both sides come out at one address: behind one NAT, or in one IPv6 network. */
export const isSameNetwork = ({ observed, seen }: Situation): boolean =>
  seen !== undefined && Endpoint.customer(seen) === Endpoint.customer(observed.address)

/**
 * Whether private addresses can mean the same to both sides. Elsewhere they would name a stranger in our own network, and
 * whoever told them could let us knock there.
 */
export const sharesPrivate = (situation: Situation): boolean =>
  isSameNetwork(situation) || situation.isLocalServer || AddressScope.of(situation.observed.address) === "private"

/**
 * Whether anything may ever be sent there. An own address is never a path: in two homes with equal addresses it is a
 * neighbour, or we ourselves. On one machine with the server the other side may have another port of it.
 */
export const mayProbe = (situation: Situation, { address, port }: Endpoint.Endpoint): boolean => {
  if (!Endpoint.isPort(port)) return false
  if (situation.addresses.includes(address)) return situation.isLocalServer && port !== situation.port
  const scope = AddressScope.of(address)
  switch (scope) {
    case "none":
    case "link":
      return false
    case "loopback":
      // All of 127.0.0.0/8 is this machine: the other side may have bound another address of it, and the same port.
      return situation.isLocalServer
    case "private":
      return !isNear(situation, address) || !AddressScope.isSubnetEnd(address)
    case "global":
      return true
  }
}

/** Whether it is in a subnet of ours. */
export const isNear = ({ addresses }: Situation, address: string): boolean =>
  addresses.some((own) => AddressScope.isSameSubnet(own, address))

/**
 * Whether an address is within our own network, as far as one can tell by it. A global IPv4 address of our /24 may as well
 * be a neighbour's NAT.
 */
export const isLan = (situation: Situation, address: string): boolean => {
  const scope = AddressScope.of(address)
  return scope !== "global" || (Endpoint.isIpv6(address) && isNear(situation, address))
}

/** Whether nothing is in between that an early record could harm. */
export const isNeighbour = (situation: Situation, address: string): boolean =>
  isLan(situation, address) && (isNear(situation, address) || AddressScope.of(address) === "loopback")

/** What a path is like, by where it leads. */
export const kindOf = (situation: Situation | undefined, { remote }: Direct): PathKind => {
  if (situation === undefined) return AddressScope.of(remote.address) === "global" ? "direct" : "lan"
  if (isLan(situation, remote.address)) return "lan"
  const named = situation.remote?.candidates.filter(({ endpoint }) => Endpoint.equals(endpoint, remote)) ?? []
  return named.length > 0 && named.every(({ kind }) => kind === "mapped") ? "mapped" : "direct"
}
