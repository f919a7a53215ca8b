/**
 * How far an address reaches: whose it can be, and for whom it means anything (RFC 6890, RFC 4193, RFC 6598). Canonical
 * texts, as in `Endpoint`.
 */
import * as Endpoint from "../Endpoint.ts"

export type AddressScope = "loopback" | "link" | "private" | "global" | "none"

/** `none`: no host's at all, such as multicast. `private`: of a network that others have too. */
export const of = (address: string): AddressScope => {
  if (!Endpoint.isUnicast(address)) return "none"
  return Endpoint.isIpv6(address) ? ofIpv6(address) : ofIpv4(address)
}

const ofIpv4 = (address: string): AddressScope => {
  const [a = 0, b = 0] = address.split(".").map(Number)
  if (a === 127) return "loopback"
  if (a === 169 && b === 254) return "link"
  // Shared address space (100.64.0.0/10) is between a home and its carrier, and as little anyone's own.
  if (a === 10 || (a === 172 && b >= 16 && b < 32) || (a === 192 && b === 168)) return "private"
  return a === 100 && b >= 64 && b < 128 ? "private" : "global"
}

const ofIpv6 = (address: string): AddressScope => {
  if (address === "::1") return "loopback"
  // A zone is only known on its own machine.
  if (address.includes("%") || /^fe[89a-f]/.test(address)) return "link"
  if (/^f[cd]/.test(address)) return "private"
  // Below 2000::/3 stand only forms that embed something else.
  return /^[23][0-9a-f]{3}:/.test(address) ? "global" : "none"
}

/** Whether two addresses are in one /24, or one /64. */
export const isSameSubnet = (a: string, b: string): boolean => {
  if (Endpoint.isIpv6(a) !== Endpoint.isIpv6(b)) return false
  return subnet(a) === subnet(b)
}

const subnet = (address: string): string =>
  Endpoint.isIpv6(address) ? Endpoint.customer(address) : address.slice(0, address.lastIndexOf("."))

/** Whether an IPv4 address is what the first or last of a /24 is: its network, or everyone in it. */
export const isSubnetEnd = (address: string): boolean => !Endpoint.isIpv6(address) && /\.(?:0|255)$/.test(address)
