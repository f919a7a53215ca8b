/**
 * The people whom one peer meets at one server: what they are called here, how far they are known, and what is kept of
 * them. A contact is called by its label, whatever it or the server calls it.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import type * as Calls from "../../domain/call/Calls.ts"
import type { ChatKeys } from "../../domain/call/ChatKeys.ts"
import * as Fingerprint from "../../domain/identity/Fingerprint.ts"
import * as PersonId from "../../domain/identity/PersonId.ts"
import * as Who from "../../domain/nomitm1/Who.ts"
import * as PersonName from "../../domain/PersonName.ts"
import * as ContactBook from "../../domain/profile/ContactBook.ts"
import * as InvitationBook from "../../domain/profile/InvitationBook.ts"
import * as Trust from "../../domain/profile/Trust.ts"
import { Cryptography } from "../Cryptography.ts"
import * as PeerErrors from "./PeerErrors.ts"
import type { PeerReport } from "./PeerReport.ts"
import { Profile } from "../profile/Profile.ts"

/** Whose calls are taken: everybody's when the person says yes, or without asking from some of them and from no other. */
export type Policy = "ask" | "contacts" | "invited" | "anyone"

/** What somebody is called of whom no name is known. */
const nobodysName = "somebody" as PersonName.PersonName

/** Somebody who is to be called. */
export interface Target {
  readonly who: Who.Who
  /** Whose key it must be, where that is known. */
  readonly expected: PersonId.PersonId | undefined
  readonly label: string
  readonly trust: Trust.Trust
}

export interface Acquaintances {
  readonly fingerprint: (id: PersonId.PersonId) => string
  readonly trust: (id: PersonId.PersonId) => Trust.Trust
  /** What somebody is called: a contact's label; the name, if the server says it is theirs; otherwise the fingerprint. */
  readonly label: (id: PersonId.PersonId, name: string, isVouchedFor: boolean) => string
  /** Whom a person means who types this; none if it is neither a name nor an id. */
  readonly target: (typed: string) => Target | undefined
  /** A contact for whom this stranger could be taken. */
  readonly mistakenFor: (id: PersonId.PersonId, name: string) => Option.Option<string>
  /**
   * @param isFree whether a call that is taken without asking can be taken now
   * @param mayRing whether a person can be asked now; as `isFree` without it
   */
  readonly knowledge: (
    policy: Policy,
    isFree: () => boolean,
    mayRing?: () => boolean,
  ) => Pick<Calls.Config, "admits" | "pskOf" | "highestSerial" | "pinned">
  readonly useUpInvitation: (inviteId: Uint8Array, by: PersonId.PersonId) => Effect.Effect<boolean>
  /**
   * Keeps what a chat that was agreed on, or a comparison, has shown of somebody. A name that only they themselves say
   * is theirs is kept as theirs nowhere, nor is it what they are called here: it may be somebody else's.
   */
  readonly learn: (peer: ChatKeys["peer"], event: Trust.Event, isVouchedFor: boolean) => Effect.Effect<void>
}

/** @param server where the names mean something, as `host:port`; empty if there is none */
export const make = Effect.fnUntraced(function* (server: string, report: PeerReport) {
  const profile = yield* Profile
  const { primitives } = yield* Cryptography
  const clock = yield* Clock.Clock
  const seconds = (): number => Math.floor(clock.currentTimeMillisUnsafe() / 1000)
  // Both only look at what is in memory: a call that comes in can't wait for them.
  const look = Effect.runSyncWith(yield* Effect.context<never>())
  const contacts = (): ContactBook.ContactBook => look(profile.contacts)
  const invitations = (): InvitationBook.InvitationBook => look(profile.invitations)

  const contact = (id: PersonId.PersonId) => ContactBook.get(contacts(), id)
  const fingerprint = (id: PersonId.PersonId): string => Fingerprint.of(primitives, id)
  const trust = (id: PersonId.PersonId): Trust.Trust =>
    Option.match(contact(id), { onNone: () => "unknown", onSome: ({ trust }) => trust })

  const target = (typed: string): Target | undefined => {
    const known = ContactBook.find(contacts(), typed)
    if (Option.isSome(known)) {
      const { id, label, name, trust } = known.value
      // By the name they had here: if somebody else has it now, that is to be noticed.
      const who = known.value.server === server && PersonName.isPersonName(name) ? Who.byName(name) : Who.byId(id)
      return { who, expected: id, label, trust }
    }
    const word = PersonId.isPersonId(typed) ? typed : PersonName.fold(typed)
    const who = Who.decode(word)
    if (who === undefined) return undefined
    return who._tag === "Id"
      ? { who, expected: who.id, label: fingerprint(who.id), trust: trust(who.id) }
      : { who, expected: undefined, label: who.name, trust: "unknown" }
  }

  /** Somebody who is a contact, and has not been denied. */
  const isKnown = (id: PersonId.PersonId): boolean => Trust.isAtLeast(trust(id), "introduced")

  const admits =
    (policy: Policy, isFree: () => boolean, mayRing: () => boolean): Calls.Config["admits"] =>
    ({ id, invited }) => {
      if (policy === "ask") return mayRing() ? "Ring" : "Refuse"
      if (!isFree()) return "Refuse"
      switch (policy) {
        case "anyone":
          return "Accept"
        case "invited":
          return invited || isKnown(id) ? "Accept" : "Refuse"
        case "contacts":
          return isKnown(id) ? "Accept" : "Refuse"
      }
    }

  return {
    fingerprint,
    trust,
    label: (id, name, isVouchedFor) =>
      Option.match(contact(id), {
        onNone: () => (isVouchedFor ? name : fingerprint(id)),
        onSome: ({ label }) => label,
      }),
    target,
    mistakenFor: (id, name) =>
      Option.isSome(contact(id))
        ? Option.none()
        : Option.map(ContactBook.lookalike(contacts(), name, id), ({ label }) => label),
    knowledge: (policy, isFree, mayRing = isFree) => ({
      admits: admits(policy, isFree, mayRing),
      pskOf: (inviteId) => Result.getOrUndefined(InvitationBook.psk(invitations(), inviteId, seconds())),
      highestSerial: (id) => Option.getOrUndefined(Option.map(contact(id), ({ serial }) => serial)),
      pinned: (name) => Option.getOrUndefined(Option.map(ContactBook.named(contacts(), server, name), ({ id }) => id)),
    }),
    useUpInvitation: (inviteId, by) =>
      profile
        .updateInvitations((book) =>
          Result.map(InvitationBook.use(book, { inviteId, by, now: seconds() }), (used) => [used, true] as const),
        )
        .pipe(
          Effect.catch((error) =>
            typeof error === "string" ? Effect.succeed(false) : Effect.as(report.problem(error.problem), false),
          ),
        ),
    learn: (peer, event, isVouchedFor) => {
      const { id, name, certificate } = peer
      const sighting = {
        id,
        name: isVouchedFor || server === "" ? name : nobodysName,
        server: isVouchedFor ? server : "",
        serial: certificate.serial,
        event,
        now: seconds(),
      }
      return profile
        .updateContacts((book) => ContactBook.met(book, sighting))
        .pipe(
          Effect.asVoid,
          Effect.catch((error) => report.problem("problem" in error ? error.problem : PeerErrors.contactsFull)),
        )
    },
  } satisfies Acquaintances
})
