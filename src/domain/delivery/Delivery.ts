/**
 * The reliable, ordered message channel over records, as a pure state machine (PROTOCOL.md, section 16.2).
 *
 * ```
 *   say ──▶ SendStream ──┐                                  ┌──▶ ReceiveStream ──▶ messages, each once, in order
 *                        ├── fill ─ DATA, ACK ─▶ … ─ heard ─┤
 *   Acknowledging ───────┘    LossRecovery, Congestion      └──▶ what of the own was lost, and what arrived
 * ```
 *
 * Every function takes the state and gives the next one; all memory is bounded, whatever the other sends. `now` is a
 * monotonic time in milliseconds. Whoever runs this calls `fill` after each other function, for one record after the
 * other until it is given nothing, and `due` at `dueAt`.
 *
 * A message is delivered when the other's program has all of it: acknowledged is only what is kept there. Sending never
 * ends: where nothing comes back, a record asks every 15 seconds at least.
 */
import type { Ack, Data, Frame as AnyFrame } from "../record/Frame.ts"
import * as Frames from "../record/Frame.ts"
import { minRecordBytes, padded, paddingBytes } from "../record/RecordHeader.ts"
import * as AckRanges from "./AckRanges.ts"
import * as Acknowledging from "./Acknowledging.ts"
import * as Congestion from "./Congestion.ts"
import * as LossRecovery from "./LossRecovery.ts"
import * as Message from "./Message.ts"
import type { Range } from "./Ranges.ts"
import * as ReceiveStream from "./ReceiveStream.ts"
import * as RoundTrip from "./RoundTrip.ts"
import * as SendStream from "./SendStream.ts"

export type RecordNumber = LossRecovery.RecordNumber
/** What of a record is delivery's affair. */
export type Frame = Data | Ack

export interface State {
  readonly sending: SendStream.SendStream
  readonly receiving: ReceiveStream.ReceiveStream
  readonly acknowledging: Acknowledging.Acknowledging
  readonly recovery: LossRecovery.LossRecovery
  readonly congestion: Congestion.Congestion
  /** The limit that the other was told last. */
  readonly toldLimit: number
  /** The next record asks what became of those before, whatever the congestion window says. */
  readonly isProbing: boolean
  /** How often the other was asked for a higher limit, since it told one. */
  readonly asked: number
  /** The other has broken the protocol: nothing is read any more. */
  readonly hasFailed: boolean
}

export interface Heard {
  /** Bodies, in order. They may share memory with whole records: copy what is kept for long. */
  readonly messages: ReadonlyArray<Uint8Array>
  /** How many of the own messages are delivered, since the chat began. */
  readonly delivered: number
  /** The own records that are known to have arrived now. */
  readonly acknowledged: ReadonlyArray<RecordNumber>
  /** What the other sends can't be read: the chat has to end. */
  readonly failed?: "protocol"
}

const start: State = {
  sending: SendStream.initial,
  receiving: ReceiveStream.initial,
  acknowledging: Acknowledging.initial,
  recovery: LossRecovery.initial,
  congestion: Congestion.initial,
  toldLimit: ReceiveStream.limit(ReceiveStream.initial),
  isProbing: false,
  asked: 0,
  hasFailed: false,
}

export const initial = (): State => start

/** The longest body of a message, in bytes. */
export const maxMessageBytes = Message.maxBodyBytes

/**
 * How many bytes of one more message there is room for; of several, each but the first takes 4 bytes besides its own.
 * In all 1 MiB waits.
 */
export const room = ({ sending }: State): number => Math.max(0, SendStream.room(sending) - Message.headerBytes)

/**
 * Says messages, in order.
 *
 * @param messages bodies of at most `maxMessageBytes`; they are copied
 * @returns the very same state where there is no `room` for all of them or one is too long: then none is said
 */
export const say = (state: State, messages: ReadonlyArray<Uint8Array>): State => {
  const sending = SendStream.say(state.sending, messages)
  return sending === state.sending ? state : { ...state, sending }
}

