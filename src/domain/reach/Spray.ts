/**
 * Spraying: finding a port of a symmetric NAT by trying many (PROTOCOL.md, section 16.3; docs/decisions/0014). Values.
 *
 * One side symmetric: it *opens* 256 sockets, each of which its NAT gives a port for the other side's endpoint; the other
 * side *probes* random ports of the NAT, each once. A probe hits with 256 in 64,512; after 1,024 of them 98 % have hit,
 * after 2,048 99.97 %.
 *
 * Both sides draw from a block of 1,024 ports (`blocks`): a record from socket s to port q leaves by some port p(s, q) of
 * the own block, and passes if the other side sends to p from a socket t for which its NAT draws q. So each pair of a
 * record here and one there meets with 1 in 1,024 * 1,024, and with n of them on either side (n / 1024)^2 pairs meet:
 * 8 with 2,900, and none in 1 of 3,000 searches. Sockets only count by the different (s, q) they make possible, hence
 * three. Each record is sent once and with the usual hop limit: of two that meet, the later one always finds the earlier
 * one's port open, so a first pass with a low one would only halve n, and leave 13 of 100 without a path.
 */
import type * as Endpoint from "../Endpoint.ts"
import type { Candidate } from "./Candidate.ts"
import { openerHops } from "./Checks.ts"
import * as NatMapping from "./NatMapping.ts"
import * as Path from "./Path.ts"
import { mayProbe, type Situation } from "./Situation.ts"

export const openSockets = 256
export const maxProbes = 2048
export const maxBlockRecords = 2900
/** Together with socket 0: each makes other ports of the own block. */
export const blockSockets = 2
/** So often a batch is sent, in milliseconds … */
export const batchMillis = 10
/** … of so many records: 800 a second. */
export const batchRecords = 8
/** The same for two blocks: 1,000 a second. */
export const blockBatchRecords = 10
/** What new sockets are waited for, in milliseconds: they have to be bound. */
export const bindMillis = 30

/** Each number below `size` once: an arithmetic progression whose step has no factor in common with it. */
interface Order {
  readonly low: number
  readonly size: number
  readonly start: number
  readonly step: number
}

export interface Spray {
  readonly role: "open" | "probe" | "blocks"
  readonly target: Endpoint.Endpoint
  /** The first of the sockets that were opened for it. */
  readonly firstSocket: number
  /** For each socket that ports are tried from; none for `open`. */
  readonly orders: ReadonlyArray<Order>
  readonly most: number
  readonly sent: number
  readonly nextAt: number
}

/** How many sockets a role needs beside socket 0. */
export const socketsOf = (role: Spray["role"]): number =>
  role === "open" ? openSockets : role === "blocks" ? blockSockets : 0

/**
 * What there is to spray, if anything. Only at an address that the server sees the other side at *and* that it names
 * itself: so neither of the two can aim us at a stranger.
 *
 * @param own what our NAT does
 * @param firstSocket the number of the next socket
 */
export const plan = (
  randomBytes: (length: number) => Uint8Array,
  situation: Situation,
  own: NatMapping.NatMapping,
  firstSocket: number,
  now: number,
): Spray | undefined => {
  const { remote } = situation
  const target = remote?.candidates.find(
    ({ kind, endpoint }) => kind === "reflexive" && endpoint.address === situation.observed.address,
  )?.endpoint
  if (remote === undefined || target === undefined || !mayProbe(situation, target)) return undefined
  const other = remote.mapping
  const common = { target, firstSocket, sent: 0 }
  if (own._tag === "Block" && other._tag === "Block") {
    const orders = Array.from({ length: 1 + blockSockets }, () => order(randomBytes, other.low, other.high))
    const most = Math.min(
      maxBlockRecords,
      orders.reduce((sum, { size }) => sum + size, 0),
    )
    return { ...common, role: "blocks", orders, most, nextAt: now + bindMillis }
  }
  if (NatMapping.isSymmetric(own) === NatMapping.isSymmetric(other)) return undefined
  if (own._tag === "Blocked" || other._tag === "Blocked") return undefined
  if (NatMapping.isSymmetric(own)) {
    return { ...common, role: "open", orders: [], most: openSockets, nextAt: now + bindMillis }
  }
  const range = rangeOf(other, remote.candidates)
  const orders = [order(randomBytes, range.low, range.high)]
  return { ...common, role: "probe", orders, most: Math.min(maxProbes, orders[0]!.size), nextAt: now }
}

/** Ports below 1024 no NAT gives to others. */
const anyPort = { low: 1024, high: 65_535 }

/** Where the other side's new ports will be: in its block, a little after those predicted, or anywhere. */
const rangeOf = (
  mapping: NatMapping.NatMapping,
  candidates: ReadonlyArray<Candidate>,
): { readonly low: number; readonly high: number } => {
  if (mapping._tag === "Block") return mapping
  const next = candidates.find(({ kind }) => kind === "predicted")?.endpoint.port
  if (mapping._tag !== "Sequential" || next === undefined) return anyPort
  return { low: next, high: Math.min(next + maxProbes - 1, 65_535) }
}

const order = (randomBytes: (length: number) => Uint8Array, low: number, high: number): Order => {
  const size = high - low + 1
  const start = draw(randomBytes, size)
  let step = 1 + draw(randomBytes, size)
  while (gcd(step, size) !== 1) step++
  return { low, size, start, step }
}

const draw = (randomBytes: (length: number) => Uint8Array, below: number): number =>
  randomBytes(4).reduce((value, byte) => value * 256 + byte, 0) % below

const gcd = (a: number, b: number): number => (b === 0 ? a : gcd(b, a % b))

const portOf = ({ low, size, start, step }: Order, i: number): number => low + ((start + i * step) % size)

export interface Shot {
  readonly path: Path.Direct
  readonly ttl?: number
}

/** One batch, of at most so many records; what was slept through is not made up for. */
export const due = (spray: Spray, now: number, most: number): readonly [Spray, ReadonlyArray<Shot>] => {
  if (now < spray.nextAt) return [spray, []]
  const batch = spray.role === "blocks" ? blockBatchRecords : batchRecords
  const end = Math.min(spray.sent + Math.min(batch, most), spray.most)
  const shots = Array.from({ length: end - spray.sent }, (_, i) => shot(spray, spray.sent + i))
  const isOver = end >= spray.most || shots.length === 0
  return [{ ...spray, sent: end, nextAt: isOver ? Infinity : now + batchMillis }, shots]
}

const shot = ({ role, target, firstSocket, orders }: Spray, i: number): Shot => {
  if (role === "open") return { path: Path.direct(firstSocket + i, target), ttl: openerHops }
  // Block by block, a socket at a time.
  let at = i
  let which = 0
  while (at >= orders[which]!.size) at -= orders[which++]!.size
  const port = portOf(orders[which]!, at)
  return { path: Path.direct(which === 0 ? 0 : firstSocket + which - 1, { address: target.address, port }) }
}
