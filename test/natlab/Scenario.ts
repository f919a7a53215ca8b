/**
 * What happens in one laboratory: who sits behind what, what befalls them, and where their chat may end.
 */
import type { Laboratory } from "./Laboratory.ts"
import type { Person, Talk } from "./Talk.ts"

export type PathKind = "lan" | "direct" | "mapped" | "relay"

/** Which targets of time are a scenario's. */
export type Group =
  | "no symmetric side"
  | "one symmetric side"
  | "two symmetric sides"
  | "UDP blocked"
  | "special places"
  | "something happens"

/** A scenario that runs, handed to what befalls it. */
export interface Stage {
  readonly laboratory: Laboratory
  readonly talk: Talk
  readonly alice: Person
  readonly bob: Person
  /** How long to be patient at most, in milliseconds. */
  readonly patience: number
  /** Waits until both are on a path of these kinds; what is wrong if they do not come there. */
  readonly settleOn: (kinds: ReadonlyArray<PathKind>, withinMillis: number) => Promise<void>
  /** Notes that something is not as it should be. */
  readonly fail: (problem: string) => void
  /** Milliseconds until both heard again something that was said after the path died. */
  readonly noteFailover: (millis: number) => void
}

export interface Scenario {
  readonly name: string
  readonly group: Group
  /** In `natlab.py`'s words, without delays. */
  readonly sites: ReadonlyArray<string>
  /** The hosts they sit at; `a` and `b` unless it says something else. */
  readonly hosts?: readonly [alice: string, bob: string]
  /** The paths on which the chat may end. One that is not the relay must be found if the relay is not among them. */
  readonly paths: ReadonlyArray<PathKind>
  /** One of the two at least must end on a path of this kind. */
  readonly needs?: PathKind
  /** How the address of the path must begin. */
  readonly address?: string
  /** What befalls them, once the chat is where it belongs. */
  readonly during?: (stage: Stage) => Promise<void>
}
