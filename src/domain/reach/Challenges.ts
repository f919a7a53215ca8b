/**
 * PATH_CHALLENGEs that wait for their answer: which eight bytes went by which path. Values.
 */
import * as Bytes from "../crypto/Bytes.ts"
import { pathDataBytes } from "../record/Frame.ts"
import * as Path from "./Path.ts"

/** How long an answer is awaited, in milliseconds. */
export const patienceMillis = 5000
/** So many are awaited at a time: all that a search sends in that time, and a little. */
export const maxChallenges = 3200

export interface Challenge {
  readonly path: Path.Path
  readonly data: Uint8Array
  /** When it was sent, in milliseconds. */
  readonly at: number
  /** Whether it went to an address that only a record came from. */
  readonly isStranger: boolean
}

/** The oldest first. */
export type Challenges = ReadonlyArray<Challenge>

export const none: Challenges = []

export const make = (
  randomBytes: (length: number) => Uint8Array,
  path: Path.Path,
  at: number,
  isStranger = false,
): Challenge => ({ path, data: randomBytes(pathDataBytes), at, isStranger })

/** Awaits some more; what has waited too long is forgotten. */
export const add = (challenges: Challenges, more: ReadonlyArray<Challenge>, now: number): Challenges => {
  const begin = challenges.findIndex(({ at }) => now - at < patienceMillis)
  const waiting = begin < 0 ? none : challenges.slice(Math.max(begin, challenges.length + more.length - maxChallenges))
  return [...waiting, ...more]
}

/** The challenge that these bytes are the answer to, by whatever path they came. */
export const answered = (challenges: Challenges, data: Uint8Array, now: number): Challenge | undefined =>
  challenges.findLast((it) => Bytes.equals(it.data, data) && now - it.at < patienceMillis)

/** All but those by a path. */
export const without = (challenges: Challenges, path: Path.Path): Challenges =>
  challenges.filter((it) => !Path.equals(it.path, path))

/** When a path was last asked. */
export const lastAt = (challenges: Challenges, path: Path.Path): number =>
  challenges.findLast((it) => Path.equals(it.path, path))?.at ?? -Infinity

/** How many strangers' addresses were asked lately and have not answered. */
export const strangers = (challenges: Challenges, now: number): number =>
  challenges.filter(({ isStranger, at }) => isStranger && now - at < patienceMillis).length
