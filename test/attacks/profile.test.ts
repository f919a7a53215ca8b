/**
 * Whoever can touch the disk, and names that want to be taken for something else: each attack, and what the program of
 * the person who owns the profile did.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Fs from "node:fs"
import * as Net from "node:net"
import { join } from "node:path"
import { Effect, Result } from "effect"
import * as NodeCryptography from "nomitm/adapters/node/NodeCryptography"
import * as NodeProfileOwner from "nomitm/adapters/node/NodeProfileOwner"
import * as ProfileSocket from "nomitm/adapters/node/ProfileSocket"
import * as Contact from "../../src/domain/profile/Contact.ts"
import * as ContactBook from "../../src/domain/profile/ContactBook.ts"
import * as InvitationBook from "../../src/domain/profile/InvitationBook.ts"
import { skeleton } from "../../src/domain/profile/Lookalike.ts"
import * as Trust from "../../src/domain/profile/Trust.ts"
import type { Username } from "../../src/domain/Username.ts"
import type { Profile } from "../../src/services/profile/Profile.ts"
import {
  inFolder,
  invitation,
  issue,
  labels,
  makeSealed,
  meet,
  options,
  owning,
  refusal,
  withProfile,
} from "../adapters/node/ProfileStage.ts"
import { bytesOf } from "../domain/crypto/primitives.ts"
import { person } from "../domain/profile/arbitraries.ts"

type Use = (profile: Profile["Service"]) => Effect.Effect<unknown, unknown>
const knowsBob: Use = (profile) => Effect.all([meet(profile, "bob"), issue(profile, 1)])

/** A profile with a contact and an invitation. */
const stage = <E, R>(attack: (home: string, path: (name: string) => string) => Effect.Effect<void, E, R>) =>
  inFolder((home) =>
    Effect.andThen(
      withProfile(home, knowsBob),
      attack(home, (name) => join(home, name)),
    ),
  )

/** All files as they are, but for the lock, which has nothing in it. */
const snapshot = (home: string) =>
  Object.fromEntries(
    Fs.readdirSync(home)
      .filter((name) => name !== "lock")
      .map((name) => [name, Fs.readFileSync(join(home, name), "base64")]),
  )

/** It is refused, in words that say what to do, and nothing on the disk is another than before. */
const refused = Effect.fnUntraced(function* (home: string, reason: string, exitCode: number) {
  const before = snapshot(home)
  const error = yield* refusal(home)
  assert.strictEqual("reason" in error ? error.reason : error, reason)
  if (!("problem" in error)) return assert.fail("no words")
  assert.strictEqual(error.problem.exitCode, exitCode)
  assert.isAbove(error.hint.length, 10)
  assert.deepEqual(snapshot(home), before)
  return error
})

describe("files and folders that others can reach", () => {
  const files = ["identity", "contacts", "invitations", "state", "lock"]
  const modes = [0o644, 0o640, 0o606]
  it.live.each(files.flatMap((file) => modes.map((mode) => ({ file, mode }))))(
    "$file with mode $mode is refused with what to do",
    ({ file, mode }) =>
      stage((home, path) =>
        Effect.gen(function* () {
          Fs.chmodSync(path(file), mode)
          const error = yield* refused(home, "TooOpen", 1)
          assert.include(error.message, path(file))
          assert.include(error.hint, "chmod 600")
          Fs.chmodSync(path(file), 0o600)
          assert.deepEqual(yield* withProfile(home, labels), ["bob"])
        }),
      ),
  )

  it.live.each([0o755, 0o750, 0o711, 0o701, 0o770, 0o1777])("a folder with mode %o is refused", (mode) =>
    stage((home) =>
      Effect.gen(function* () {
        Fs.chmodSync(home, mode)
        const error = yield* refused(home, "TooOpen", 1)
        assert.include(error.hint, "chmod 700")
        Fs.chmodSync(home, 0o700)
      }),
    ),
  )

  it.live.each(files)("%s as a symbolic link is refused, wherever it points", (file) =>
    stage((home, path) =>
      Effect.gen(function* () {
        Fs.renameSync(path(file), `${home}.moved`)
        Fs.symlinkSync(`${home}.moved`, path(file))
        yield* refused(home, "Symlink", 1)
        Fs.rmSync(`${home}.moved`)
      }),
    ),
  )

  it.live("the folder as a symbolic link is refused", () =>
    stage((home) =>
      Effect.gen(function* () {
        Fs.renameSync(home, `${home}.moved`)
        Fs.symlinkSync(`${home}.moved`, home)
        yield* refused(home, "Symlink", 1)
      }),
    ),
  )

  it.live("a pipe or a folder in place of a file holds nobody up", () =>
    stage((home, path) =>
      Effect.gen(function* () {
        Fs.rmSync(path("contacts"))
        Fs.mkdirSync(path("contacts"), { mode: 0o700 })
        assert.strictEqual((yield* refusal(home))._tag, "ProfileError")
      }),
    ),
  )
})

