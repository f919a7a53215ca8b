/**
 * Sealed conversations in a world of their own: a clock, timers, addresses, and a network that does to each datagram
 * what it is told. Each side has what `SealedChat` gives it.
 */
import { assert } from "@effect/vitest"
import type { Primitives } from "../../../src/domain/crypto/Primitives.ts"
import type { Ending } from "../../../src/domain/Conversation.ts"
import * as Endpoint from "../../../src/domain/Endpoint.ts"
import * as Epoch from "../../../src/domain/record/Epoch.ts"
import type * as Frame from "../../../src/domain/record/Frame.ts"
import * as RecordLayer from "../../../src/domain/record/RecordLayer.ts"
import * as SealedConversation from "../../../src/domain/record/SealedConversation.ts"
import type * as ShortString from "../../../src/domain/verify/ShortString.ts"
import { Timeline } from "../ConversationNetwork.ts"
import { bytesOf, primitives } from "../crypto/primitives.ts"
import { chatKeys } from "./keys.ts"

export interface Datagram {
  readonly payload: Uint8Array
  readonly from: Endpoint.Endpoint
  readonly to: Endpoint.Endpoint
  readonly at: number
}

/** Every nonce that was used, with the key it was used with: no pair may come twice. */
export class Nonces {
  readonly used = new Set<string>()

  /** The real primitives, but that each record sealed is noted. */
  readonly primitives: Primitives = {
    ...primitives,
    recordCipher: (key) => {
      const name = Buffer.from(key).toString("hex")
      const cipher = primitives.recordCipher(key)
      return {
        ...cipher,
        seal: (counter, ...rest) => {
          const pair = `${name} ${counter}`
          assert.isFalse(this.used.has(pair), `counter ${counter} is used a second time`)
          this.used.add(pair)
          cipher.seal(counter, ...rest)
        },
      }
    },
  }
}

export class SealedSide {
  state: SealedConversation.State
  readonly layer: RecordLayer.RecordLayer
  readonly sent: Array<Datagram> = []
  readonly delivered: Array<string> = []
  readonly moves: Array<string> = []
  readonly values: Array<number> = []
  readonly failures: Array<ShortString.Failure> = []
  /** Why what came was dropped. */
  readonly dropped: Array<RecordLayer.Dropped> = []
  opened = false
  ending: { readonly reason: Ending; readonly at: number } | undefined
  /** Where it sends from. */
  address: Endpoint.Endpoint
  /** How much the clock on the wall is ahead, in milliseconds. */
  wallAhead = 0
  dead = false
  private waiting: Array<Frame.Frame> = []
  private wakeAt = Infinity
  private drawn = 0
  private readonly timeline: Timeline
  private readonly transmit: (datagram: Datagram) => void
  private readonly tools: { readonly primitives: Primitives; readonly randomBytes: (length: number) => Uint8Array }

  constructor(options: {
    readonly timeline: Timeline
    readonly name: "alice" | "bob"
    readonly address: Endpoint.Endpoint
    readonly remote: Endpoint.Endpoint
    readonly transmit: (datagram: Datagram) => void
    readonly nonces?: Nonces
    readonly chat?: string
  }) {
    const { timeline, name, address, remote, transmit, nonces, chat } = options
    const keys = chatKeys(chat)[name]
    this.timeline = timeline
    this.address = address
    this.transmit = transmit
    this.tools = {
      primitives: nonces?.primitives ?? primitives,
      randomBytes: (length) => bytesOf(`${chat} ${name} ${this.drawn++}`, length),
    }
    this.layer = RecordLayer.make(this.tools.primitives, Epoch.first(keys))
    this.state = SealedConversation.initial(keys, remote, this.moment())
    this.due()
  }

  get epoch(): number {
    return this.layer.slots.current.epoch.number
  }

  receive(payload: Uint8Array, from: Endpoint.Endpoint): void {
    if (this.dead) return
    const record = RecordLayer.open(this.layer, payload)
    if (typeof record === "string") {
      this.dropped.push(record)
      return
    }
    this.on({ _tag: "Heard", ...record, from, at: this.moment() })
  }

  say(text: string): void {
    this.on({ _tag: "Say", text, at: this.moment() })
  }

  verify(): void {
    this.on({ _tag: "Verify", at: this.moment() })
  }

  close(): void {
    this.on({ _tag: "Close" })
  }

  /** Says anything at all, as a hostile program does that has the keys. */
  sayFrames(...frames: ReadonlyArray<Frame.Frame>): void {
    this.waiting.push(...frames)
    this.flush()
  }

