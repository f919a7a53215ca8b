/**
 * NAT-PMP as bytes (RFC 6886, section 3).
 *
 * ```
 * external address   0 1 | opcode 1 (=0)
 *                    0 1 | opcode 1 (=128) | result 2 | epoch 4 | address 4
 * map UDP            0 1 | opcode 1 (=1) | 0 2 | internal port 2 | suggested port 2 | lifetime 4
 *                    0 1 | opcode 1 (=129) | result 2 | epoch 4 | internal port 2 | mapped port 2 | lifetime 4
 * ```
 */

const addressOpcode = 0
const mapOpcode = 1
const responseBit = 0x80

export const externalAddressRequest: Uint8Array = Uint8Array.of(0, addressOpcode)

/** @param lifetime in seconds; 0, with a suggested port of 0, removes the mapping */
export const encodeMap = (internalPort: number, suggestedPort: number, lifetime: number): Uint8Array => {
  const bytes = new Uint8Array(12)
  const view = new DataView(bytes.buffer)
  view.setUint8(1, mapOpcode)
  view.setUint16(4, internalPort)
  view.setUint16(6, suggestedPort)
  view.setUint32(8, lifetime)
  return bytes
}

/** The router's external address; nothing if this is no answer to that question. */
export const decodeExternalAddress = (bytes: Uint8Array): string | "Refused" | undefined => {
  const result = resultOf(bytes, addressOpcode)
  if (result === undefined) return undefined
  if (result !== 0) return "Refused"
  return bytes.length < 12 ? undefined : bytes.subarray(8, 12).join(".")
}

export interface Mapped {
  readonly port: number
  /** In seconds. */
  readonly lifetime: number
}

/** What became of the request for an internal port; nothing if this is no answer to it. */
export const decodeMap = (bytes: Uint8Array, internalPort: number): Mapped | "Refused" | undefined => {
  const result = resultOf(bytes, mapOpcode)
  if (result === undefined) return undefined
  if (result !== 0) return "Refused"
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  if (bytes.length < 16 || view.getUint16(8) !== internalPort) return undefined
  return { port: view.getUint16(10), lifetime: view.getUint32(12) }
}

const resultOf = (bytes: Uint8Array, opcode: number): number | undefined =>
  bytes.length >= 8 && bytes[0] === 0 && bytes[1] === (responseBit | opcode) ? (bytes[2]! << 8) | bytes[3]! : undefined
