/**
 * Two deliveries and a network between them that loses, doubles, delays and reorders as it draws: everything comes of
 * one seed. Records go through the codec of frames; counters, epochs and replays are dealt with as records do.
 *
 * After every step each side is held against the bounds of its memory.
 */
import { assert } from "@effect/vitest"
import * as Congestion from "../../../src/domain/delivery/Congestion.ts"
import * as Delivery from "../../../src/domain/delivery/Delivery.ts"
import * as LossRecovery from "../../../src/domain/delivery/LossRecovery.ts"
import * as Queue from "../../../src/domain/delivery/Queue.ts"
import * as ReceiveStream from "../../../src/domain/delivery/ReceiveStream.ts"
import * as SendStream from "../../../src/domain/delivery/SendStream.ts"
import * as Frame from "../../../src/domain/record/Frame.ts"
import { maxPlaintextBytes, maxRecordBytes } from "../../../src/domain/record/RecordHeader.ts"

/** Numbers from 0 to 1 that follow from a seed (mulberry32). */
export const randomOf = (seed: number): (() => number) => {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

/** What a network does to a record. Shares from 0 to 1, milliseconds. */
export interface Weather {
  readonly loss: number
  readonly duplication: number
  readonly delay: number
  readonly jitter: number
}

export const calm: Weather = { loss: 0, duplication: 0, delay: 20, jitter: 0 }
export const blackout: Weather = { loss: 1, duplication: 0, delay: 20, jitter: 0 }

interface Datagram {
  readonly keys: number
  readonly record: Delivery.RecordNumber
  readonly bytes: Uint8Array
}

/** Throws if more is held than may be. */
export const assertBounded = (state: Delivery.State): void => {
  const { acknowledging, receiving, recovery, sending } = state
  let chunkBytes = 0
  for (const { slab } of sending.chunks) chunkBytes += slab.bytes.length
  atMost("waiting", sending.total - sending.base, SendStream.maxWaiting)
  atMost("memory of what waits", chunkBytes, SendStream.maxWaiting + 128 * 1024)
  atMost("chunks", sending.chunks.length, 200)
  atMost("ranges acknowledged", sending.acked.length, LossRecovery.maxSent + 1)
  atMost("ranges to send again", sending.resend.length, LossRecovery.maxSent + 1)
  atMost("pieces", receiving.pieces.length, ReceiveStream.maxPieces)
  atMost("memory of pieces", ReceiveStream.kept(receiving), 2 * ReceiveStream.window + 65_536)
  atMost("not taken", receiving.received - receiving.consumed, ReceiveStream.window)
  atMost("messages not taken", Queue.size(receiving.untaken), ReceiveStream.window / 4)
  atMost("records under way", Queue.size(recovery.sent), LossRecovery.maxSent)
  atMost("their array", recovery.sent.items.length, 2 * LossRecovery.maxSent + 64)
  atMost("lost records", recovery.lost.length, LossRecovery.maxLost)
  atMost("bytes under way", recovery.inFlight, Congestion.maxWindow + maxRecordBytes)
  atMost("window", state.congestion.window, Congestion.maxWindow)
  atMost("ranges", acknowledging.current.ranges?.size ?? 0, Frame.maxAckRanges)
  atMost("ranges before", acknowledging.previous?.ranges?.size ?? 0, Frame.maxAckRanges)
}

const atMost = (what: string, value: number, bound: number): void => {
  if (!(value <= bound)) assert.fail(`${what}: ${value}, more than ${bound}`)
}

/**
 * Throws unless every byte that was sent is acknowledged, under way, or to be sent again: one that is none of these is
 * forgotten for ever.
 */
const assertNothingForgotten = ({ recovery, sending }: Delivery.State): void => {
  const { acked, base, next, resend } = sending
  const { head, items, tail } = recovery.sent
  const known = [...acked, ...resend]
  for (let at = head; at < tail; at++) known.push(items[at]!.range)
  known.sort((a, b) => a.start - b.start)
  let covered = base
  for (const { end, start } of known) if (start <= covered) covered = Math.max(covered, end)
  if (covered < next) assert.fail(`the byte at ${covered} is forgotten`)
}

export class Side {
  state = Delivery.initial()
  /** Bodies, in the order they were said and handed out. */
  readonly said: Array<Uint8Array> = []
  readonly got: Array<Uint8Array> = []
  untaken = 0
  /** Takes what is handed out at once. */
  takes = true
  sent = 0
  acknowledged = 0
  epoch = 0
  private counter = 0
  private keys = 0
  private readonly seen = new Set<string>()
  private readonly channel: Channel

  constructor(channel: Channel) {
    this.channel = channel
  }

  say(...bodies: ReadonlyArray<Uint8Array>): void {
    const next = Delivery.say(this.state, bodies)
    if (next === this.state) return
    this.said.push(...bodies)
    this.become(next)
  }

  take(count = this.untaken): void {
    this.untaken -= count
    this.become(Delivery.taken(this.state, count))
  }

  rekey(): void {
    this.epoch += 1
    this.counter = 0
  }

  move(): void {
    this.become(Delivery.moved(this.state, this.channel.now))
  }

  resume(): void {
    this.keys += 1
    this.epoch = 0
    this.counter = 0
    this.seen.clear()
    this.become(Delivery.resumed(this.state))
  }

  /** Another record uses a counter: one without anything for delivery. */
  skip(): void {
    this.counter += 1
  }

  receive({ bytes, keys, record }: Datagram): void {
    const name = `${record.epoch} ${record.counter}`
    if (keys !== this.keys || this.seen.has(name)) return
    this.seen.add(name)
    const [next, heard] = Delivery.heard(this.state, Frame.readAll(bytes), record, this.channel.now)
    if (heard.failed !== undefined) assert.fail("the other is said to break the protocol")
    this.acknowledged += heard.acknowledged.length
    atMost("acknowledged", this.acknowledged, this.sent)
    for (const body of heard.messages) this.got.push(body.slice())
    this.untaken += heard.messages.length
    this.become(next)
    if (this.takes && this.untaken > 0) this.take()
  }

  wake(): void {
    this.become(Delivery.due(this.state, this.channel.now))
  }

  /** Sends all there is to send. */
  private become(state: Delivery.State): void {
    this.state = state
    const { now } = this.channel
    for (;;) {
      const record = { epoch: this.epoch, counter: this.counter }
      const [next, frames] = Delivery.fill(this.state, record, maxPlaintextBytes, now)
      this.state = next
      if (frames.length === 0) break
      this.counter += 1
      this.sent += 1
      const bytes = new Uint8Array(maxPlaintextBytes)
      let used = 0
      for (const frame of frames) used = Frame.write(frame, bytes, used)
      atMost("a record", used, maxPlaintextBytes)
      this.channel.transmit(this, { keys: this.keys, record, bytes: bytes.subarray(0, used) })
    }
    assertBounded(this.state)
    assertNothingForgotten(this.state)
  }
}

export class Channel {
  now = 0
  weather: Weather = calm
  readonly random: () => number
  readonly alice: Side = new Side(this)
  readonly bob: Side = new Side(this)
  /** What is under way, the next to arrive first. */
  private readonly queue: Array<{ readonly at: number; readonly to: Side; readonly datagram: Datagram }> = []

  constructor(random: () => number, weather: Weather = calm) {
    this.random = random
    this.weather = weather
  }

  transmit(from: Side, datagram: Datagram): void {
    const { delay, duplication, jitter, loss } = this.weather
    const to = from === this.alice ? this.bob : this.alice
    const copies = (this.random() < loss ? 0 : 1) + (this.random() < duplication ? 1 : 0)
    for (let i = 0; i < copies; i++) {
      const at = this.now + delay + this.random() * jitter
      let place = this.queue.length
      while (place > 0 && this.queue[place - 1]!.at > at) place -= 1
      this.queue.splice(place, 0, { at, to, datagram })
    }
  }

  /** When anything happens next. */
  get nextAt(): number {
    return Math.min(this.queue[0]?.at ?? Infinity, Delivery.dueAt(this.alice.state), Delivery.dueAt(this.bob.state))
  }

  /** Lets so much time pass. */
  pass(millis: number): void {
    const until = this.now + millis
    let steps = 0
    for (let at = this.nextAt; at <= until; at = this.nextAt) {
      // A timer that is due again and again without time passing would never end.
      steps = at > this.now ? 0 : steps + 1
      atMost("steps without time passing", steps, 10_000)
      this.now = Math.max(this.now, at)
      this.happen()
    }
    this.now = until
  }

  /** Lets happen what does until nothing is left to happen, for at most so long; how long it took. */
  settle(millis: number): number {
    const start = this.now
    while (this.nextAt < Infinity && this.now < start + millis) {
      this.pass(Math.min(start + millis, Math.max(this.nextAt, this.now)) - this.now)
    }
    return this.now - start
  }

  private happen(): void {
    while ((this.queue[0]?.at ?? Infinity) <= this.now) {
      const { datagram, to } = this.queue.shift()!
      to.receive(datagram)
    }
    for (const side of [this.alice, this.bob]) if (Delivery.dueAt(side.state) <= this.now) side.wake()
  }

  /** Throws unless each side has all that the other said, once and in order, and nothing is left to do. */
  assertDelivered(): void {
    for (const [from, to] of [
      [this.alice, this.bob],
      [this.bob, this.alice],
    ] as const) {
      assert.strictEqual(to.got.length, from.said.length, "not every message came")
      for (const [i, body] of from.said.entries()) assert.isTrue(Buffer.from(body).equals(to.got[i]!), `message ${i}`)
      assert.isTrue(Delivery.isIdle(from.state))
      assert.strictEqual(Delivery.delivered(from.state), from.said.length)
      assert.strictEqual(Delivery.sent(from.state), from.said.length)
      assert.strictEqual(Delivery.dueAt(from.state), Infinity, "a timer is left")
    }
    assert.strictEqual(this.nextAt, Infinity, "a record is under way")
  }
}
