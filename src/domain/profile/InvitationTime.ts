/** How long an invitation is good for, as a person types it: `90s`, `30m`, `24h`, `7d`. */
import * as Option from "effect/Option"
import { maxValidSeconds } from "./InvitationBook.ts"

const unitSeconds: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400 }

/** In seconds: 1 to 400 days. */
export const parse = (text: string): Option.Option<number> => {
  const [, count, unit = ""] = /^([0-9]{1,8})([smhd])$/.exec(text) ?? []
  const seconds = Number(count) * (unitSeconds[unit] ?? 0)
  return seconds >= 1 && seconds <= maxValidSeconds ? Option.some(seconds) : Option.none()
}
