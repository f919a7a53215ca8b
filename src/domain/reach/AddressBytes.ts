/**
 * An IP address as bytes: 4 or 16 of them (PROTOCOL.md, sections 14.3 and 15.3).
 */
import * as Option from "effect/Option"
import * as Endpoint from "../Endpoint.ts"

/** The bytes of a canonical address without a zone. */
export const ofAddress = (address: string): Uint8Array => {
  if (!Endpoint.isIpv6(address)) return Uint8Array.from(address.split("."), Number)
  const bytes = new Uint8Array(16)
  Endpoint.groups(address).forEach((group, i) => {
    const value = Number.parseInt(group, 16)
    bytes[2 * i] = value >>> 8
    bytes[2 * i + 1] = value
  })
  return bytes
}

/** The canonical address of 4 or 16 bytes; none for an IPv4 address in the clothes of IPv6, which has 4. */
export const toAddress = (bytes: Uint8Array): string | undefined => {
  if (bytes.length === 4) return bytes.join(".")
  const groups = Array.from({ length: 8 }, (_, i) => ((bytes[2 * i]! << 8) | bytes[2 * i + 1]!).toString(16))
  const address = Option.getOrUndefined(Endpoint.canonicalAddress(groups.join(":")))
  return address !== undefined && Endpoint.isIpv6(address) ? address : undefined
}
