/**
 * The invitations that were given out (PROTOCOL.md, section 15.1): each brings one person, once, until it expires.
 *
 * A used one stays known as used until it expires, and its secret is gone at once. There is no way back.
 */
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as Bytes from "../crypto/Bytes.ts"
import { keyBytes } from "../crypto/Primitives.ts"
import { PersonId } from "../identity/PersonId.ts"
import { Server } from "./Contact.ts"
import { Seconds } from "./Seconds.ts"
import * as VersionedJson from "./VersionedJson.ts"

/** How many invitations may be open at a time. */
export const maxInvitations = 1_000
export const inviteIdBytes = 16
/** How long an invitation may be good for, in seconds: 400 days. */
export const maxValidSeconds = 400 * 86_400

const base64 = (length: number) =>
  Schema.String.check(
    Schema.makeFilter(
      (text: string) => Bytes.fromBase64Url(text)?.length === length || `not ${length} bytes in base64url`,
    ),
  )

export const Invitation = Schema.Struct({
  /** 16 bytes in base64url: what the guest shows. */
  inviteId: base64(inviteIdBytes),
  /** Where the guest is to come. */
  server: Server,
  /** Until when it is good. */
  expiry: Seconds,
  state: Schema.Union([
    /** The handshake's psk, 32 bytes in base64url. */
    Schema.Struct({ open: Schema.Struct({ psk: base64(keyBytes) }) }),
    Schema.Struct({ used: Schema.Struct({ by: PersonId, at: Seconds }) }),
  ]),
})
export type Invitation = typeof Invitation.Type

export interface InvitationBook {
  readonly byId: ReadonlyMap<string, Invitation>
}

export const empty: InvitationBook = { byId: new Map() }

export const size = (book: InvitationBook): number => book.byId.size

/** In the order in which they were issued. */
export const list = (book: InvitationBook): ReadonlyArray<Invitation> => [...book.byId.values()]

/** Without those that have expired. */
export const prune = (book: InvitationBook, now: Seconds): InvitationBook => ({
  byId: new Map([...book.byId].filter(([, { expiry }]) => expiry > now)),
})

/** Why an invitation can't be used, or given out. */
export type Refusal = "Unknown" | "Used" | "Expired" | "Full"

/** Takes a new one in. Expired ones go, and used ones where there is no room. */
export const issue = (
  book: InvitationBook,
  invitation: {
    readonly inviteId: Uint8Array
    readonly psk: Uint8Array
    readonly server: string
    readonly expiry: Seconds
  },
  now: Seconds,
): Result.Result<InvitationBook, Refusal> => {
  const { server, expiry } = invitation
  if (expiry <= now || expiry > now + maxValidSeconds) return Result.fail("Expired")
  const byId = new Map(prune(book, now).byId)
  if (byId.size >= maxInvitations) for (const [id, { state }] of byId) if ("used" in state) byId.delete(id)
  if (byId.size >= maxInvitations) return Result.fail("Full")
  const inviteId = Bytes.toBase64Url(invitation.inviteId)
  return Result.succeed({
    byId: byId.set(inviteId, { inviteId, server, expiry, state: { open: { psk: Bytes.toBase64Url(invitation.psk) } } }),
  })
}

const openOne = (
  book: InvitationBook,
  inviteId: Uint8Array,
  now: Seconds,
): Result.Result<Invitation & { readonly state: { readonly open: { readonly psk: string } } }, Refusal> => {
  const invitation = book.byId.get(Bytes.toBase64Url(inviteId))
  if (invitation === undefined) return Result.fail("Unknown")
  if (invitation.expiry <= now) return Result.fail("Expired")
  const { state } = invitation
  return "open" in state ? Result.succeed({ ...invitation, state }) : Result.fail("Used")
}

/** The psk, 32 bytes, of an invitation that is good at this moment. */
export const psk = (book: InvitationBook, inviteId: Uint8Array, now: Seconds): Result.Result<Uint8Array, Refusal> =>
  Result.flatMap(openOne(book, inviteId, now), ({ state }) =>
    Result.fromNullishOr(Bytes.fromBase64Url(state.open.psk), (): Refusal => "Unknown"),
  )

/** Uses an invitation up: of two who come with it, the first. */
export const use = (
  book: InvitationBook,
  { inviteId, by, now }: { readonly inviteId: Uint8Array; readonly by: PersonId; readonly now: Seconds },
): Result.Result<InvitationBook, Refusal> =>
  Result.map(openOne(book, inviteId, now), (invitation) => ({
    byId: new Map(book.byId).set(invitation.inviteId, { ...invitation, state: { used: { by, at: now } } }),
  }))

/** The longest text, in bytes: so many, each with the longest server there is. */
export const maxBytes = 1024 * 1024

const Content = Schema.Struct({
  invitations: Schema.Array(Invitation).check(
    Schema.makeFilter(
      (invitations: ReadonlyArray<Invitation>) =>
        (invitations.length <= maxInvitations &&
          new Set(invitations.map(({ inviteId }) => inviteId)).size === invitations.length) ||
        "too many invitations, or one twice",
    ),
  ),
})

const text = VersionedJson.make("invitations", Content, maxBytes)

export const encode = (book: InvitationBook): string => text.encode({ invitations: list(book) })

export const decode = (encoded: string): Result.Result<InvitationBook, VersionedJson.Unreadable> =>
  Result.map(text.decode(encoded), ({ invitations }) => ({
    byId: new Map(invitations.map((invitation) => [invitation.inviteId, invitation])),
  }))
