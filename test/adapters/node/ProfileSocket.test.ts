import { assert, describe, it } from "@effect/vitest"
import * as Fs from "node:fs"
import * as Net from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Effect, Option } from "effect"
import * as NodeCryptography from "nomitm/adapters/node/NodeCryptography"
import * as NodeProfileOwner from "nomitm/adapters/node/NodeProfileOwner"
import * as ProfileSocket from "nomitm/adapters/node/ProfileSocket"
import type { Label } from "../../../src/domain/profile/Contact.ts"
import type { Answer, Request } from "../../../src/services/profile/ProfileOwner.ts"
import { person } from "../../domain/profile/arbitraries.ts"
import { inFolder, labels, options, owning } from "./ProfileStage.ts"

const ask = (home: string, request: Request) =>
  NodeProfileOwner.ask(options(home), request).pipe(Effect.provide(NodeCryptography.layer))

const add = (who: string): Request => ({ _tag: "Add", label: who as Label, id: person(who), server: "" })

const code = (answer: Answer) => (answer._tag === "Refused" ? answer.code : answer._tag)

describe("a profile that somebody has", () => {
  it.live("is changed by whoever has it, for others that ask", () =>
    inFolder((home) =>
      owning(home, (profile) =>
        Effect.gen(function* () {
          assert.strictEqual(Fs.statSync(join(home, "socket")).mode & 0o777, 0o600)
          const id = yield* ask(home, { _tag: "Id" })
          assert.strictEqual(id._tag === "Id" && id.id, profile.id)
          assert.strictEqual(code(yield* ask(home, add("bob"))), "Contact")
          assert.strictEqual(code(yield* ask(home, add("bob"))), "Contact_exists")
          assert.strictEqual(code(yield* ask(home, { _tag: "Rename", who: "bob", label: "rob" as Label })), "Contact")
          assert.deepEqual(yield* labels(profile), ["rob"])
          assert.strictEqual(code(yield* ask(home, { _tag: "Forget", who: "bob" })), "No_such_contact")
          assert.strictEqual(code(yield* ask(home, { _tag: "Forget", who: person("bob") })), "Contact")
          const invited = yield* ask(home, { _tag: "Invite", server: "a.example", seconds: 60 })
          assert.match(invited._tag === "Invitation" ? invited.link : "", /^nomitm:\/\/a\.example:6969\/#1\./)
          assert.strictEqual((yield* profile.invitations).byId.size, 1)
        }),
      ),
    ),
  )

  it.live("is opened for a moment where nobody has it, by one of many at a time", () =>
    inFolder((home) =>
      Effect.gen(function* () {
        const people = Array.from({ length: 8 }, (_, n) => `user${n}`)
        const answers = yield* Effect.forEach(people, (who) => ask(home, add(who)), { concurrency: "unbounded" })
        assert.deepEqual(
          answers.map(code),
          people.map(() => "Contact"),
        )
        const all = yield* ask(home, { _tag: "Contacts" })
        assert.lengthOf(all._tag === "Contacts" ? all.contacts : [], 8)
      }),
    ),
  )

  it.live("leaves no socket, and one that a crash left is in nobody's way", () =>
    inFolder((home) =>
      Effect.gen(function* () {
        yield* owning(home, () => Effect.void)
        assert.isFalse(Fs.existsSync(join(home, "socket")))
        assert.isTrue(Option.isNone(yield* ProfileSocket.ask(home, { _tag: "Id" })))

        // As a process that was killed leaves them: there, and nobody listens.
        for (const name of ["socket", "socket.new"]) {
          const server = Net.createServer()
          yield* Effect.promise(() => new Promise<void>((done) => server.listen(join(home, `${name}.x`), done)))
          Fs.linkSync(join(home, `${name}.x`), join(home, name))
          yield* Effect.promise(() => new Promise((done) => server.close(done)))
        }
        assert.strictEqual(code(yield* ask(home, { _tag: "Id" })), "Id")
        yield* owning(home, () =>
          Effect.map(ask(home, add("bob")), (answer) => assert.strictEqual(code(answer), "Contact")),
        )
      }),
    ),
  )

  it.live("that lies too deep for a socket has it elsewhere, in a folder of this user's", () =>
    inFolder((home) =>
      Effect.gen(function* () {
        const deep = join(home, "d".repeat(100), "p")
        const folder = ProfileSocket.folder(deep)
        assert.notInclude(folder, home)
        assert.isBelow(folder.length, 90)
        yield* owning(deep, () =>
          Effect.gen(function* () {
            assert.strictEqual(Fs.statSync(folder).mode & 0o777, 0o700)
            assert.strictEqual(code(yield* ask(deep, add("bob"))), "Contact")
          }),
        )
        Fs.rmSync(folder, { recursive: true })
        assert.strictEqual(ProfileSocket.folder(deep, "/run/user/1000").startsWith("/run/user/1000/nomitm/"), true)
        assert.isTrue(ProfileSocket.folder(deep, "relative").startsWith(tmpdir()))
        assert.isTrue(ProfileSocket.folder(deep, `/${"r".repeat(90)}`).startsWith(tmpdir()))
      }),
    ),
  )
})
