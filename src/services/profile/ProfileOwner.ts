/**
 * Asks whoever has the profile to show or change what is in it: the `peer` that runs, over its socket
 * (`adapters/node/ProfileSocket`), or else this program, which opens it for a moment (`layer`).
 *
 * Neither keys nor recovery words can be asked for.
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as Invitation from "../../domain/call/Invitation.ts"
import { formatHostPort } from "../../domain/Endpoint.ts"
import * as Fingerprint from "../../domain/identity/Fingerprint.ts"
import * as PersonId from "../../domain/identity/PersonId.ts"
import { exitCodes, make as problem, type Problem } from "../../domain/Problem.ts"
import * as Contact from "../../domain/profile/Contact.ts"
import * as ContactBook from "../../domain/profile/ContactBook.ts"
import { Contacts } from "../../domain/profile/ContactFile.ts"
import * as InvitationBook from "../../domain/profile/InvitationBook.ts"
import { UsedName } from "../../domain/profile/ProfileState.ts"
import * as Seconds from "../../domain/profile/Seconds.ts"
import * as ServerAddress from "../../domain/ServerAddress.ts"
import { Cryptography } from "../Cryptography.ts"
import { Profile } from "./Profile.ts"
import type { ProfileError } from "./ProfileError.ts"

const tagged = <const Tag extends string, const Fields extends Schema.Struct.Fields>(tag: Tag, fields: Fields) =>
  Schema.Struct({ _tag: Schema.tag(tag), ...fields })

/** What a person types for a contact: a label or an id. */
const Who = Schema.String.check(Schema.isMaxLength(128))

export const Request = Schema.Union([
  tagged("Id", {}),
  tagged("Contacts", {}),
  tagged("Add", { label: Contact.Label, id: PersonId.PersonId, server: Contact.Server }),
  tagged("Rename", { who: Who, label: Contact.Label }),
  tagged("Forget", { who: Who }),
  /** `trusted`: the file is the person's own. */
  tagged("Import", { contacts: Contacts, trusted: Schema.Boolean }),
  /** `server`: an address as people pass it on. */
  tagged("Invite", {
    server: Schema.String.check(Schema.isMaxLength(ServerAddress.maxLength)),
    seconds: Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: InvitationBook.maxValidSeconds })),
  }),
])
export type Request = typeof Request.Type

const Labels = Schema.Array(Schema.String)

export const Answer = Schema.Union([
  tagged("Id", {
    id: PersonId.PersonId,
    fingerprint: Schema.String,
    names: Schema.Array(UsedName),
    home: Schema.String,
    isSealed: Schema.Boolean,
  }),
  tagged("Contacts", { contacts: Contacts }),
  /** The contact as it is now, or was. */
  tagged("Contact", { contact: Contact.Contact }),
  tagged("Imported", { added: Labels, kept: Labels, refused: Labels }),
  tagged("Invitation", { link: Schema.String, expiry: Seconds.Seconds }),
  tagged("Refused", {
    code: Schema.String,
    message: Schema.String,
    hint: Schema.String,
    exitCode: Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 255 })),
  }),
])
export type Answer = typeof Answer.Type

export class ProfileOwner extends Context.Service<
  ProfileOwner,
  {
    /** What can't be done is answered with `Refused`: what happened, and what to do. */
    readonly ask: (request: Request) => Effect.Effect<Answer>
  }
>()("nomitm/services/profile/ProfileOwner") {
  /** This program has the profile. */
  static readonly layer: Layer.Layer<ProfileOwner, never, Profile | Cryptography> = Layer.effect(
    ProfileOwner,
    Effect.gen(function* () {
      const context = yield* Effect.context<Profile | Cryptography>()
      return ProfileOwner.of({
        ask: (request) =>
          answer(request).pipe(
            Effect.catch((refusal) => Effect.succeed<Answer>({ _tag: "Refused", ...problemOf(refusal) })),
            Effect.provide(context),
          ),
      })
    }),
  )
}

type Refusal = ProfileError | ContactBook.Refusal | { readonly _tag: "Problem"; readonly problem: Problem }

const refuse = (code: string, message: string, hint: string, exitCode?: number): Refusal => ({
  _tag: "Problem",
  problem: problem(code, message, hint, exitCode),
})

const problemOf = (refusal: Refusal): Problem => {
  switch (refusal._tag) {
    case "ProfileError":
    case "Problem":
      return refusal.problem
    case "NoSuchContact":
      return problem("No_such_contact", `There is no contact ${refusal.about}.`, "nomitm contacts lists them.")
    case "AlreadyKnown":
      return problem(
        "Contact_exists",
        `This key is your contact ${refusal.about} already.`,
        "nomitm contacts rename gives it another label.",
      )
    case "LabelTaken":
      return problem(
        "Label_taken",
        `Another contact is called ${refusal.about}.`,
        `Choose another label. If ${refusal.about} has a new key: nomitm contacts forget ${refusal.about} first.`,
      )
    case "Full":
      return problem(
        "Too_many_contacts",
        `There are ${ContactBook.maxContacts} contacts already.`,
        "nomitm contacts forget makes room.",
      )
  }
}

