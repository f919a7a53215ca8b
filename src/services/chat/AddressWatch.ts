/**
 * Looks whether this machine has other addresses than before, for all chats at a time and only while there are any.
 *
 * Nothing else tells of it: a program that waits for a datagram does not learn that its network has gone.
 */
import * as Effect from "effect/Effect"
import type { DueTimers, Sleeper } from "./DueTimers.ts"
import type { PeerTransport } from "../PeerTransport.ts"

/** How often it is looked, in milliseconds. */
export const pauseMillis = 5000

export interface Watcher {
  /** These are the addresses now, whether they are others or not. */
  readonly addressesAre: (addresses: ReadonlyArray<string>) => void
}

export interface Tools {
  readonly addresses: PeerTransport["Service"]["addresses"]
  readonly timers: DueTimers
  readonly now: () => number
  readonly fork: (effect: Effect.Effect<void>) => void
}

export class AddressWatch implements Sleeper {
  wakesAt = Infinity
  place = -1
  private lookAt = Infinity
  private readonly watchers = new Set<Watcher>()
  private readonly tools: Tools

  constructor(tools: Tools) {
    this.tools = tools
  }

  add(watcher: Watcher): void {
    this.watchers.add(watcher)
    if (this.watchers.size > 1) return
    this.lookAt = this.tools.now() + pauseMillis
    this.tools.timers.add(this)
  }

  remove(watcher: Watcher): void {
    if (this.watchers.delete(watcher) && this.watchers.size === 0) this.tools.timers.remove(this)
  }

  dueAt(): number {
    return this.lookAt
  }

  due(): void {
    this.lookAt = Infinity
    this.tools.fork(
      Effect.map(this.tools.addresses, (addresses) => {
        for (const watcher of this.watchers) watcher.addressesAre(addresses)
        this.lookAt = this.tools.now() + pauseMillis
        this.tools.timers.moved(this)
      }),
    )
  }
}
