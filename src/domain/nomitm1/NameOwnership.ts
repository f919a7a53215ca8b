/**
 * Whose a name is at a server: the first key's that took it, until it is given up or has not been used for a year
 * (PROTOCOL.md, section 14.1). The decision alone; `services/NameStore` remembers.
 */
import type { PersonId } from "../identity/PersonId.ts"

/** How many names a key may own at a server. */
export const maxNamesOfKey = 8
/** How many names a server remembers in all. */
export const maxNames = 1_000_000
/** A name that was not used for so long is free again, in seconds. */
export const unusedSeconds = 365 * 86_400
/** How exactly it is remembered when a name was used, in seconds: not every use has to be written down. */
export const usedGrainSeconds = 86_400

/** What is known of a name. */
export interface Ownership {
  readonly id: PersonId
  /** The highest serial of a certificate that this key showed. */
  readonly serial: number
  /** When it was last used, in seconds since 1970; at most `usedGrainSeconds` before it really was. */
  readonly used: number
}

/**
 * What becomes of a claim: the name is new to this key (`Claimed`) or was its own already (`Owned`); or it is another
 * key's (`OwnedByOther`), the key has as many as it may (`TooMany`), or the server has (`Full`).
 */
export type Claim = "Claimed" | "Owned" | "OwnedByOther" | "TooMany" | "Full"

/** Names whose `used` lies before this are nobody's: it may be wrong by a grain, and nobody loses a name early. */
export const expiredBefore = (now: number): number => now - unusedSeconds - usedGrainSeconds

export const isExpired = ({ used }: Ownership, now: number): boolean => used < expiredBefore(now)

/**
 * @param owner who has the name, if anybody had it
 * @param names how many names the claiming key owns, and how many there are in all
 * @param now seconds since 1970
 */
export const claim = (
  owner: Ownership | undefined,
  id: PersonId,
  names: { readonly ofKey: number; readonly inAll: number },
  now: number,
): Claim => {
  if (owner !== undefined && !isExpired(owner, now)) return owner.id === id ? "Owned" : "OwnedByOther"
  if (names.ofKey >= maxNamesOfKey) return "TooMany"
  return owner === undefined && names.inAll >= maxNames ? "Full" : "Claimed"
}

/** What to remember of a name after it was used; the same object if nothing is new. */
export const used = (owner: Ownership, serial: number, now: number): Ownership =>
  serial > owner.serial || now - owner.used >= usedGrainSeconds
    ? { id: owner.id, serial: Math.max(serial, owner.serial), used: Math.max(now, owner.used) }
    : owner
