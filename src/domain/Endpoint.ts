/**
 * An IP address and a port: where a datagram or a connection comes from or goes to.
 *
 * The address is text in canonical form (RFC 5952 for IPv6), so that two endpoints are the same exactly when their
 * texts are; an IPv4 address that a dual-stack socket shows as `::ffff:a.b.c.d` is stored as IPv4.
 */
import * as NetAddress from "effect/net/NetAddress"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"

/** A UDP or TCP port that a datagram can be sent to: 1 to 65535. */
export const Port = Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 65535 }))
export type Port = typeof Port.Type

export const isPort = (port: number): boolean => Number.isInteger(port) && port >= 1 && port <= 65535

/** A port as decimal digits, nothing else: no sign, no blank, at most five digits. */
export const parsePort = (text: string): Option.Option<Port> => {
  if (!/^[0-9]{1,5}$/.test(text)) return Option.none()
  const port = Number(text)
  return isPort(port) ? Option.some(port) : Option.none()
}

const ipv4 = /^(?:(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])(?:\.(?!$)|$)){4}$/

/**
 * The canonical text of an IP address, or none if it isn't one. A zone (`fe80::1%eth0`) is kept as it is.
 */
export const canonicalAddress = (address: string): Option.Option<string> => {
  if (ipv4.test(address)) return Option.some(address)
  if (address.length > 64) return Option.none()
  const percent = address.indexOf("%")
  const zone = percent < 0 ? "" : address.slice(percent)
  if (zone !== "" && !/^%[0-9A-Za-z._-]{1,15}$/.test(zone)) return Option.none()
  const parsed = NetAddress.ipFromString(percent < 0 ? address : address.slice(0, percent))
  if (Result.isFailure(parsed)) return Option.none()
  const ip = parsed.success
  if (NetAddress.isIpv4Address(ip)) return zone === "" ? Option.some(NetAddress.formatIp(ip)) : Option.none()
  const mapped = NetAddress.fromIpv4Mapped(ip)
  return Option.some(Option.isSome(mapped) ? NetAddress.formatIp(mapped.value) : NetAddress.formatIp(ip) + zone)
}

/** An IPv4 or IPv6 address in canonical form. */
export const Address = Schema.String.check(
  Schema.makeFilter(
    (address: string) => Option.getOrUndefined(canonicalAddress(address)) === address || "not a canonical IP address",
    { identifier: "Address" },
  ),
)

export const Endpoint = Schema.Struct({ address: Address, port: Port })
export type Endpoint = typeof Endpoint.Type

export const isIpv6 = (address: string): boolean => address.includes(":")

/** The eight groups of an IPv6 address, without leading zeros: `2001:db8::1` has `2001 db8 0 0 0 0 0 1`. */
export const groups = (address: string): ReadonlyArray<string> => {
  const [ip = ""] = address.split("%")
  const [head = "", tail] = ip.split("::")
  const left = head === "" ? [] : head.split(":")
  const right = tail === undefined || tail === "" ? [] : tail.split(":")
  const zeros = tail === undefined ? 0 : 8 - left.length - right.length
  return [...left, ...Array.from({ length: zeros }, () => "0"), ...right]
}

/** Whose an address is: an IPv4 address is one customer's, of IPv6 a customer has a /64 at least (RFC 6177). */
export const customer = (address: string): string => (isIpv6(address) ? groups(address).slice(0, 4).join(":") : address)

/** Whether a canonical address can be one host's: neither multicast, broadcast or reserved nor unspecified. */
export const isUnicast = (address: string): boolean =>
  isIpv6(address) ? !/^ff|^::$/.test(address) : !address.startsWith("0.") && Number.parseInt(address, 10) < 224

export const equals = (a: Endpoint, b: Endpoint): boolean => a.port === b.port && a.address === b.address

/** `192.0.2.1:55000` or `[2001:db8::1]:55000`. */
export const format = (endpoint: Endpoint): string => formatHostPort(endpoint.address, endpoint.port)

/** The same for a host that may be a name. */
export const formatHostPort = (host: string, port: number): string =>
  isIpv6(host) ? `[${host}]:${port}` : `${host}:${port}`

/** A host, by name or address, and a port, as a person types them. */
export interface HostPort {
  readonly host: string
  readonly port: Port
}

const hostName = /^(?=.{1,253}$)[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,62})(?:\.[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,62}))*\.?$/

/**
 * Reads `HOST:PORT`, or `HOST` where there is a default port; IPv6 addresses stand in brackets when a port follows.
 *
 * What is known of a server is known by this text, so one host has one spelling: a name is in lower case, without a dot at
 * its end. DNS makes no difference.
 *
 * @param text what was typed
 * @param defaultPort the port if none is given; without one a port must be given
 */
export const parseHostPort = (text: string, defaultPort?: Port): Option.Option<HostPort> => {
  const bracketed = /^\[([^\]]+)\](?::(.*))?$/.exec(text)
  const plain = bracketed ?? /^([^:]+)(?::([^:]*))?$/.exec(text)
  const [host, portText] = plain === null ? [text, undefined] : [plain[1]!, plain[2]]
  const port = portText === undefined ? Option.fromUndefinedOr(defaultPort) : parsePort(portText)
  if (Option.isNone(port)) return Option.none()
  const address = canonicalAddress(host)
  if (Option.isSome(address)) return Option.some({ host: address.value, port: port.value })
  // Digits and dots alone are a mistyped address, not a name.
  if (bracketed !== null || /^[0-9.]+$/.test(host) || !hostName.test(host)) return Option.none()
  return Option.some({ host: host.toLowerCase().replace(/\.$/, ""), port: port.value })
}