describe("a hostile identity file", () => {
  const costs = [{ memoryKib: 2 ** 31 }, { memoryKib: 1 }, { passes: 1_000_000 }, { passes: 0 }, { salt: "AAAA" }]
  it.live.each(costs)("that asks Argon2id for %j is refused at once, without asking for a passphrase", (cost) =>
    inFolder((home) =>
      Effect.gen(function* () {
        yield* makeSealed(home, "secret", bytesOf("seed", 32))
        const path = join(home, "identity")
        const file = JSON.parse(Fs.readFileSync(path, "utf8"))
        Fs.writeFileSync(path, JSON.stringify({ ...file, kdf: { ...file.kdf, ...cost } }))
        // Of the processor: others may be at work on the same machine.
        const before = process.cpuUsage()
        yield* refused(home, "Damaged", 1)
        const { user, system } = process.cpuUsage(before)
        assert.isBelow((user + system) / 1000, 2000)
      }),
    ),
  )

  it.live("of a gigabyte is not read", () =>
    stage((home, path) =>
      Effect.gen(function* () {
        Fs.truncateSync(path("identity"), 2 ** 30)
        assert.strictEqual((yield* refusal(home))._tag, "ProfileError")
        Fs.truncateSync(path("identity"), 10)
        yield* refused(home, "Damaged", 1)
      }),
    ),
  )

  it.live("that is gone does not make its contacts somebody else's", () =>
    stage((home, path) =>
      Effect.gen(function* () {
        Fs.rmSync(path("identity"))
        yield* refused(home, "IdentityLost", 1)
      }),
    ),
  )
})