const answer = (request: Request): Effect.Effect<Answer, Refusal, Profile | Cryptography> => {
  switch (request._tag) {
    case "Id":
      return identify
    case "Contacts":
      return Effect.flatMap(Profile, ({ contacts }) =>
        Effect.map(contacts, (book): Answer => ({ _tag: "Contacts", contacts: ContactBook.list(book) })),
      )
    case "Add":
      return add(request)
    case "Rename":
      return change((book) =>
        Result.flatMap(found(book, request.who), ({ id }) =>
          Result.map(ContactBook.rename(book, id, request.label), (next) => [next, id] as const),
        ),
      )
    case "Forget":
      return Effect.flatMap(Profile, (profile) =>
        profile.updateContacts((book) =>
          Result.flatMap(found(book, request.who), (contact) =>
            Result.map(ContactBook.forget(book, contact.id), (next): readonly [ContactBook.ContactBook, Answer] => [
              next,
              { _tag: "Contact", contact },
            ]),
          ),
        ),
      )
    case "Import":
      return Effect.flatMap(Profile, (profile) =>
        profile.updateContacts((before) => {
          // A file of somebody who knows us has us in it.
          const others = request.contacts.filter(({ id }) => id !== profile.id)
          const { book, ...merged } = ContactBook.merge(before, others, request.trusted)
          return Result.succeed<readonly [ContactBook.ContactBook, Answer]>([book, { _tag: "Imported", ...merged }])
        }),
      )
    case "Invite":
      return invite(request)
  }
}

const now = Effect.map(Clock.currentTimeMillis, Seconds.ofMillis)

const identify = Effect.gen(function* () {
  const { id, names, home, isSealed } = yield* Profile
  const { primitives } = yield* Cryptography
  const fingerprint = Fingerprint.of(primitives, id)
  return { _tag: "Id", id, fingerprint, names: yield* names, home, isSealed } satisfies Answer
})

const found = (book: ContactBook.ContactBook, who: string): Result.Result<Contact.Contact, ContactBook.Refusal> =>
  Result.fromOption(ContactBook.find(book, who), () => ({ _tag: "NoSuchContact", about: who }))

/** Changes one contact, and answers with it. */
const change = Effect.fnUntraced(function* (
  step: (
    book: ContactBook.ContactBook,
  ) => Result.Result<readonly [ContactBook.ContactBook, PersonId.PersonId], ContactBook.Refusal>,
) {
  const profile = yield* Profile
  return yield* profile.updateContacts((book) =>
    Result.map(step(book), ([next, id]): readonly [ContactBook.ContactBook, Answer] => [
      next,
      { _tag: "Contact", contact: Option.getOrThrow(ContactBook.get(next, id)) },
    ]),
  )
})

/** What a person pins is as good as an introduction: only `/verify`, or an invitation, says more. */
const add = Effect.fnUntraced(function* ({ label, id, server }: Extract<Request, { readonly _tag: "Add" }>) {
  const profile = yield* Profile
  if (id === profile.id) return yield* Effect.fail(refuse("Own_key", "This is your own key.", "Ask them for theirs."))
  const since = yield* now
  const contact: Contact.Contact = { id, label, name: label, server, trust: "introduced", since, serial: 0 }
  return yield* change((book) => Result.map(ContactBook.add(book, contact), (next) => [next, id] as const))
})

const invite = Effect.fnUntraced(function* ({ server, seconds }: Extract<Request, { readonly _tag: "Invite" }>) {
  const profile = yield* Profile
  const { primitives, randomBytes } = yield* Cryptography
  const address = Result.getOrUndefined(ServerAddress.parse(server))
  if (address === undefined) {
    return yield* Effect.fail(
      refuse(
        "No_address",
        "That is no address of a server.",
        "Give the one it prints when it starts: nomitm://HOST:PORT#PIN.",
        exitCodes.usage,
      ),
    )
  }
  const { host, port, pins } = address
  const from = yield* now
  const expiry = from + seconds
  const secret = randomBytes(Invitation.secretBytes)
  const invitation = {
    inviteId: Invitation.inviteId(primitives, secret),
    psk: Invitation.psk(primitives, secret),
    server: formatHostPort(host, port),
    expiry,
  }
  yield* profile
    .updateInvitations((book) =>
      Result.map(InvitationBook.issue(book, invitation, from), (next) => [next, undefined] as const),
    )
    .pipe(
      Effect.catchIf(
        (error): error is InvitationBook.Refusal => typeof error === "string",
        () =>
          Effect.fail(
            refuse(
              "Too_many_invitations",
              `There are ${InvitationBook.maxInvitations} open invitations already.`,
              "Wait until some have expired.",
            ),
          ),
      ),
    )
  const link = Invitation.format({ host, port, serverKey: pins[0], id: profile.id, secret, expiry })
  return { _tag: "Invitation", link, expiry } satisfies Answer
})
