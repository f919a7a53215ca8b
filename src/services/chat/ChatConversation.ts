/**
 * The conversation of one chat: runs the pure machine `domain/record/SealedConversation` on its keys, and seals and opens
 * records with them (`domain/record/RecordLayer`).
 *
 * Beside the keys in use there may be those of another call, until it is certain that the other side has them. When
 * anything happens, and what follows besides keys, is the affair of whoever runs the chat (`LiveChat`).
 */
import * as Epoch from "../../domain/record/Epoch.ts"
import * as Frame from "../../domain/record/Frame.ts"
import { age, type Moment } from "../../domain/record/Moment.ts"
import * as RecordLayer from "../../domain/record/RecordLayer.ts"
import * as Rekey from "../../domain/record/Rekey.ts"
import * as SealedConversation from "../../domain/record/SealedConversation.ts"

/** What is wanted besides keys. */
export type Action = Exclude<
  SealedConversation.Action,
  { readonly _tag: "Adopt" | "Prepare" | "ForgetPrevious" | "Suspended" }
>

export interface Owner {
  readonly perform: (action: Action) => void
  /** Nothing is sealed or opened any more, until there are other keys. */
  readonly onSuspended: () => void
  /** All is sealed with the keys of another call from now on. */
  readonly onKeys: () => void
}

/** The keys of another call, and since when they are there. */
interface OtherKeys {
  readonly keys: SealedConversation.Keys
  readonly layer: RecordLayer.RecordLayer
  readonly at: Moment
}

export class ChatConversation {
  private readonly tools: Rekey.Tools
  private readonly owner: Owner
  private state: SealedConversation.State
  private layer: RecordLayer.RecordLayer
  private other: OtherKeys | undefined
  private hasOpened = false

  constructor(tools: Rekey.Tools, owner: Owner, keys: SealedConversation.Keys, at: Moment) {
    this.tools = tools
    this.owner = owner
    this.state = SealedConversation.initial(keys, at)
    this.layer = RecordLayer.make(tools.primitives, Epoch.first(keys))
  }

  get phase(): SealedConversation.Phase {
    return this.state.phase
  }

  /** Whether records are sealed and opened at all. */
  get hasKeys(): boolean {
    return SealedConversation.hasKeys(this.state)
  }

  /** Whether the other side was heard with the keys of the last call: then it has them. */
  get isHeard(): boolean {
    return this.hasOpened && this.other === undefined
  }

  /** The machine may have slept: then the timer has not noticed yet that the keys are too old. */
  isExpired(at: Moment): boolean {
    return SealedConversation.isExpired(this.state, at)
  }

  /** Whether so many records were sent or received that `due` is to be called now. */
  get isWorn(): boolean {
    return SealedConversation.isWorn(this.state, RecordLayer.used(this.layer))
  }

  /** In milliseconds of the monotonic clock. */
  get dueAt(): number {
    return SealedConversation.dueAt(this.state)
  }

  due(at: Moment): void {
    this.forgetExpired(at)
    this.on({ _tag: "Due", used: RecordLayer.used(this.layer), at })
  }

  on(event: SealedConversation.Event): void {
    const [next, actions] = SealedConversation.step(this.tools, this.state, event)
    this.state = next
    for (const action of actions) this.perform(action)
  }

  private perform(action: SealedConversation.Action): void {
    switch (action._tag) {
      case "Adopt":
        return RecordLayer.adopt(this.layer, action.epoch)
      case "Prepare":
        return RecordLayer.prepare(this.layer, action.epoch)
      case "ForgetPrevious":
        return RecordLayer.forgetPrevious(this.layer)
      case "Suspended":
        if (!this.change()) this.owner.onSuspended()
        return
      default:
        return this.owner.perform(action)
    }
  }

  // Records.

  /** The epoch and the counter of the record that is sealed next. */
  get next(): ReturnType<typeof RecordLayer.next> {
    return RecordLayer.next(this.layer)
  }

  /** One record; none if the frames don't fit, or the epoch has no counter left. */
  seal(frames: ReadonlyArray<Frame.Frame>): Uint8Array | undefined {
    return RecordLayer.seal(this.layer, frames)
  }

  /** As few records as the frames fit into. */
  sealAll(frames: ReadonlyArray<Frame.Frame>, emit: (datagram: Uint8Array) => void): void {
    RecordLayer.sealAll(this.layer, frames, emit)
  }

  /** CLOSE, with all keys that the other side may have by now. */
  sealClose(emit: (datagram: Uint8Array) => void): void {
    RecordLayer.sealAll(this.layer, [Frame.close], emit)
    if (this.other !== undefined) RecordLayer.sealAll(this.other.layer, [Frame.close], emit)
  }

  /** What is in a record; none if it is dropped. The first with the keys of another call puts these to use. */
  open(datagram: Uint8Array, at: Moment): RecordLayer.Opened | undefined {
    const record = RecordLayer.open(this.layer, datagram)
    if (typeof record === "string") return this.other && this.openFirst(this.other, datagram, at)
    this.hasOpened = true
    return record
  }

  private openFirst({ layer }: OtherKeys, datagram: Uint8Array, at: Moment): RecordLayer.Opened | undefined {
    this.forgetExpired(at)
    if (this.other === undefined) return undefined
    const record = RecordLayer.open(layer, datagram)
    if (typeof record === "string") return undefined
    this.change()
    this.hasOpened = true
    return record
  }

  /**
   * Tells the machine what was heard.
   *
   * @param own of the frames of the record those about the conversation
   */
  heard(
    own: ReadonlyArray<SealedConversation.OwnFrame>,
    { advanced, isCurrent }: RecordLayer.Opened,
    at: Moment,
  ): void {
    const { state } = this
    const isNews = own.length > 0 || advanced || SealedConversation.awaitsRecord(state)
    if (isNews || state.phase === "Opening") this.on({ _tag: "Heard", frames: own, isCurrent, advanced, at })
    else this.state = SealedConversation.alive(state, at)
  }

  // Another call.

  /**
   * There are the keys of another call; those of one before it, if they are not in use yet, are forgotten.
   *
   * @param isCertain whether the other side has them, too
   */
  offer(keys: SealedConversation.Keys, isCertain: boolean, at: Moment): void {
    this.other = { keys, at, layer: RecordLayer.make(this.tools.primitives, Epoch.first(keys)) }
    if (isCertain || this.phase !== "Open" || this.isExpired(at)) this.change()
  }

  /** Keys that nobody was heard with grow old like all others. */
  private forgetExpired(at: Moment): void {
    if (this.other !== undefined && age(this.other.at, at) > Rekey.epochLimitMillis) this.other = undefined
  }

  /** The keys of the other call, if there are any, are in use from now on. */
  private change(): boolean {
    const { other } = this
    if (other === undefined) return false
    this.other = undefined
    this.layer = other.layer
    this.hasOpened = false
    this.owner.onKeys()
    this.on({ _tag: "Resumed", keys: other.keys, at: other.at })
    return true
  }
}
