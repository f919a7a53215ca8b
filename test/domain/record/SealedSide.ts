/**
 * One side of a chat, put together of the pure machines as `SealedChat` and `ChatPaths` do it, without their effects:
 *
 * ```
 *   SealedConversation   keys, verifying, beginning and end ─┐
 *   Delivery             messages                            ├── RecordLayer ──▶ datagrams, by the path of Reach
 *   Reach                paths ──────────────────────────────┘
 * ```
 */
import { assert } from "@effect/vitest"
import type { Ending } from "../../../src/domain/Conversation.ts"
import type { Primitives } from "../../../src/domain/crypto/Primitives.ts"
import * as Delivery from "../../../src/domain/delivery/Delivery.ts"
import * as Endpoint from "../../../src/domain/Endpoint.ts"
import type { CandidateMessage } from "../../../src/domain/reach/CandidateMessage.ts"
import * as Path from "../../../src/domain/reach/Path.ts"
import * as Reach from "../../../src/domain/reach/Reach.ts"
import * as Epoch from "../../../src/domain/record/Epoch.ts"
import type * as Frame from "../../../src/domain/record/Frame.ts"
import { maxPlaintextBytes } from "../../../src/domain/record/RecordHeader.ts"
import * as RecordLayer from "../../../src/domain/record/RecordLayer.ts"
import * as SealedConversation from "../../../src/domain/record/SealedConversation.ts"
import type * as ShortString from "../../../src/domain/verify/ShortString.ts"
import type { Timeline } from "../ConversationNetwork.ts"
import { bytesOf, primitives } from "../crypto/primitives.ts"

/** How the sides were brought together: an address typed by hand, or a server, which relays. */
export type Way = "address" | "server"

/** What leaves a side. */
export interface Datagram {
  readonly payload: Uint8Array
  /** Whose it is, be it that it goes by the server. */
  readonly from: Endpoint.Endpoint
  /** Where it goes; none by the server. */
  readonly to: Endpoint.Endpoint | undefined
  /** So many hops it may take; none: as many as there are. */
  readonly ttl: number | undefined
  readonly at: number
}

/** What the world does for its sides. */
export interface Network {
  readonly timeline: Timeline
  readonly transmit: (datagram: Datagram) => void
  /** To the other side, through the server. */
  readonly tell: (from: SealedSide, message: CandidateMessage) => void
}

export interface Options {
  readonly network: Network
  readonly name: "alice" | "bob"
  readonly way: Way
  readonly address: Endpoint.Endpoint
  readonly remote: Endpoint.Endpoint
  readonly keys: SealedConversation.Keys
  readonly primitives?: Primitives
}

const encoder = new TextEncoder()
const decoder = new TextDecoder()

export class SealedSide {
  state: SealedConversation.State
  delivery = Delivery.initial()
  reach: Reach.State
  layer: RecordLayer.RecordLayer
  readonly sent: Array<Datagram> = []
  /** What this side said, and what it was told. */
  readonly said: Array<string> = []
  readonly delivered: Array<string> = []
  /** All paths that were used, one after the other. */
  readonly uses: Array<string> = []
  readonly values: Array<number> = []
  readonly failures: Array<ShortString.Failure> = []
  /** Why what came was dropped. */
  readonly dropped: Array<RecordLayer.Dropped> = []
  /** Whether the other side was heard, and there is a path to it. */
  opened = false
  /** How often it was suspended. */
  suspended = 0
  ending: { readonly reason: Ending; readonly at: number } | undefined
  /** Where it sends from. */
  address: Endpoint.Endpoint
  /** How much the clock on the wall is ahead, in milliseconds. */
  wallAhead = 0
  dead = false
  readonly name: "alice" | "bob"
  private readonly remote: Endpoint.Endpoint
  private readonly way: Way
  private readonly network: Network
  private readonly tools: { readonly primitives: Primitives; readonly randomBytes: (length: number) => Uint8Array }
  private waiting: Array<Frame.Frame> = []
  private turns = 0
  private wasIdle = true
  private wakeAt = Infinity
  private wokenAt = -1
  private wakes = 0
  private drawn = 0

  constructor({ network, name, way, address, remote, keys, primitives: own = primitives }: Options) {
    this.network = network
    this.name = name
    this.way = way
    this.address = address
    this.remote = remote
    const label = `${Buffer.from(keys.callId).toString("hex")} ${name}`
    this.tools = { primitives: own, randomBytes: (length) => bytesOf(`${label} ${this.drawn++}`, length) }
    this.layer = RecordLayer.make(own, Epoch.first(keys))
    this.state = SealedConversation.initial(keys, this.moment())
    this.reach = this.reachAnew()
  }

  get epoch(): number {
    return this.layer.slots.current.epoch.number
  }

  /** By which path it sends: `relay`, an endpoint, or `none`. */
  get path(): string {
    return nameOf(Reach.active(this.reach))
  }

  get now(): number {
    return this.network.timeline.now
  }

