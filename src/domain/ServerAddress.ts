/**
 * The address of a rendezvous server as people pass it on (PROTOCOL.md, section 14):
 *
 * ```
 * nomitm://HOST[:PORT][/]#PIN[,PIN…]    only a server with one of these keys
 * nomitm://HOST[:PORT]   HOST[:PORT]    whichever key it has: see `ServerTrust`
 * ```
 *
 * A pin is SHA-256 of the server's SubjectPublicKeyInfo in base64url: 43 characters. Several allow a server to change
 * its key. An invitation has the same scheme and a fragment that begins with `1.`; it is no address.
 */
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as Bytes from "./crypto/Bytes.ts"
import * as Endpoint from "./Endpoint.ts"

/** The TCP port of a rendezvous server. */
export const defaultPort = 6969

/** How many pins an address has at most. */
export const maxPins = 8
/** How long the text of an address is at most, in characters. */
export const maxLength = 1024

/** The length of a server key, in bytes: SHA-256 of the SubjectPublicKeyInfo. */
export const serverKeyBytes = 32

export interface ServerAddress extends Endpoint.HostPort {
  /** Keys the server may have; none if the address says nothing about it. */
  readonly pins: ReadonlyArray<Uint8Array>
}

/** Why a text is no address: it is an invitation, its pin can't be one (cut off, say), or it is something else. */
export type Failure = "Invitation" | "BadPin" | "NotAnAddress"

/** A server key as people read it and compare it: 43 characters. */
export const formatKey = (serverKey: Uint8Array): string => Bytes.toBase64Url(serverKey)

/** The key of such a text, 32 bytes, or none. */
export const parseKey = (text: string): Uint8Array | undefined => {
  if (text.length !== 43) return undefined
  const key = Bytes.fromBase64Url(text)
  return key?.length === serverKeyBytes ? key : undefined
}

const scheme = /^nomitm:\/\//i

export const parse = (text: string): Result.Result<ServerAddress, Failure> => {
  if (text.length > maxLength) return Result.fail("NotAnAddress")
  if (!scheme.test(text)) return at(text, [])
  const hash = text.indexOf("#")
  const fragment = hash < 0 ? undefined : text.slice(hash + 1)
  if (fragment?.startsWith("1.") === true) return Result.fail("Invitation")
  const place = text.slice(text.indexOf("//") + 2, hash < 0 ? undefined : hash).replace(/\/$/, "")
  if (fragment === undefined) return at(place, [])
  const words = fragment.split(",", maxPins + 1)
  const pins = words.map(parseKey).filter((pin) => pin !== undefined)
  return pins.length < words.length || words.length > maxPins ? Result.fail("BadPin") : at(place, pins)
}

const at = (hostPort: string, pins: ReadonlyArray<Uint8Array>): Result.Result<ServerAddress, Failure> =>
  Option.match(Endpoint.parseHostPort(hostPort, defaultPort), {
    onNone: () => Result.fail("NotAnAddress"),
    onSome: ({ host, port }) => Result.succeed({ host, port, pins }),
  })

/** The address as it is printed, to be passed on whole. */
export const format = ({ host, port, pins }: ServerAddress): string =>
  `nomitm://${Endpoint.formatHostPort(host, port)}${pins.length === 0 ? "" : `#${pins.map(formatKey).join(",")}`}`
