/**
 * What became of the records that were sent with DATA (RFC 9002, section 6 and appendix A). A value.
 *
 * Records are ordered by a number of their own, for an epoch begins to count anew. One that is lost is remembered for a
 * while: it may only have been slow. Each byte of the stream is in one record under way at most.
 */
import type { AckRange } from "../record/Frame.ts"
import * as Queue from "./Queue.ts"
import type { Range } from "./Ranges.ts"
import * as RoundTrip from "./RoundTrip.ts"

/** The number of a record: its counter is one of its epoch. */
export interface RecordNumber {
  readonly epoch: number
  readonly counter: number
}

export interface Sent {
  /** Counts what was sent. */
  readonly order: number
  readonly record: RecordNumber
  /** In milliseconds. */
  readonly at: number
  /** What of the stream it carries. */
  readonly range: Range
  /** On the wire. */
  readonly bytes: number
  /** The highest record that was acknowledged in it. */
  readonly acknowledges: RecordNumber | undefined
}

/** So many records are under way at most, and so many lost ones remembered. */
export const maxSent = 1024
export const maxLost = 512
/** A record is lost when one that was sent so many later has arrived (section 6.1.1). */
export const packetThreshold = 3

export interface LossRecovery {
  /** What is under way, in order. */
  readonly sent: Queue.Queue<Sent>
  readonly inFlight: number
  readonly lost: ReadonlyArray<Sent>
  /** The next order. */
  readonly next: number
  /** The highest order that arrived; -1 before the first. */
  readonly newest: number
  readonly roundTrip: RoundTrip.RoundTrip
  /** Records of a lower order were sent on another path: they tell nothing of how long this one takes. */
  readonly measuresFrom: number
  /** How often nothing came since anything did. */
  readonly probes: number
  /** When last anything was sent, arrived, or was asked for, in milliseconds. */
  readonly restedAt: number
}

export const initial: LossRecovery = {
  sent: Queue.empty,
  inFlight: 0,
  lost: [],
  next: 0,
  newest: -1,
  roundTrip: RoundTrip.initial,
  measuresFrom: 0,
  probes: 0,
  restedAt: 0,
}

export const isQuiet = ({ sent }: LossRecovery): boolean => Queue.isEmpty(sent)

export const isFull = ({ sent }: LossRecovery): boolean => Queue.size(sent) >= maxSent

export const send = (state: LossRecovery, what: Omit<Sent, "order">): LossRecovery => {
  const { record, at, range, bytes, acknowledges } = what
  return {
    ...state,
    sent: Queue.push(state.sent, { order: state.next, record, at, range, bytes, acknowledges }),
    inFlight: state.inFlight + bytes,
    next: state.next + 1,
    restedAt: at,
  }
}

export interface Found {
  /** What is known to have arrived now, in the order it was sent, what was thought lost first. */
  readonly arrived: ReadonlyArray<Sent>
  /** What of it was under way. */
  readonly bytes: number
}

const none: ReadonlyArray<Sent> = []
const nothing: Found = { arrived: none, bytes: 0 }

/**
 * The other has acknowledged records of an epoch. Counters that are not remembered are passed over: they are of records
 * without DATA, known already, or of none that was sent.
 *
 * @param ranges as `AckRanges.areRanges` says
 * @param delay how long the other waited, in milliseconds
 */
export const acknowledged = (
  state: LossRecovery,
  epoch: number,
  ranges: ReadonlyArray<AckRange>,
  delay: number,
  now: number,
): readonly [LossRecovery, Found] => {
  const late =
    state.lost.length === 0
      ? state.lost
      : state.lost.filter(({ record }) => record.epoch === epoch && includes(ranges, record.counter))
  const [sent, found] = takeOut(state.sent, epoch, ranges)
  if (found.length === 0 && late.length === 0) return [state, nothing]
  let bytes = 0
  for (const it of found) bytes += it.bytes
  let latest = found.at(-1) ?? late[0]!
  for (const it of late) if (it.order > latest.order) latest = it
  const measures = latest.order > state.newest && latest.order >= state.measuresFrom
  const next: LossRecovery = {
    ...state,
    sent,
    inFlight: state.inFlight - bytes,
    lost: late.length === 0 ? state.lost : state.lost.filter((it) => !late.includes(it)),
    newest: Math.max(state.newest, latest.order),
    roundTrip: measures ? RoundTrip.measure(state.roundTrip, now - latest.at, delay) : state.roundTrip,
    probes: 0,
    restedAt: now,
  }
  return [next, { arrived: late.length === 0 ? found : [...late, ...found], bytes }]
}

/** Whether one of the ranges, the highest first, has a counter. */
const includes = (ranges: ReadonlyArray<AckRange>, counter: number): boolean => {
  let low = 0
  let high = ranges.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (ranges[middle]!.first <= counter) high = middle
    else low = middle + 1
  }
  return low < ranges.length && counter <= ranges[low]!.last
}

