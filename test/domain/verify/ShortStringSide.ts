/** One side of verifying by voice, event by event. */
import type { SasFrame } from "../../../src/domain/record/Frame.ts"
import * as ShortString from "../../../src/domain/verify/ShortString.ts"
import { bytesOf, primitives } from "../crypto/primitives.ts"

export class ShortStringSide {
  state: ShortString.State
  /** What it has drawn so far, in order. */
  readonly drawn: Array<Uint8Array> = []
  private readonly luck: string

  constructor(isInitiator: boolean, luck: string, other: { readonly h?: Uint8Array; readonly sas?: Uint8Array } = {}) {
    this.luck = luck
    this.state = ShortString.initial({ isInitiator, h: bytesOf("h", 32), sas: bytesOf("sas", 32), ...other })
  }

  start = (now: number) => this.on({ _tag: "Start", now })
  hears = (frame: SasFrame, now: number) => this.on({ _tag: "Heard", frame, now })
  due = (now: number) => this.on({ _tag: "Due", now })

  resumes = (): ReadonlyArray<ShortString.Action> => {
    const [next, actions] = ShortString.resumed(this.state, { ...this.state.config, h: bytesOf("another h", 32) })
    this.state = next
    return actions
  }

  private on(event: ShortString.Event): ReadonlyArray<ShortString.Action> {
    const randomBytes = (length: number): Uint8Array => {
      const bytes = bytesOf(`${this.luck} ${this.drawn.length}`, length)
      this.drawn.push(bytes)
      return bytes
    }
    const [next, actions] = ShortString.step({ primitives, randomBytes }, this.state, event)
    this.state = next
    return actions
  }
}

/** What is sent. */
export const framesOf = (actions: ReadonlyArray<ShortString.Action>): ReadonlyArray<SasFrame> =>
  actions.flatMap((action) => (action._tag === "Send" ? [action.frame as SasFrame] : []))

/** Actions in a word or two. */
export const shown = (actions: ReadonlyArray<ShortString.Action>): ReadonlyArray<string> =>
  actions.map((action) => {
    switch (action._tag) {
      case "Send":
        return "run" in action.frame ? `${action.frame._tag} ${action.frame.run}` : action.frame._tag
      case "Failed":
        return `failed ${action.why}`
      case "Ready":
      case "GiveUpChat":
        return action._tag
    }
  })
