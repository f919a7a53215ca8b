/**
 * An invitation as people pass it on: who has the link can call the inviter, once, and both know at first contact that
 * the other is the one meant (PROTOCOL.md, section 15.1).
 *
 * ```
 * nomitm://host:port/#1.<base64url of: server key 32 | inviter's id 32 | secret 16 | expiry 4>
 * ```
 *
 * The fragment of a link never reaches a server, should somebody open it in a browser.
 */
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as Bytes from "../crypto/Bytes.ts"
import * as Hkdf from "../crypto/Hkdf.ts"
import { type Hash, keyBytes } from "../crypto/Primitives.ts"
import * as Endpoint from "../Endpoint.ts"
import * as PersonId from "../identity/PersonId.ts"
import * as ServerAddress from "../ServerAddress.ts"
import { inviteIdBytes } from "./CallPayload.ts"

/** The length of a secret, in bytes. */
export const secretBytes = 16
const tokenBytes = ServerAddress.serverKeyBytes + PersonId.bytes + secretBytes + 4
const tokenCharacters = Math.ceil((tokenBytes * 4) / 3)
/** The longest text that may be a link, in characters: the longest host name, a port and the rest. */
export const maxLength = 512

/** The last expiry that four bytes hold, in seconds since 1970: in the year 2106. */
export const maxExpiry = 0xffff_ffff

export interface Invitation extends Endpoint.HostPort {
  /** SHA-256 of the server's SubjectPublicKeyInfo, 32 bytes; none if the server is to be trusted otherwise. */
  readonly serverKey: Uint8Array | undefined
  /** The inviter. */
  readonly id: PersonId.PersonId
  /** 16 random bytes. */
  readonly secret: Uint8Array
  /** From when on it does not count, in seconds since 1970: 0 to `maxExpiry`. */
  readonly expiry: number
}

/** The link. */
export const format = ({ host, port, serverKey, id, secret, expiry }: Invitation): string => {
  const last = new Uint8Array(4)
  new DataView(last.buffer).setUint32(0, expiry)
  const token = Bytes.concat(
    serverKey ?? new Uint8Array(ServerAddress.serverKeyBytes),
    PersonId.toBytes(id),
    secret,
    last,
  )
  return `nomitm://${Endpoint.formatHostPort(host, port)}/#1.${Bytes.toBase64Url(token)}`
}

/**
 * Why a text is no link. `NotALink`: it is something else, such as a server's address. `Newer`: another version of
 * invitations. `Damaged`: it was a link, but characters are missing or changed.
 */
export type Failure = "NotALink" | "Newer" | "Damaged"

const linkPattern = /^nomitm:\/\/([^/#?]+)\/?#([0-9]{1,4})\.(.*)$/i

/** Reads a link as a person pastes it. Never throws. */
export const parse = (text: string): Result.Result<Invitation, Failure> => {
  if (text.length > maxLength) return Result.fail("NotALink")
  const found = linkPattern.exec(text.trim())
  if (found === null) return Result.fail("NotALink")
  const [, place, version, word] = found as unknown as [string, string, string, string]
  if (version !== "1") return Result.fail("Newer")
  const server = Endpoint.parseHostPort(place, ServerAddress.defaultPort)
  const token = word.length === tokenCharacters ? Bytes.fromBase64Url(word) : undefined
  if (Option.isNone(server) || token === undefined) return Result.fail("Damaged")
  const serverKey = token.slice(0, ServerAddress.serverKeyBytes)
  const idAt = ServerAddress.serverKeyBytes
  const secretAt = idAt + PersonId.bytes
  const expiryAt = secretAt + secretBytes
  return Result.succeed({
    host: server.value.host,
    port: server.value.port,
    serverKey: serverKey.every((byte) => byte === 0) ? undefined : serverKey,
    id: PersonId.ofBytes(token.subarray(idAt, secretAt)),
    secret: token.slice(secretAt, expiryAt),
    expiry: new DataView(token.buffer, token.byteOffset).getUint32(expiryAt),
  })
}

/** Whether it is over, at `now` in seconds since 1970. */
export const isExpired = ({ expiry }: { readonly expiry: number }, now: number): boolean => expiry <= now

/** What the inviter keeps it under and the caller names it by, 16 bytes. It says nothing about the secret. */
export const inviteId = (hash: Hash, secret: Uint8Array): Uint8Array =>
  Hkdf.derive(hash, { salt: new Uint8Array(0), ikm: secret, info: "nomitm/1 invite id", length: inviteIdBytes })

/** The pre-shared key that proves to each side that the other has the link, 32 bytes. */
export const psk = (hash: Hash, secret: Uint8Array): Uint8Array =>
  Hkdf.derive(hash, { salt: new Uint8Array(0), ikm: secret, info: "nomitm/1 invite psk", length: keyBytes })
