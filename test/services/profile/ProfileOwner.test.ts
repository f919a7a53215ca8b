import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Result } from "effect"
import { TestClock } from "effect/testing"
import * as NodeCryptography from "nomitm/adapters/node/NodeCryptography"
import * as Invitation from "../../../src/domain/call/Invitation.ts"
import type { Contact, Label } from "../../../src/domain/profile/Contact.ts"
import * as InvitationBook from "../../../src/domain/profile/InvitationBook.ts"
import * as ServerAddress from "../../../src/domain/ServerAddress.ts"
import type { Username } from "../../../src/domain/Username.ts"
import { Profile } from "../../../src/services/profile/Profile.ts"
import { type Answer, ProfileOwner } from "../../../src/services/profile/ProfileOwner.ts"
import { bytesOf, primitives } from "../../domain/crypto/primitives.ts"
import { person } from "../../domain/profile/arbitraries.ts"

const owner = ProfileOwner.layer.pipe(
  Layer.provideMerge(Profile.layerMemory({ seed: bytesOf("seed", 32) })),
  Layer.provide(NodeCryptography.layer),
)

const contact = (who: string, id = person(who)): Contact => ({
  id,
  label: who as Label,
  name: who as Username,
  server: "",
  trust: "verified",
  since: 1,
  serial: 1,
})

const code = (answer: Answer) => (answer._tag === "Refused" ? answer.code : answer._tag)

describe("whoever has a profile", () => {
  it.effect("makes an invitation that the link opens, for as long as was said", () =>
    Effect.gen(function* () {
      const { ask } = yield* ProfileOwner
      const profile = yield* Profile
      yield* TestClock.adjust("1000 seconds")
      const serverKey = bytesOf("server", 32)
      const server = ServerAddress.format({ host: "chat.example", port: 7000, pins: [serverKey] })
      const answer = yield* ask({ _tag: "Invite", server, seconds: 60 })
      if (answer._tag !== "Invitation") return assert.fail(code(answer))
      assert.strictEqual(answer.expiry, 1060)
      const { secret, ...link } = Result.getOrThrow(Invitation.parse(answer.link))
      assert.deepEqual(link, { host: "chat.example", port: 7000, serverKey, id: profile.id, expiry: 1060 })
      const inviteId = Invitation.inviteId(primitives, secret)
      const psk = (now: number) => Effect.map(profile.invitations, (book) => InvitationBook.psk(book, inviteId, now))
      assert.deepEqual(yield* psk(1059), Result.succeed(Invitation.psk(primitives, secret)))
      assert.isTrue(Result.isFailure(yield* psk(1060)))
    }).pipe(Effect.provide(owner)),
  )

  it.effect("makes 1,000 invitations and no more, until some are over", () =>
    Effect.gen(function* () {
      const { ask } = yield* ProfileOwner
      const invite = ask({ _tag: "Invite", server: "a", seconds: 60 })
      yield* Effect.repeat(invite, { times: InvitationBook.maxInvitations - 1 })
      assert.strictEqual(code(yield* invite), "Too_many_invitations")
      yield* TestClock.adjust("61 seconds")
      assert.strictEqual(code(yield* invite), "Invitation")
      assert.strictEqual(code(yield* ask({ _tag: "Invite", server: "a b", seconds: 60 })), "No_address")
    }).pipe(Effect.provide(owner)),
  )

  it.effect("is no contact of its own, neither added nor in a file", () =>
    Effect.gen(function* () {
      const { ask } = yield* ProfileOwner
      const { id } = yield* Profile
      assert.strictEqual(code(yield* ask({ _tag: "Add", label: "me" as Label, id, server: "" })), "Own_key")
      const imported = yield* ask({ _tag: "Import", contacts: [contact("me", id), contact("bob")], trusted: true })
      assert.deepEqual(imported, { _tag: "Imported", added: ["bob"], kept: [], refused: [] })
    }).pipe(Effect.provide(owner)),
  )

  it.effect("says of a label that is taken what to do when the key of that contact has changed", () =>
    Effect.gen(function* () {
      const { ask } = yield* ProfileOwner
      yield* ask({ _tag: "Add", label: "bob" as Label, id: person("bob"), server: "" })
      const answer = yield* ask({ _tag: "Add", label: "bob" as Label, id: person("mallory"), server: "" })
      if (answer._tag !== "Refused") return assert.fail(code(answer))
      assert.strictEqual(answer.code, "Label_taken")
      assert.include(answer.hint, "nomitm contacts forget bob")
    }).pipe(Effect.provide(owner)),
  )
})