/** Whether all that was said is delivered. */
export const isIdle = ({ sending }: State): boolean => SendStream.isDelivered(sending)

/** How many of the own messages were sent whole, be it that they were lost, since the chat began. */
export const sent = ({ sending }: State): number => sending.sent

/** How many of the own messages are delivered, since the chat began. */
export const delivered = ({ sending }: State): number => sending.delivered

/** How long a round trip takes, in milliseconds; none before it was measured on this path. */
export const roundTripMillis = ({ recovery: { roundTrip } }: State): number | undefined =>
  roundTrip.isMeasured ? roundTrip.smoothed : undefined

const dataOverhead = Frames.length({ _tag: "Data", offset: 0, bytes: new Uint8Array(0) })
const sealingBytes = minRecordBytes - paddingBytes
const noFrames: ReadonlyArray<Frame> = []
const noAcks: ReadonlyArray<Ack> = []
const noRecords: ReadonlyArray<RecordNumber> = []
const noneSent: ReadonlyArray<LossRecovery.Sent> = []

/**
 * What the next record carries. It has to be sealed with that number and sent: what is in it counts as under way.
 *
 * @param roomBytes so much fits into it
 * @returns no frames: nothing is to be sent now
 */
export const fill = (
  state: State,
  record: RecordNumber,
  roomBytes: number,
  now: number,
): readonly [State, ReadonlyArray<Frame>] => {
  const { acknowledging, congestion, isProbing, receiving, recovery, sending } = state
  const admits = isProbing || (Congestion.admits(congestion, recovery.inFlight) && !LossRecovery.isFull(recovery))
  const most = roomBytes - dataOverhead
  const wanted =
    admits && most > 0
      ? (SendStream.nextRange(sending, most) ?? (isProbing ? SendStream.lastByte(sending) : undefined))
      : undefined
  const isDue = acknowledging.dueAt <= now
  if (wanted === undefined && !isDue) return [state, noFrames]

  const limit = ReceiveStream.limit(receiving)
  const [told, acks] = Acknowledging.isWaiting(acknowledging)
    ? Acknowledging.answer(acknowledging, receiving.consumed, limit, roomBytes, now)
    : [acknowledging, noAcks]
  const toldLimit = acks.length === 0 ? state.toldLimit : limit
  let used = 0
  for (const ack of acks) used += Frames.length(ack)
  const end = wanted === undefined ? 0 : Math.min(wanted.end, wanted.start + most - used)
  if (wanted === undefined || end <= wanted.start) return [{ ...state, acknowledging: told, toldLimit }, acks]

  const range = end === wanted.end ? wanted : { start: wanted.start, end }
  const data: Data = { _tag: "Data", offset: range.start, bytes: SendStream.bytes(sending, range) }
  const next: State = {
    ...state,
    acknowledging: told,
    toldLimit,
    sending: SendStream.sent(sending, range),
    recovery: LossRecovery.send(recovery, {
      record,
      at: now,
      range,
      bytes: sealingBytes + padded(used + dataOverhead + data.bytes.length),
      acknowledges: highestOf(acks.at(-1)),
    }),
    isProbing: false,
  }
  const [first, second] = acks
  return [next, first === undefined ? [data] : second === undefined ? [first, data] : [first, second, data]]
}

const highestOf = (ack: Ack | undefined): RecordNumber | undefined =>
  ack === undefined || ack.ranges.length === 0 ? undefined : { epoch: ack.epoch, counter: ack.ranges[0]!.last }

/**
 * A record came. It is to be one that was not taken before, and one without DATA or ACK too, so that its counter makes
 * no gap.
 *
 * @param frames all of its frames: others are passed over
 */
