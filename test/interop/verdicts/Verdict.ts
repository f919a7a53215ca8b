/**
 * What is expected of this program where a recording is played against it: what the original did, or something else
 * because of what the notes that came with the recordings say (`recordings/SPEC.md`).
 */
import { assert } from "@effect/vitest"
import type { Transcript } from "../Recording.ts"

export type Section = `SPEC section ${number}` | `SPEC section ${number}.${number}`

export type Verdict =
  | "same bytes"
  | {
      readonly differs: Section
      readonly because: string
      /** What is said then. Whoever is not listed says what the original said. */
      readonly expected: Transcript
    }

export type Verdicts = Readonly<Record<string, Verdict>>

export const differs = (section: Section, because: string, expected: Transcript): Verdict => ({
  differs: section,
  because,
  expected,
})

/** The name of a test. */
export const title = (id: string, verdict: Verdict): string =>
  `${id}: ${verdict === "same bytes" ? verdict : `differs because of ${verdict.differs}`}`

/**
 * Compares what was said with what the verdict says of it.
 *
 * @param recorded what the original said
 */
export const check = (verdict: Verdict, recorded: Transcript, said: Transcript): void => {
  const expected = verdict === "same bytes" ? recorded : { ...recorded, ...verdict.expected }
  // Who never came to word has said nothing.
  const silence = Object.fromEntries(Object.keys(expected).map((who) => [who, []]))
  const all = { ...silence, ...said }
  if (verdict === "same bytes") return assert.deepStrictEqual(all, expected)
  assert.deepStrictEqual(all, expected, `${verdict.differs}: ${verdict.because}`)
  assert.notDeepEqual(all, recorded, "These are the bytes of the original: they are listed as different.")
}
