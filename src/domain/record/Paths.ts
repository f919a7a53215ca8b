/**
 * Addresses from which records of the other side came, but that are not known to be its own: each is asked before it is
 * used (PROTOCOL.md, section 16). Values.
 *
 * A record can be copied: whoever sees one can send it from anywhere, and be first. So an address gets nothing but the
 * question, at most as many of them as records came from it, and at most four a second in all.
 */
import * as Bytes from "../crypto/Bytes.ts"
import * as Endpoint from "../Endpoint.ts"
import { pathDataBytes } from "./Frame.ts"

/** The pause between two questions, in milliseconds. */
export const pauseMillis = 250
/** How long an answer is awaited, in milliseconds. */
export const patienceMillis = 5000
/** So many addresses are asked at a time; the one that was asked longest ago is forgotten for another. */
export const maxPaths = 4

interface Path {
  readonly endpoint: Endpoint.Endpoint
  readonly data: Uint8Array
  /** When it was last asked, in milliseconds. */
  readonly askedAt: number
}

/** Those that were asked, the last one last. */
export type Paths = ReadonlyArray<Path>

/**
 * The question for an address that the newest record came from, unless it is too early for one.
 *
 * @param now in milliseconds
 */
export const ask = (
  randomBytes: (length: number) => Uint8Array,
  paths: Paths,
  endpoint: Endpoint.Endpoint,
  now: number,
): readonly [Paths, data: Uint8Array | undefined] => {
  const last = paths.at(-1)
  if (last !== undefined && now - last.askedAt < pauseMillis) return [paths, undefined]
  const known = paths.find((path) => isWaiting(path, now) && Endpoint.equals(path.endpoint, endpoint))
  const data = known?.data ?? randomBytes(pathDataBytes)
  const others = paths.filter((path) => path !== known && isWaiting(path, now))
  return [[...others.slice(1 - maxPaths), { endpoint, data, askedAt: now }], data]
}

const isWaiting = ({ askedAt }: Path, now: number): boolean => now - askedAt < patienceMillis

/** Whether this is the answer of an address that was asked, from there. */
export const isProof = (paths: Paths, from: Endpoint.Endpoint, data: Uint8Array, now: number): boolean =>
  paths.some((path) => isWaiting(path, now) && Endpoint.equals(path.endpoint, from) && Bytes.equals(path.data, data))