export const heard = (
  state: State,
  frames: ReadonlyArray<AnyFrame>,
  record: RecordNumber,
  now: number,
): readonly [State, Heard] => {
  const messages: Array<Uint8Array> = []
  let acknowledged: Array<RecordNumber> | undefined
  let next = state
  let asks = false
  let isOrderly = true
  let isKept = true
  if (!state.hasFailed) {
    for (const frame of frames) {
      if (frame._tag === "Ack") {
        const [told, arrived] = onAck(next, frame, now)
        next = told
        const records = arrived.map(({ record }) => record)
        if (acknowledged === undefined) acknowledged = records
        else acknowledged.push(...records)
      }
      if (frame._tag !== "Data") continue
      const hadGap = next.receiving.pieces.length > 0
      const [receiving, outcome] = ReceiveStream.heard(next.receiving, frame.offset, frame.bytes, messages)
      if (outcome === "Failed") {
        next = { ...next, hasFailed: true }
        break
      }
      if (receiving !== next.receiving) next = { ...next, receiving }
      asks = true
      if (outcome === "Known" || (outcome === "InOrder" && hadGap)) isOrderly = false
      if (outcome === "Refused") isKept = false
    }
  }
  const result = { messages, delivered: next.sending.delivered, acknowledged: acknowledged ?? noRecords }
  if (next.hasFailed) return [next, { ...result, failed: "protocol" }]
  // What is not kept was as good as lost: it has to come again.
  if (!isKept) return [next, result]
  const isWhole = next.receiving.pieces.length === 0
  const acknowledging = Acknowledging.heard(next.acknowledging, record, asks, isOrderly, isWhole, now)
  return [{ ...next, acknowledging }, result]
}

/** What the other has told, if it can be: otherwise it is passed over. With it, what has arrived. */
const onAck = (state: State, ack: Ack, now: number): readonly [State, ReadonlyArray<LossRecovery.Sent>] => {
  if (!AckRanges.areRanges(ack.ranges)) return [state, noneSent]
  const { acknowledging, congestion, recovery: before } = state
  const [recovery, { arrived, bytes }] = LossRecovery.acknowledged(before, ack.epoch, ack.ranges, ack.delay, now)
  const told = SendStream.told(state.sending, ack.consumed, ack.limit)
  if (told === state.sending && recovery === before) return [state, noneSent]

  const isRaised = told.limit > state.sending.limit
  const sending = onRanges(told, arrived, SendStream.acknowledge)
  // What is still under way then carries nothing that the other has not.
  const isSettled = SendStream.isDelivered(sending) && !isIdle(state)
  let known: RecordNumber | undefined
  let old = 0
  for (const it of arrived) {
    if (it.acknowledges !== undefined) known = it.acknowledges
    if (it.at <= congestion.recoveryAt) old += it.bytes
  }
  const next: State = {
    ...state,
    sending,
    recovery: isSettled ? LossRecovery.settled(recovery) : recovery,
    acknowledging: known === undefined ? acknowledging : Acknowledging.known(acknowledging, known),
    congestion: Congestion.arrived(congestion, Math.max(0, bytes - old), before.inFlight),
    isProbing: state.isProbing && !isRaised && arrived.length === 0,
    asked: isRaised ? 0 : state.asked,
  }
  return [isSettled || arrived.length === 0 ? next : onLost(next, now, before, arrived), arrived]
}

/** What is lost for what has arrived, or for its age, is to be sent again, and more slowly. */
const onLost = (state: State, now: number, before = state.recovery, arrived = noneSent): State => {
  const [recovery, lost] = LossRecovery.detect(state.recovery, now)
  if (lost.length === 0) return state
  const congestion = Congestion.lost(state.congestion, lost.at(-1)!.at, now)
  return {
    ...state,
    recovery,
    sending: onRanges(state.sending, lost, SendStream.lost),
    congestion: LossRecovery.isPersistent(before, arrived, lost) ? Congestion.collapsed(congestion) : congestion,
  }
}