  /** Begins, or begins anew, to look for the other side. */
  follow(): void {
    this.reach = this.reachAnew()
    if (this.way === "server") this.onReach({ _tag: "RelayUp" })
    const { address, port } = this.address
    const observed = this.remote
    this.onReach({ _tag: "Started", observed, seen: undefined, addresses: [address], port, targets: 0 })
    if (this.way === "server") return
    const candidates = [{ kind: "reflexive", endpoint: this.remote }] as const
    this.onReach({ _tag: "Told", message: { generation: 1, mapping: { _tag: "Unknown" }, candidates } })
  }

  /** Goes on with the keys of another handshake. */
  resume(keys: SealedConversation.Keys): void {
    if (this.dead || this.state.phase === "Closed") return
    this.layer = RecordLayer.make(this.tools.primitives, Epoch.first(keys))
    this.delivery = Delivery.resumed(this.delivery)
    this.waiting = []
    this.on({ _tag: "Resumed", keys, at: this.moment() })
    this.follow()
  }

  /** @param from where it came from; through the server without it */
  receive(payload: Uint8Array, from: Endpoint.Endpoint | undefined): void {
    if (this.dead || !SealedConversation.hasKeys(this.state)) return
    if (SealedConversation.isExpired(this.state, this.moment())) return this.due()
    const record = RecordLayer.open(this.layer, payload)
    if (typeof record === "string") {
      this.dropped.push(record)
      return
    }
    const path = from === undefined ? Path.relay : Path.direct(0, from)
    this.turn(() => {
      const own = record.frames.filter(isOwn)
      const { advanced, isCurrent } = record
      const isNews = own.length > 0 || advanced || this.state.phase === "Opening"
      if (isNews || SealedConversation.awaitsRecord(this.state)) {
        this.on({ _tag: "Heard", frames: own, isCurrent, advanced, at: this.moment() })
      } else this.state = SealedConversation.alive(this.state, this.moment())
      if (this.state.phase === "Closed") return
      const aboutPaths = record.frames.filter(isAboutPaths)
      const active = Reach.active(this.reach)
      if (aboutPaths.length > 0 || active === undefined || !Path.equals(active, path)) {
        this.onReach({ _tag: "Heard", path, frames: aboutPaths, isNewest: record.isNewest })
      }
      this.deliver(record.frames.filter(isAboutMessages), record)
    })
  }

  /** Whether it could be said. */
  say(text: string): boolean {
    const body = encoder.encode(text)
    const { phase } = this.state
    if (this.dead || (phase !== "Open" && phase !== "Suspended") || Delivery.room(this.delivery) < body.length) {
      return false
    }
    this.said.push(text)
    this.turn(() => {
      this.delivery = Delivery.say(this.delivery, [body])
    })
    return true
  }

  verify(): void {
    this.on({ _tag: "Verify", at: this.moment() })
  }

  close(): void {
    this.on({ _tag: "Close" })
  }

  told(message: CandidateMessage): void {
    this.onReach({ _tag: "Told", message })
  }

  /** Says anything at all, as a hostile program does that has the keys. */
  sayFrames(...frames: ReadonlyArray<Frame.Frame>): void {
    this.turn(() => this.waiting.push(...frames))
  }

  due(): void {
    this.turn(() => {
      this.on({ _tag: "Due", used: RecordLayer.used(this.layer), at: this.moment() })
      if (this.state.phase === "Closed") return
      if (Reach.dueAt(this.reach) <= this.now) this.onReach({ _tag: "Due" })
      if (Delivery.dueAt(this.delivery) <= this.now) this.delivery = Delivery.due(this.delivery, this.now)
    })
  }

  private reachAnew(): Reach.State {
    const isByHand = this.way === "address"
    return Reach.initial({
      isInitiator: this.name === "alice",
      relay: isByHand ? "never" : "auto",
      isLocalServer: isByHand,
    })
  }

  private moment() {
    return { monotonic: this.now, wall: this.now + this.wallAhead }
  }

  private isExpired(): boolean {
    return SealedConversation.isExpired(this.state, this.moment())
  }

  /** All that happens in a turn leaves together at its end. */
  private turn(happen: () => void): void {
    if (this.dead) return
    this.turns++
    happen()
    this.turns--
    if (this.turns > 0) return
    // The machine was asleep, and the timer has not noticed yet.
    if (this.isExpired()) return this.due()
    this.flush()
    const isIdle = Delivery.isIdle(this.delivery)
    if (isIdle !== this.wasIdle) {
      this.wasIdle = isIdle
      this.onReach({ _tag: "Waiting", unacknowledged: !isIdle })
    }
    if (SealedConversation.isWorn(this.state, RecordLayer.used(this.layer))) return this.due()
    this.sleep()
  }