describe("contacts and invitations that were changed", () => {
  const books = ["contacts", "invitations", "state"]

  it.live.each(books)("%s with any byte changed is refused, and never overwritten", (book) =>
    stage((home, path) =>
      Effect.gen(function* () {
        const genuine = Fs.readFileSync(path(book))
        for (const at of [0, 15, 16, 39, 40, 48, genuine.length - 17, genuine.length - 1]) {
          const changed = Uint8Array.from(genuine)
          changed[at]! ^= 1
          Fs.writeFileSync(path(book), changed)
          const error = yield* refused(home, "Edited", 4)
          assert.include(error.message, path(book))
        }
        Fs.writeFileSync(path(book), genuine)
        assert.deepEqual(yield* withProfile(home, labels), ["bob"])
      }),
    ),
  )

  it.live.each(books)("%s cut off, emptied or extended is refused", (book) =>
    stage((home, path) =>
      Effect.gen(function* () {
        const genuine = Fs.readFileSync(path(book))
        for (const content of [
          new Uint8Array(0),
          genuine.subarray(0, 40),
          genuine.subarray(0, -1),
          Buffer.concat([genuine, Buffer.of(0)]),
          Buffer.from(`{"nomitm":"${book}","version":1}`),
        ]) {
          Fs.writeFileSync(path(book), content)
          yield* refused(home, "Edited", 4)
        }
      }),
    ),
  )

  it.live.each(books)("%s of another profile is refused", (book) =>
    stage((home, path) =>
      inFolder((other) =>
        Effect.gen(function* () {
          yield* withProfile(other, knowsBob)
          Fs.copyFileSync(join(other, book), path(book))
          yield* refused(home, "Edited", 4)
        }),
      ),
    ),
  )

  it.live("one book in place of another is refused", () =>
    stage((home, path) =>
      Effect.gen(function* () {
        Fs.copyFileSync(path("invitations"), path("contacts"))
        yield* refused(home, "Edited", 4)
      }),
    ),
  )

  it.live("an old copy of the invitations, in which a used one is open, is refused", () =>
    stage((home, path) =>
      Effect.gen(function* () {
        const old = Fs.readFileSync(path("invitations"))
        yield* withProfile(home, (profile) =>
          profile.updateInvitations((book) =>
            Result.map(
              InvitationBook.use(book, { ...invitation(1), by: person("guest"), now: 2 ** 31 - 1 }),
              (next) => [next, undefined] as const,
            ),
          ),
        )
        Fs.writeFileSync(path("invitations"), old)
        yield* refused(home, "RolledBack", 4)
      }),
    ),
  )

  it.live("an old copy of the contacts, in which nobody was forgotten or verified, is refused; so is none", () =>
    stage((home, path) =>
      Effect.gen(function* () {
        const old = Fs.readFileSync(path("contacts"))
        yield* withProfile(home, (profile) => meet(profile, "carol"))
        Fs.writeFileSync(path("contacts"), old)
        yield* refused(home, "RolledBack", 4)
        Fs.rmSync(path("contacts"))
        yield* refused(home, "RolledBack", 4)
      }),
    ),
  )

  it.live("an old state, or none, does not make an old book good", () =>
    stage((home, path) =>
      Effect.gen(function* () {
        const old = Fs.readFileSync(path("state"))
        yield* withProfile(home, (profile) => Effect.all([meet(profile, "carol"), meet(profile, "dave")]))
        Fs.writeFileSync(path("state"), old)
        yield* refused(home, "RolledBack", 4)
        Fs.rmSync(path("state"))
        yield* refused(home, "RolledBack", 4)
      }),
    ),
  )
})

describe("the socket of a profile", () => {
  const ask = (home: string) =>
    NodeProfileOwner.ask(options(home), { _tag: "Id" }).pipe(Effect.provide(NodeCryptography.layer))

  /** What comes back for these bytes, until the other side closes. */
  const send = (home: string, bytes: string | Uint8Array, end = false) =>
    Effect.callback<string>((resume) => {
      const socket = Net.connect({ path: join(home, "socket") })
      let text = ""
      socket.on("error", () => {})
      socket.setEncoding("utf8").on("data", (more: string) => (text += more))
      socket.once("close", () => resume(Effect.succeed(text)))
      socket.write(bytes)
      if (end) socket.end()
    })

  it.live("that somebody has put there is not asked: a link, or a file", () =>
    stage((home, path) =>
      Effect.gen(function* () {
        const elsewhere = `${home}.socket`
        const heard: Array<unknown> = []
        const trap = Net.createServer((socket) => void heard.push(socket.destroy()))
        yield* Effect.promise(() => new Promise<void>((done) => trap.listen(elsewhere, done)))
        Fs.symlinkSync(elsewhere, path("socket"))
        assert.strictEqual((yield* Effect.flip(ask(home))).reason, "Symlink")
        Fs.rmSync(path("socket"))
        Fs.writeFileSync(path("socket"), "")
        assert.strictEqual((yield* Effect.flip(ask(home))).reason, "NotAFile")
        assert.isEmpty(heard)
        // Who has the profile puts the right one in its place.
        yield* owning(home, () => Effect.asVoid(ask(home)))
        yield* Effect.promise(() => new Promise((done) => trap.close(done)))
      }),
    ),
  )

  it.live("that is squatted in the folder for sockets is not asked, if others can reach that folder", () =>
    inFolder((home) =>
      Effect.gen(function* () {
        const deep = join(home, "d".repeat(100))
        const folder = ProfileSocket.folder(deep)
        Fs.mkdirSync(folder, { recursive: true, mode: 0o700 })
        Fs.chmodSync(folder, 0o777)
        assert.strictEqual((yield* Effect.flip(ask(deep))).reason, "TooOpen")
        const served = owning(deep, () => Effect.void)
        assert.strictEqual((yield* Effect.flip(served)).reason, "TooOpen")
        Fs.rmSync(folder, { recursive: true })
      }),
    ),
  )

  it.live("takes no request that never ends, and none that is no request; the next one is answered", () =>
    inFolder((home) =>
      owning(home, (profile) =>
        Effect.gen(function* () {
          assert.strictEqual(yield* send(home, new Uint8Array(ProfileSocket.maxLineBytes + 1).fill(32)), "")
          assert.strictEqual(yield* send(home, "", true), "")
          for (const line of [
            "",
            "{}",
            "null",
            "[".repeat(100_000),
            `{"_tag":"Seed"}`,
            `{"_tag":"Words"}`,
            `{"_tag":"Forget"}`,
            `{"_tag":"Add","label":"[verified]","id":"${person("eve")}","server":""}`,
            `{"_tag":"Add","label":"\\u001b[2J","id":"${person("eve")}","server":""}`,
            `{"_tag":"Invite","server":"a","seconds":1e99}`,
            "\u0000\ufffd",
          ]) {
            const answer = JSON.parse(yield* send(home, `${line}\n`))
            assert.strictEqual(answer.code, "Not_understood")
          }
          assert.isEmpty(yield* labels(profile))
          assert.strictEqual((yield* ask(home))._tag, "Id")
        }),
      ),
    ),
  )

  it.live("has room for 16 who say nothing, and gets rid of them when the profile is left", () =>
    inFolder((home) =>
      Effect.gen(function* () {
        const silent = yield* owning(home, () =>
          Effect.gen(function* () {
            const sockets = Array.from({ length: 40 }, () => {
              const socket = Net.connect({ path: join(home, "socket") })
              return socket.on("error", () => {})
            })
            const open = () => sockets.filter(({ closed }) => !closed)
            while (open().length > ProfileSocket.maxConnections) yield* Effect.sleep("20 millis")
            assert.lengthOf(open(), ProfileSocket.maxConnections)
            // Whoever leaves makes room at once.
            for (const socket of open().slice(0, 8)) socket.destroy()
            assert.strictEqual((yield* ask(home))._tag, "Id")
            return sockets
          }),
        )
        while (!silent.every(({ closed }) => closed)) yield* Effect.sleep("20 millis")
      }),
    ),
  )
})