  due(): void {
    this.on({ _tag: "Due", used: RecordLayer.used(this.layer), at: this.moment() })
  }

  private moment() {
    return { monotonic: this.timeline.now, wall: this.timeline.now + this.wallAhead }
  }

  private emit(payload: Uint8Array, to: Endpoint.Endpoint): void {
    const datagram = { payload: payload.slice(), from: this.address, to, at: this.timeline.now }
    this.sent.push(datagram)
    this.transmit(datagram)
  }

  private flush(): void {
    const frames = this.waiting
    this.waiting = []
    RecordLayer.sealAll(this.layer, frames, (datagram) => this.emit(datagram, this.state.remote))
  }

  private on(event: SealedConversation.Event): void {
    if (this.dead) return
    const [next, actions] = SealedConversation.step(this.tools, this.state, event)
    this.state = next
    for (const action of actions) this.perform(action)
    this.flush()
    if (SealedConversation.isWorn(next, RecordLayer.used(this.layer))) this.due()
    this.sleep()
  }

  private perform(action: SealedConversation.Action): void {
    switch (action._tag) {
      case "Send":
        this.waiting.push(...action.frames)
        break
      case "SendTo":
        RecordLayer.sealAll(this.layer, action.frames, (datagram) => this.emit(datagram, action.to))
        break
      case "Adopt":
        RecordLayer.adopt(this.layer, action.epoch)
        break
      case "Prepare":
        RecordLayer.prepare(this.layer, action.epoch)
        break
      case "ForgetPrevious":
        RecordLayer.forgetPrevious(this.layer)
        break
      case "Opened":
        this.opened = true
        break
      case "Deliver":
        this.delivered.push(action.text)
        break
      case "Moved":
        this.moves.push(Endpoint.format(action.remote))
        break
      case "Compare":
        this.values.push(action.value)
        break
      case "NotComparable":
        this.failures.push(action.why)
        break
      case "Ended":
        this.ending = { reason: action.ending, at: this.timeline.now }
    }
  }

  private sleep(): void {
    const due = SealedConversation.dueAt(this.state)
    if (due === Infinity || due >= this.wakeAt) return
    this.wakeAt = due
    this.timeline.after(Math.max(0, due - this.timeline.now), () => {
      // An earlier one was asked for meanwhile.
      if (this.wakeAt !== due) return
      this.wakeAt = Infinity
      this.due()
    })
  }
}

export const aliceAt: Endpoint.Endpoint = { address: "192.0.2.1", port: 5000 }
export const bobAt: Endpoint.Endpoint = { address: "192.0.2.2", port: 5000 }
export const malloryAt: Endpoint.Endpoint = { address: "192.0.2.66", port: 666 }

/** What becomes of a datagram: how late each copy of it arrives, in milliseconds; none at all is a loss. */
export type Fate = (datagram: Datagram) => ReadonlyArray<number>

/** Alice and bob, and everything that was sent. */
export class World {
  readonly timeline = new Timeline()
  readonly nonces = new Nonces()
  readonly wire: Array<Datagram> = []
  fate: Fate = () => [20]
  readonly alice: SealedSide
  readonly bob: SealedSide

  constructor(options: { readonly chat?: string; readonly fate?: Fate } = {}) {
    const { fate, ...chat } = options
    if (fate !== undefined) this.fate = fate
    const common = { timeline: this.timeline, nonces: this.nonces, transmit: this.transmit, ...chat }
    this.alice = new SealedSide({ ...common, name: "alice", address: aliceAt, remote: bobAt })
    this.bob = new SealedSide({ ...common, name: "bob", address: bobAt, remote: aliceAt })
  }

  readonly transmit = (datagram: Datagram): void => {
    this.wire.push(datagram)
    for (const delay of this.fate(datagram)) this.timeline.after(delay, () => this.deliver(datagram))
  }

  /** To whoever is there now. */
  readonly deliver = ({ payload, from, to }: Pick<Datagram, "payload" | "from" | "to">): void => {
    for (const side of [this.alice, this.bob]) if (Endpoint.equals(side.address, to)) side.receive(payload, from)
  }

  pass(millis: number): void {
    this.timeline.advance(this.timeline.now + millis)
  }

  /** Both have heard each other. */
  opened(): this {
    this.pass(1000)
    assert.isTrue(this.alice.opened && this.bob.opened)
    return this
  }
}
