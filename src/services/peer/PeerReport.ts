/**
 * What a peer tells: to its screen as it happens, and to a script at the end, by the exit code.
 */
import * as Effect from "effect/Effect"
import type { Ending } from "../../domain/Conversation.ts"
import type { PeerEvent } from "../../domain/PeerEvent.ts"
import * as Problem from "../../domain/Problem.ts"
import * as PeerErrors from "./PeerErrors.ts"
import type { Screen } from "../Screen.ts"

export interface PeerReport {
  readonly show: (event: PeerEvent) => Effect.Effect<void>
  /** Shows what went wrong; it is the exit code, if nothing worse comes after. */
  readonly problem: (problem: Problem.Problem) => Effect.Effect<void>
  /** Shows a text that may not have arrived, when the chat is over: a failure of what a script was to do. */
  readonly failed: (
    peer: string,
    text: { readonly id: number; readonly text: string },
    reason: Ending,
  ) => Effect.Effect<void>
  /** Shows how a chat ended: a failure, unless somebody wanted it. */
  readonly closed: (closed: Extract<PeerEvent, { readonly event: "closed" }>) => Effect.Effect<void>
  /** The last thing that went wrong, or that somebody was not who they should be; 0 if nothing did. */
  readonly exitCode: () => number
}

export const make = (screen: Screen["Service"]): PeerReport => {
  let exitCode: number = Problem.exitCodes.ok
  /** What follows from a wrong key, such as a text that was not sent, must not hide it from a script. */
  const note = (code: number): void => {
    if (code !== Problem.exitCodes.ok && exitCode !== Problem.exitCodes.authentication) exitCode = code
  }
  return {
    show: screen.show,
    problem: (problem) =>
      Effect.suspend(() => {
        note(problem.exitCode)
        return screen.show(Problem.toEvent(problem))
      }),
    failed: (peer, { id, text }, reason) =>
      Effect.suspend(() => {
        note(Problem.exitCodes.failure)
        return screen.show({ event: "failed", peer, id, reason, text })
      }),
    closed: (closed) =>
      Effect.suspend(() => {
        note(PeerErrors.exitCodeOf(closed.reason))
        return screen.show(closed)
      }),
    exitCode: () => exitCode,
  }
}