describe("a name that wants to be something else", () => {
  const hostile = [
    "[verified]",
    "bob[verified]",
    "bob[verified",
    "bob✓",
    "✔bob",
    "*",
    "!bob",
    "bob\u001b[2J",
    "\u001b]0;x\u0007",
    "b\u202eob",
    "bob\u2066",
    "bob\u200b",
    "bоb",
    "ｂｏｂ",
    "BOB",
    "b0b",
    "bob.",
    "verified",
    "bob\u0301\u0301\u0301\u0301",
    "x".repeat(10_000),
    "",
    "\ud800",
  ]

  it("becomes no label that has a mark, a control character, or looks like a contact's", () => {
    let book = ContactBook.empty
    const meetAs = (who: string, name: string) => {
      const sighting = { id: person(who), name: name as Username, server: "a:1", serial: 1, now: 1 }
      const [next, contact] = Result.getOrThrow(ContactBook.met(book, { ...sighting, event: "Accepted" }))
      book = next
      return contact
    }
    meetAs("bob", "bob")
    for (const name of hostile) {
      const { label, trust } = meetAs(`stranger ${name}`, name)
      assert.match(label, /^[\p{L}\p{N}][\p{L}\p{M}\p{N}._-]{0,31}$/u)
      assert.isTrue(Contact.isLabel(label))
      assert.notStrictEqual(label, "bob")
      assert.strictEqual(trust, "introduced")
      assert.notStrictEqual(skeleton(label), skeleton("bob"))
    }
    // The one whom they wanted to be is who he was.
    assert.strictEqual(ContactBook.find(book, "bob")._tag, "Some")
    assert.isTrue(ContactBook.list(book).every(({ trust }) => Trust.compare(trust, "introduced") === 0))
  })

  it("is refused as a label that a person types, or a file has", () => {
    for (const name of hostile.filter((name) => name !== "b0b" && name !== "bob.")) {
      assert.isFalse(Contact.isLabel(name), name)
    }
  })
})