  private flush(): void {
    const frames = this.waiting
    this.waiting = []
    const path = Reach.active(this.reach)
    if (path === undefined) return
    RecordLayer.sealAll(this.layer, frames, (datagram) => this.emit(datagram, path))
    while (SealedConversation.hasKeys(this.state)) {
      const record = RecordLayer.next(this.layer)
      const [next, carried] = Delivery.fill(this.delivery, record, maxPlaintextBytes, this.now)
      this.delivery = next
      const datagram = carried.length === 0 ? undefined : RecordLayer.seal(this.layer, carried)
      if (datagram === undefined) break
      this.emit(datagram, path)
    }
  }

  private emit(payload: Uint8Array, path: Path.Path, ttl?: number): void {
    if (path._tag === "Direct") assert.strictEqual(path.socket, 0)
    const to = path._tag === "Direct" ? path.remote : undefined
    const datagram = { payload: payload.slice(), from: this.address, to, ttl, at: this.now }
    this.sent.push(datagram)
    this.network.transmit(datagram)
  }

  private on(event: SealedConversation.Event): void {
    this.turn(() => {
      const [next, actions] = SealedConversation.step(this.tools, this.state, event)
      this.state = next
      for (const action of actions) this.perform(action)
    })
  }

  private perform(action: SealedConversation.Action): void {
    switch (action._tag) {
      case "Send":
        this.waiting.push(...action.frames)
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
        this.lookOpened()
        break
      case "Suspended":
        this.suspended++
        if (this.way === "address") this.on({ _tag: "GiveUp", ending: "timeout" })
        break
      case "Compare":
        this.values.push(action.value)
        break
      case "NotComparable":
        this.failures.push(action.why)
        break
      case "Ended":
        this.flush()
        this.ending = { reason: action.ending, at: this.now }
    }
  }

  private lookOpened(): void {
    if (this.state.phase === "Open" && this.path !== "none") this.opened = true
  }

  private onReach(event: Reach.Event): void {
    if (this.dead) return
    this.turn(() => {
      const before = nameOf(Reach.active(this.reach))
      const [next, actions] = Reach.step(this.tools, this.reach, event, this.now)
      this.reach = next
      for (const action of actions) this.reachOut(action)
      if (this.path === before) return
      this.uses.push(this.path)
      this.lookOpened()
      if (this.path !== "none") this.delivery = Delivery.moved(this.delivery, this.now)
    })
  }

  private reachOut(action: Reach.Action): void {
    switch (action._tag) {
      case "Send": {
        if (!SealedConversation.hasKeys(this.state) || this.isExpired()) return
        const datagram = RecordLayer.seal(this.layer, action.frames)
        if (datagram !== undefined) this.emit(datagram, action.path, action.ttl)
        return
      }
      case "Tell":
        return this.network.tell(this, action.message)
      case "LookUp":
      case "OpenSockets":
        assert.fail(`${action._tag}: there is nothing to look up, and nothing to spray`)
    }
  }

  private deliver(frames: ReadonlyArray<Delivery.Frame>, record: Delivery.RecordNumber): void {
    const [next, heard] = Delivery.heard(this.delivery, frames, record, this.now)
    this.delivery = next
    const active = Reach.active(this.reach)
    if (heard.acknowledged.length > 0 && active !== undefined) this.onReach({ _tag: "Acknowledged", path: active })
    if (heard.failed !== undefined) return this.on({ _tag: "GiveUp", ending: heard.failed })
    this.delivery = Delivery.taken(this.delivery, heard.messages.length)
    for (const body of heard.messages) this.delivered.push(decoder.decode(body))
  }

  private sleep(): void {
    const isHeard = Reach.active(this.reach) !== undefined && SealedConversation.hasKeys(this.state)
    const due = Math.min(
      SealedConversation.dueAt(this.state),
      this.state.phase === "Closed" ? Infinity : Reach.dueAt(this.reach),
      isHeard ? Delivery.dueAt(this.delivery) : Infinity,
    )
    if (due === Infinity || due >= this.wakeAt) return
    this.wakeAt = due
    // Time is read in whole milliseconds.
    this.network.timeline.after(Math.max(0, Math.ceil(due) - this.now), () => {
      // An earlier one was asked for meanwhile.
      if (this.wakeAt !== due) return
      this.wakeAt = Infinity
      this.wakes = this.wokenAt === this.now ? this.wakes + 1 : 1
      this.wokenAt = this.now
      assert.isBelow(this.wakes, 100, "it is woken again and again, and time does not pass")
      this.due()
    })
  }
}

const nameOf = (path: Path.Path | undefined): string =>
  path === undefined ? "none" : path._tag === "Relay" ? "relay" : Endpoint.format(path.remote)

const isAboutPaths = (frame: Frame.Frame): frame is Reach.PathFrame =>
  frame._tag === "PathChallenge" || frame._tag === "PathResponse"
const isAboutMessages = (frame: Frame.Frame): frame is Delivery.Frame => frame._tag === "Data" || frame._tag === "Ack"
const isOwn = (frame: Frame.Frame): frame is SealedConversation.OwnFrame =>
  !isAboutPaths(frame) && !isAboutMessages(frame)
