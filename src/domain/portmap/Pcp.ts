/**
 * The Port Control Protocol's MAP request for IPv4 and UDP, as bytes (RFC 6887, sections 7 and 11).
 *
 * ```
 * request    version 1 (=2) | opcode 1 (=1) | 0 2 | lifetime 4 | client's address 16
 *            | nonce 12 | protocol 1 (=17) | 0 3 | internal port 2 | suggested port 2 | suggested address 16
 * response   version 1 (=2) | opcode 1 (=129) | 0 1 | result 1 | lifetime 4 | epoch 4 | 0 12
 *            | nonce 12 | protocol 1 (=17) | 0 3 | internal port 2 | assigned port 2 | assigned address 16
 * ```
 * IPv4 addresses are written as IPv6 ones (`::ffff:a.b.c.d`), lifetimes in seconds.
 */
import type { Endpoint } from "../Endpoint.ts"
import type { Granted } from "./Granted.ts"

const version = 2
const mapOpcode = 1
const responseBit = 0x80
const udp = 17
const responseBytes = 60

export const nonceBytes = 12

export interface MapRequest {
  /** 12 random bytes, the same in every request for one mapping: who does not know them can't change it. */
  readonly nonce: Uint8Array
  /** Our IPv4 address, as the router sees it. */
  readonly client: string
  readonly internalPort: number
  /** What we had, or would like to have; the router may choose another port. */
  readonly suggested: Endpoint
  /** In seconds; 0 removes the mapping. */
  readonly lifetime: number
}

export const encodeMap = ({ nonce, client, internalPort, suggested, lifetime }: MapRequest): Uint8Array => {
  const bytes = new Uint8Array(60)
  const view = new DataView(bytes.buffer)
  bytes.set([version, mapOpcode])
  view.setUint32(4, lifetime)
  bytes.set(mapped(client), 8)
  bytes.set(nonce, 24)
  bytes[36] = udp
  view.setUint16(40, internalPort)
  view.setUint16(42, suggested.port)
  bytes.set(mapped(suggested.address), 44)
  return bytes
}

/**
 * Reads what a router answered to a MAP request.
 *
 * @returns a grant; `Refused`; `Unsupported` if it does not speak PCP but perhaps NAT-PMP (RFC 6887, appendix A);
 *   nothing if it is no answer to this request
 */
export const decodeMap = (
  bytes: Uint8Array,
  { nonce, internalPort }: Pick<MapRequest, "nonce" | "internalPort">,
): Granted | "Refused" | "Unsupported" | undefined => {
  if (bytes.length < 4) return undefined
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  // A NAT-PMP router answers what it does not know in its own way.
  if (bytes[0] === 0) return (bytes[1]! & responseBit) !== 0 ? "Unsupported" : undefined
  if (bytes[0] !== version || bytes[1] !== (responseBit | mapOpcode)) return undefined
  if (bytes[3] === 1) return "Unsupported"
  if (bytes.length < responseBytes || bytes[36] !== udp || view.getUint16(40) !== internalPort) return undefined
  if (!nonce.every((byte, index) => bytes[24 + index] === byte)) return undefined
  if (bytes[3] !== 0) return "Refused"
  const address = unmapped(bytes.subarray(44, 60))
  if (address === undefined) return "Refused"
  return { external: { address, port: view.getUint16(42) }, lifetime: view.getUint32(4) }
}

const prefix = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff]

const mapped = (ipv4: string): ReadonlyArray<number> => [...prefix, ...ipv4.split(".").map(Number)]

const unmapped = (bytes: Uint8Array): string | undefined =>
  prefix.every((byte, index) => bytes[index] === byte) ? bytes.subarray(12).join(".") : undefined
