/**
 * What a profile has to remember of itself: which certificate is its own, which names it used, and how often its books
 * were written. The last tells an old copy of a book from the book: each book carries the number of its writing, and this
 * one is written after it, so that after a crash the book may be one ahead, and never behind.
 */
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as Username from "../Username.ts"
import { Server } from "./Contact.ts"
import { Seconds } from "./Seconds.ts"
import * as VersionedJson from "./VersionedJson.ts"

/** How many names are remembered. */
export const maxNames = 64

/** A name at a server, and when it was used last. */
export const UsedName = Schema.Struct({ name: Username.Username, server: Server, at: Seconds })
export type UsedName = typeof UsedName.Type

const Generation = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 2 ** 48 }))

export const ProfileState = Schema.Struct({
  /** Serial of the certificate in use. */
  serial: Seconds,
  /** How often each book was written. */
  contacts: Generation,
  invitations: Generation,
  /** The one used last comes first. */
  names: Schema.Array(UsedName).check(Schema.isMaxLength(maxNames)),
})
export type ProfileState = typeof ProfileState.Type

export const maxBytes = 64 * 1024
export const { decode, encode } = VersionedJson.make("state", ProfileState, maxBytes)

/** What is sealed in front of a book: the number of its writing. */
export const generationBytes = 8

/** A name was used. */
export const used = (state: ProfileState, name: UsedName): ProfileState => ({
  ...state,
  names: [name, ...state.names.filter((old) => old.name !== name.name || old.server !== name.server)].slice(
    0,
    maxNames,
  ),
})

/** Whether a book of generation `book` is the current one, where `known` is the last that is known of. */
export const isCurrent = (known: number, book: number): Result.Result<void, "RolledBack"> =>
  book === known || book === known + 1 ? Result.void : Result.fail("RolledBack")

/** Of a profile that has done nothing yet but make a certificate. */
export const initial = (serial: Seconds): ProfileState => ({ serial, contacts: 0, invitations: 0, names: [] })