/** What is under way without that which arrived, and that. What is sent in order has ascending counters in an epoch. */
const takeOut = (
  sent: Queue.Queue<Sent>,
  epoch: number,
  ranges: ReadonlyArray<AckRange>,
): readonly [Queue.Queue<Sent>, ReadonlyArray<Sent>] => {
  const { items, head, tail } = sent
  const highest = ranges.length === 0 ? -1 : ranges[0]!.last
  // Mostly one has arrived: an array that grows has room for many.
  let found: Array<Sent> | undefined
  const kept: Array<Sent> = []
  let range = ranges.length - 1
  let at = head
  for (; at < tail; at++) {
    const it = items[at]!
    const { counter } = it.record
    if (it.record.epoch > epoch || (it.record.epoch === epoch && counter > highest)) break
    if (it.record.epoch === epoch) {
      while (ranges[range]!.last < counter) range -= 1
      if (ranges[range]!.first <= counter) {
        if (found === undefined) found = [it]
        else found.push(it)
        continue
      }
    }
    kept.push(it)
  }
  if (found === undefined) return [sent, none]
  if (kept.length === 0) return [Queue.drop(sent, found.length), found]
  for (; at < tail; at++) kept.push(items[at]!)
  return [Queue.make(kept), found]
}

/** What counts as lost now: what is old, or far behind what has arrived. It is no longer under way. */
export const detect = (state: LossRecovery, now: number): readonly [LossRecovery, ReadonlyArray<Sent>] => {
  const { items, head, tail } = state.sent
  const lossMillis = RoundTrip.lossMillis(state.roundTrip)
  let at = head
  while (at < tail && isLost(items[at]!, state.newest, lossMillis, now)) at += 1
  return at === head ? [state, none] : lose({ ...state, restedAt: now }, at - head)
}

const isLost = ({ at, order }: Sent, newest: number, lossMillis: number, now: number): boolean =>
  order < newest && (newest - order >= packetThreshold || at + lossMillis <= now)

/** The first so many records under way are not so any more. */
const lose = (state: LossRecovery, count: number): readonly [LossRecovery, ReadonlyArray<Sent>] => {
  const { items, head } = state.sent
  const lost = items.slice(head, head + count)
  let { inFlight } = state
  for (const { bytes } of lost) inFlight -= bytes
  const remembered = [...state.lost, ...lost].slice(-maxLost)
  return [{ ...state, sent: Queue.drop(state.sent, count), inFlight, lost: remembered }, lost]
}

/** The oldest record is to be sent again in another one: it no longer counts as under way. There must be one. */
export const withoutOldest = (state: LossRecovery): readonly [LossRecovery, oldest: Sent] => [
  lose(state, 1)[0],
  state.sent.items[state.sent.head]!,
]

/** Another path: nothing is known of it, and nothing is under way on it. */
export const moved = (state: LossRecovery, now: number): readonly [LossRecovery, ReadonlyArray<Sent>] => {
  const [next, lost] = lose(state, Queue.size(state.sent))
  return [{ ...next, roundTrip: RoundTrip.initial, measuresFrom: state.next, probes: 0, restedAt: now }, lost]
}

/** The other has everything: what became of the rest says nothing any more. */
export const settled = (state: LossRecovery): LossRecovery => ({ ...state, sent: Queue.empty, inFlight: 0, lost: [] })

/** When the oldest record counts as lost for its age; never where none sent later has arrived. */
export const lossAt = ({ newest, roundTrip, sent }: LossRecovery): number => {
  const oldest = sent.items[sent.head]
  return sent.head < sent.tail && oldest!.order < newest ? oldest!.at + RoundTrip.lossMillis(roundTrip) : Infinity
}

/** When to ask what became of what was sent last. */
export const probeAt = ({ probes, restedAt, roundTrip }: LossRecovery): number =>
  restedAt + RoundTrip.backedOff(roundTrip, probes)

/** It is asked. */
export const probed = (state: LossRecovery, now: number): LossRecovery => ({
  ...state,
  probes: state.probes + 1,
  restedAt: now,
})

/**
 * Whether lost records show that the path carried nothing for long (section 7.6): two of them were sent so far apart,
 * after a round trip was measured, and nothing between them has arrived.
 *
 * @param before as it was before `arrived` was known
 */
export const isPersistent = (
  before: LossRecovery,
  arrived: ReadonlyArray<Sent>,
  lost: ReadonlyArray<Sent>,
): boolean => {
  if (!before.roundTrip.isMeasured) return false
  let until = Infinity
  for (const { order } of arrived) if (order > before.newest && order < until) until = order
  let first = Infinity
  let last = -Infinity
  for (const { at, order } of lost) {
    if (order <= before.newest || order >= until) continue
    first = Math.min(first, at)
    last = Math.max(last, at)
  }
  return last - first > RoundTrip.persistentMillis(before.roundTrip)
}
