/**
 * What one side tells the other, sealed, about where it may be reached (PROTOCOL.md, section 15.3). Each message
 * replaces those before it.
 *
 * ```
 * version 1 (= 1) | generation 2 | mapping 1 | low 2 | high 2 | count 1 (0 to 16)
 * count times: kind 1 | family 1 (4 or 6) | address 4 or 16 | port 2
 * ```
 */
import * as Endpoint from "../Endpoint.ts"
import * as AddressBytes from "./AddressBytes.ts"
import * as AddressScope from "./AddressScope.ts"
import { type Candidate, type CandidateKind, maxCandidates } from "./Candidate.ts"
import type { NatMapping } from "./NatMapping.ts"

export interface CandidateMessage {
  /** Counts the searches of the sender: 1 to 65535, and then 0. */
  readonly generation: number
  /** What the sender's NAT does, as far as it is known. */
  readonly mapping: NatMapping
  readonly candidates: ReadonlyArray<Candidate>
}

const version = 1
const headerBytes = 9

/** The place of a name is its number. */
const mappings = [
  "Unknown",
  "None",
  "EndpointIndependent",
  "AddressDependent",
  "Sequential",
  "Block",
  "Random",
  "Blocked",
] as const
const kinds: ReadonlyArray<CandidateKind | undefined> = [undefined, "host", "reflexive", "mapped", "predicted"]

/** Candidates beyond `maxCandidates` are left out. */
export const encode = ({ generation, mapping, candidates }: CandidateMessage): Uint8Array => {
  const told = candidates.slice(0, maxCandidates)
  const { low, high } = mapping._tag === "Block" ? mapping : { low: 0, high: 0 }
  const bytes = [version, ...uint16(generation), mappings.indexOf(mapping._tag), ...uint16(low), ...uint16(high)]
  bytes.push(told.length)
  for (const { kind, endpoint } of told) {
    const family = Endpoint.isIpv6(endpoint.address) ? 6 : 4
    bytes.push(kinds.indexOf(kind), family, ...AddressBytes.ofAddress(endpoint.address), ...uint16(endpoint.port))
  }
  return Uint8Array.from(bytes)
}

const uint16 = (value: number): readonly [number, number] => [(value >>> 8) & 0xff, value & 0xff]

/**
 * None if it is no such message. Candidates of an unknown kind, or with an address or port that is no host's, are left
 * out; so is a block that is none. Never throws.
 */
export const decode = (body: Uint8Array): CandidateMessage | undefined => {
  if (body.length < headerBytes || body[0] !== version) return undefined
  const count = body[headerBytes - 1]!
  if (count > maxCandidates) return undefined
  const candidates: Array<Candidate> = []
  let at = headerBytes
  for (let i = 0; i < count; i++) {
    const family = body[at + 1]
    if (family !== 4 && family !== 6) return undefined
    const begin = at + 2
    const end = begin + (family === 4 ? 4 : 16)
    if (end + 2 > body.length) return undefined
    const candidate = read(kinds[body[at]!], body.subarray(begin, end), readUint16(body, end))
    if (candidate !== undefined) candidates.push(candidate)
    at = end + 2
  }
  if (at !== body.length) return undefined
  return { generation: readUint16(body, 1), mapping: readMapping(body), candidates }
}

const read = (kind: CandidateKind | undefined, bytes: Uint8Array, port: number): Candidate | undefined => {
  const address = AddressBytes.toAddress(bytes)
  if (kind === undefined || address === undefined || port === 0) return undefined
  const scope = AddressScope.of(address)
  return scope === "none" || scope === "link" ? undefined : { kind, endpoint: { address, port } }
}

const readMapping = (body: Uint8Array): NatMapping => {
  const _tag = mappings[body[3]!] ?? "Unknown"
  if (_tag !== "Block") return { _tag }
  const low = readUint16(body, 4)
  const high = readUint16(body, 6)
  return low > 0 && low <= high ? { _tag, low, high } : { _tag: "Random" }
}

const readUint16 = (bytes: Uint8Array, at: number): number => (bytes[at]! << 8) | bytes[at + 1]!

/** Whether a generation is newer than another, counted modulo 2^16 (RFC 1982). */
export const isNewer = (generation: number, than: number): boolean => {
  const ahead = (generation - than) & 0xffff
  return ahead > 0 && ahead < 0x8000
}

export const nextGeneration = (generation: number): number => (generation + 1) & 0xffff
