/**
 * What to tell somebody when something goes wrong: a code word for programs, what happened and what to do next for
 * people, an exit code for scripts.
 */
import * as ErrorCode from "./ErrorCode.ts"
import type { PeerEvent } from "./PeerEvent.ts"

/** The exit codes of the command. */
export const exitCodes = { ok: 0, failure: 1, usage: 2, unreachable: 3, authentication: 4, interrupted: 130 } as const

export interface Problem {
  readonly code: string
  readonly message: string
  readonly hint: string
  /** What a script sees at the end, if nothing worse comes after. */
  readonly exitCode: number
}

export const make = (code: string, message: string, hint: string, exitCode: number = exitCodes.failure): Problem => ({
  code,
  message,
  hint,
  exitCode,
})

/** What a code word of an ERROR line means. */
export const fromCode = (code: string): Problem => {
  const { message, hint } = ErrorCode.explain(code)
  return make(code, message, hint)
}

export const toEvent = ({ code, message, hint }: Problem): PeerEvent => ({ event: "error", code, message, hint })