/** Something becomes of what records carry: those that follow each other in the stream are one range. */
const onRanges = (
  sending: SendStream.SendStream,
  records: ReadonlyArray<LossRecovery.Sent>,
  become: (sending: SendStream.SendStream, range: Range) => SendStream.SendStream,
): SendStream.SendStream => {
  let next = sending
  let whole: Range | undefined
  for (const { range } of records) {
    if (whole === undefined) whole = range
    else if (whole.end === range.start) whole = { start: whole.start, end: range.end }
    else {
      next = become(next, whole)
      whole = range
    }
  }
  return whole === undefined ? next : become(next, whole)
}

/** The person has taken so many messages more, of those that were handed out: the other may send more. */
export const taken = (state: State, count: number): State => {
  const receiving = ReceiveStream.taken(state.receiving, count)
  if (receiving === state.receiving) return state
  const isMuch = ReceiveStream.limit(receiving) - state.toldLimit > ReceiveStream.window / 2
  return { ...state, receiving, acknowledging: isMuch ? Acknowledging.tell(state.acknowledging) : state.acknowledging }
}

/** Whether there is something to send that the other does not take yet, and nothing under way that it would answer. */
const isBlocked = ({ recovery, sending }: State): boolean =>
  LossRecovery.isQuiet(recovery) && SendStream.isBlocked(sending)

/**
 * When a record is to be asked for if none arrives before: when it is blocked it asks for a higher limit, which may have
 * been told in a record that was lost.
 */
const probeAt = (state: State): number => {
  const { asked, recovery } = state
  if (!LossRecovery.isQuiet(recovery)) return LossRecovery.probeAt(recovery)
  return isBlocked(state) ? recovery.restedAt + RoundTrip.backedOff(recovery.roundTrip, asked) : Infinity
}

/** When `due` is to be called; `Infinity` for never. */
export const dueAt = (state: State): number => {
  const lossAt = LossRecovery.lossAt(state.recovery)
  return Math.min(Acknowledging.nextDueAt(state.acknowledging), lossAt === Infinity ? probeAt(state) : lossAt)
}

/** Time has passed: what is due now is done, and `fill` gives what is to be sent for it. */
export const due = (state: State, now: number): State => {
  const acknowledging = Acknowledging.due(state.acknowledging, now)
  const next = acknowledging === state.acknowledging ? state : { ...state, acknowledging }
  const lossAt = LossRecovery.lossAt(next.recovery)
  if (lossAt !== Infinity) return lossAt <= now ? onLost(next, now) : next
  return probeAt(next) <= now ? probe(next, now) : next
}

const probe = (state: State, now: number): State => {
  if (isBlocked(state)) {
    return { ...state, recovery: { ...state.recovery, restedAt: now }, asked: state.asked + 1, isProbing: true }
  }
  const recovery = LossRecovery.probed(state.recovery, now)
  // Nothing could be sent since the last time: that record has not asked yet.
  if (state.isProbing) return { ...state, recovery }
  const [without, oldest] = LossRecovery.withoutOldest(recovery)
  return { ...state, recovery: without, sending: SendStream.lost(state.sending, oldest.range), isProbing: true }
}

/** Another path from now on: what is under way counts as lost and goes again at once, and the path is new to us. */
export const moved = (state: State, now: number): State => {
  const [recovery, lost] = LossRecovery.moved(state.recovery, now)
  return {
    ...state,
    recovery,
    sending: onRanges(state.sending, lost, SendStream.lost),
    congestion: Congestion.initial,
    isProbing: false,
    asked: 0,
  }
}

/** All keys are new: no record of before is under way, counts, or is known. What was not acknowledged goes again. */
export const resumed = (state: State): State => ({
  ...state,
  recovery: { ...LossRecovery.initial, restedAt: state.recovery.restedAt },
  sending: SendStream.lost(state.sending, { start: 0, end: state.sending.next }),
  acknowledging: Acknowledging.initial,
  congestion: Congestion.initial,
  isProbing: false,
  asked: 0,
})
