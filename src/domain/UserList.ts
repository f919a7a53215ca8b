/**
 * The list of who is online, as it comes line by line: bounded, and cheap to go on with.
 */
import * as Username from "./Username.ts"

/** How many names a list may have; more are left out. */
export const maxUsers = 100_000

/** The last name, and those before it. */
interface Names {
  readonly name: Username.Username
  readonly before: Names | undefined
  readonly count: number
}

export interface UserList {
  /** It was asked for: otherwise its lines are passed over. */
  readonly isAnswer: boolean
  readonly names: Names | undefined
}

export const begin = (isAnswer: boolean): UserList => ({ isAnswer, names: undefined })

/** One more name. What is none, and the own one, is left out. */
export const add = (list: UserList, name: string, self: Username.Username): UserList => {
  const count = (list.names?.count ?? 0) + 1
  const isLeftOut = !list.isAnswer || name === self || count > maxUsers || !Username.isUsername(name)
  return isLeftOut ? list : { ...list, names: { name, before: list.names, count } }
}

/** The names in the order in which they came. */
export const names = (list: UserList): ReadonlyArray<Username.Username> => {
  const names: Array<Username.Username> = []
  for (let last = list.names; last !== undefined; last = last.before) names.push(last.name)
  return names.toReversed()
}
