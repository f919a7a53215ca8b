/**
 * What a NAT makes of one socket, judged by where servers saw it: its *mapping behaviour* (RFC 4787, section 4.1) and,
 * where every remote endpoint gets a mapping of its own, how it chooses ports (4.2).
 */
import * as Endpoint from "../Endpoint.ts"

/** Ports `low` to `high`, both included. */
export interface Block {
  readonly _tag: "Block"
  readonly low: number
  readonly high: number
}

export type NatMapping =
  | {
      readonly _tag:
        | "Unknown"
        /** Nothing is translated. */
        | "None"
        | "EndpointIndependent"
        /** A random port for every remote address. */
        | "AddressDependent"
        /** The next port for every remote endpoint. */
        | "Sequential"
        /** A random port for every remote endpoint. */
        | "Random"
        /** Nothing comes back. */
        | "Blocked"
    }
  /** A random port out of a block for every remote endpoint. */
  | Block

export const unknown: NatMapping = { _tag: "Unknown" }
export const blocked: NatMapping = { _tag: "Blocked" }

/** Where one target saw us. */
export interface Sample {
  /** Which of the server's endpoints was asked: twice the address (0 or 1) plus the port (0 or 1). */
  readonly target: number
  readonly mapped: Endpoint.Endpoint
}

/** What is taken for a block: blocks are powers of two, and one wider than this is no help to anybody. */
export const blockPorts = 1024
/** Between two of our own mappings others of the same NAT may take so many ports. */
const sequentialGap = 4

/**
 * Judges by what is there: two answers tell less than four, and without a second address of the server a NAT that maps
 * by address looks endpoint-independent. Sequential is judged by how near the ports are, not by their order, because
 * questions overtake each other.
 *
 * @param local the addresses of this machine, and the port the socket is bound to
 */
export const classify = (
  samples: ReadonlyArray<Sample>,
  local: { readonly addresses: ReadonlyArray<string>; readonly port: number },
): NatMapping => {
  const [first, ...others] = samples
  if (first === undefined) return unknown
  const { address } = first.mapped
  if (others.every(({ mapped }) => Endpoint.equals(mapped, first.mapped))) {
    if (local.addresses.includes(address) && first.mapped.port === local.port) return { _tag: "None" }
    return others.length === 0 ? unknown : { _tag: "EndpointIndependent" }
  }
  // Whoever changes even the address cannot be guessed.
  if (others.some(({ mapped }) => mapped.address !== address)) return { _tag: "Random" }
  if (isByAddress(samples)) return { _tag: "AddressDependent" }
  const ports = samples.map(({ mapped }) => mapped.port)
  const low = Math.min(...ports)
  const high = Math.max(...ports)
  const isEachAnother = new Set(ports).size === ports.length
  if (isEachAnother && high - low <= sequentialGap * (ports.length - 1)) return { _tag: "Sequential" }
  const begin = low - (low % blockPorts)
  if (high < begin + blockPorts) return { _tag: "Block", low: Math.max(begin, 1), high: begin + blockPorts - 1 }
  // A block that begins elsewhere. Of two ports that are near by chance one would believe it too often.
  if (ports.length > 2 && high - low < blockPorts) {
    return { _tag: "Block", low: Math.max(1, high - blockPorts + 1), high: Math.min(65_535, low + blockPorts - 1) }
  }
  return { _tag: "Random" }
}

/** Whether both ports of one address saw us at one port, and another address at another one. */
const isByAddress = (samples: ReadonlyArray<Sample>): boolean => {
  const byAddress = Map.groupBy(samples, ({ target }) => target >> 1)
  return [...byAddress.values()].every(
    (of) => of.length > 1 && of.every(({ mapped }) => mapped.port === of[0]!.mapped.port),
  )
}

/** Whether remote endpoints see us at different ports: symmetric, in the words of RFC 3489. */
export const isSymmetric = ({ _tag }: NatMapping): boolean =>
  _tag === "AddressDependent" || _tag === "Sequential" || _tag === "Block" || _tag === "Random"

export const equals = (a: NatMapping, b: NatMapping): boolean =>
  a._tag === "Block" && b._tag === "Block" ? a.low === b.low && a.high === b.high : a._tag === b._tag
