/**
 * The records of one chat: seals and opens them with the keys of the call that it runs on, and knows those of another call
 * while it is not certain that the other side has them.
 *
 * What keys there are, and when they are too old, is the affair of whoever runs the chat (`LiveChat`).
 */
import type { Primitives } from "../../domain/crypto/Primitives.ts"
import * as Epoch from "../../domain/record/Epoch.ts"
import type * as Frame from "../../domain/record/Frame.ts"
import type { Moment } from "../../domain/record/Moment.ts"
import * as RecordLayer from "../../domain/record/RecordLayer.ts"
import type { Keys } from "../../domain/record/SealedConversation.ts"

/** The keys of another call, and since when they are there. */
export interface OtherKeys {
  readonly keys: Keys
  readonly at: Moment
}

type Ciphers = Pick<Primitives, "recordCipher">

export class ChatRecords {
  private layer: RecordLayer.RecordLayer
  private other: (OtherKeys & { readonly layer: RecordLayer.RecordLayer }) | undefined
  private hasOpened = false

  constructor(ciphers: Ciphers, keys: Keys) {
    this.layer = RecordLayer.make(ciphers, Epoch.first(keys))
  }

  /** The epoch and the counter of the record that is sealed next. */
  get next(): ReturnType<typeof RecordLayer.next> {
    return RecordLayer.next(this.layer)
  }

  /** How many counters of the running epoch are used, in the direction that has used more. */
  get used(): number {
    return RecordLayer.used(this.layer)
  }

  /** One record; none if the frames don't fit, or the epoch has no counter left. */
  seal(frames: ReadonlyArray<Frame.Frame>): Uint8Array | undefined {
    return RecordLayer.seal(this.layer, frames)
  }

  /** As few records as the frames fit into. */
  sealAll(frames: ReadonlyArray<Frame.Frame>, emit: (datagram: Uint8Array) => void): void {
    RecordLayer.sealAll(this.layer, frames, emit)
  }

  /** A record of the keys in use; none if it is dropped. */
  open(datagram: Uint8Array): RecordLayer.Opened | undefined {
    const record = RecordLayer.open(this.layer, datagram)
    if (typeof record === "string") return undefined
    this.hasOpened = true
    return record
  }

  /** Whether the other side was heard with the keys of the last call: then it has them. */
  get isHeard(): boolean {
    return this.hasOpened && this.other === undefined
  }

  adopt(epoch: Epoch.Epoch): void {
    RecordLayer.adopt(this.layer, epoch)
  }

  prepare(epoch: Epoch.Epoch): void {
    RecordLayer.prepare(this.layer, epoch)
  }

  forgetPrevious(): void {
    RecordLayer.forgetPrevious(this.layer)
  }

  // Another call.

  /** There are the keys of another call; those of one before it, if they are not in use yet, are forgotten. */
  offer(ciphers: Ciphers, keys: Keys, at: Moment): void {
    this.other = { keys, at, layer: RecordLayer.make(ciphers, Epoch.first(keys)) }
  }

  /** The keys of the other call, if there are any, are in use from now on. */
  change(): OtherKeys | undefined {
    const { other } = this
    if (other === undefined) return undefined
    this.other = undefined
    this.layer = other.layer
    this.hasOpened = false
    return other
  }

  /** The same if this is a record of that call: the other side has its keys. `onChange` comes before it is handed out. */
  openOther(datagram: Uint8Array, onChange: () => void): RecordLayer.Opened | undefined {
    const record = this.other && RecordLayer.open(this.other.layer, datagram)
    if (record === undefined || typeof record === "string") return undefined
    onChange()
    this.hasOpened = true
    return record
  }
}
