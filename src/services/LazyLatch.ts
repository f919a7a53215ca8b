/**
 * A latch that is next to nothing until somebody waits for it: of what may become of a chat most is never waited for, and
 * there may be thousands of chats.
 */
import * as Effect from "effect/Effect"
import * as Latch from "effect/Latch"

export class LazyLatch {
  private isOpen: boolean
  /** Of those who wait now. */
  private latch: Latch.Latch | undefined

  constructor(isOpen: boolean) {
    this.isOpen = isOpen
  }

  /** Lets go on whoever waits, within this call. */
  openUnsafe(): void {
    const { latch } = this
    this.isOpen = true
    this.latch = undefined
    latch?.openUnsafe()
  }

  closeUnsafe(): void {
    this.isOpen = false
  }

  /** Waits until it is open. */
  get await(): Effect.Effect<void> {
    return Effect.suspend(() => (this.isOpen ? Effect.void : (this.latch ??= Latch.makeUnsafe(false)).await))
  }
}
