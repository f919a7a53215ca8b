import { assert, describe, it } from "@effect/vitest"
import * as Fs from "node:fs"
import { join } from "node:path"
import { Effect, Exit, Fiber } from "effect"
import * as NodeCryptography from "nomitm/adapters/node/NodeCryptography"
import * as NodeProfile from "nomitm/adapters/node/NodeProfile"
import * as ProfileHome from "nomitm/adapters/node/ProfileHome"
import * as SecretFile from "nomitm/adapters/node/SecretFile"
import * as PersonId from "../../../src/domain/identity/PersonId.ts"
import * as InvitationBook from "../../../src/domain/profile/InvitationBook.ts"
import type { Username } from "../../../src/domain/Username.ts"
import type { Profile } from "../../../src/services/profile/Profile.ts"
import { bytesOf, primitives } from "../../domain/crypto/primitives.ts"
import { inFolder, issue, labels, makeSealed, meet, options, refusal, withProfile } from "./ProfileStage.ts"

const seed = bytesOf("seed", 32)
const id = PersonId.ofBytes(primitives.ed25519.publicKey(seed))
const mode = (path: string) => Fs.statSync(path).mode & 0o777

describe("the folder of a profile", () => {
  const locate = (home: string | undefined, environment: ProfileHome.Environment = {}) =>
    ProfileHome.locate(home, environment)

  it.effect("is what --home says, else NOMITM_HOME, else in the XDG data directory", () =>
    Effect.gen(function* () {
      const environment = { NOMITM_HOME: "/n", XDG_DATA_HOME: "/x" }
      assert.strictEqual(yield* locate("/h", environment), "/h")
      assert.strictEqual(yield* locate("h", environment), join(process.cwd(), "h"))
      assert.strictEqual(yield* locate(undefined, environment), "/n")
      assert.strictEqual(yield* locate(undefined, { NOMITM_HOME: "", XDG_DATA_HOME: "/x" }), "/x/nomitm")
      for (const XDG_DATA_HOME of [undefined, "", "relative"]) {
        assert.match(yield* locate(undefined, { XDG_DATA_HOME }), /^\/.*\/\.local\/share\/nomitm$/)
      }
    }),
  )
})

describe("a profile on disk", () => {
  it.live("is made at first start: 0600 in 0700", () =>
    inFolder((home) =>
      Effect.gen(function* () {
        const first = yield* withProfile(home, (profile) => Effect.as(meet(profile, "bob"), profile.id))
        assert.strictEqual(mode(home), 0o700)
        for (const name of Fs.readdirSync(home)) assert.strictEqual(mode(join(home, name)), 0o600, name)
        assert.deepEqual(Fs.readdirSync(home).toSorted(), ["contacts", "identity", "lock", "state"])
        assert.strictEqual(yield* withProfile(home, (profile) => Effect.succeed(profile.id)), first)
      }),
    ),
  )

  it.live("has the same contacts, invitations, names and certificate the next time", () =>
    inFolder((home) =>
      Effect.gen(function* () {
        const look = Effect.fnUntraced(function* (profile: Profile["Service"]) {
          const { certificate } = yield* profile.identity
          return [certificate, yield* labels(profile), yield* profile.invitations, yield* profile.names] as const
        })
        const before = yield* withProfile(
          home,
          Effect.fnUntraced(function* (profile: Profile["Service"]) {
            yield* meet(profile, "bob")
            yield* meet(profile, "carol")
            yield* issue(profile, 1)
            yield* profile.used("alice" as Username, "a.example:1")
            return yield* look(profile)
          }),
        )
        assert.deepEqual(before[1], ["bob", "carol"])
        assert.deepEqual(yield* withProfile(home, look), before)
      }),
    ),
  )

  it.live("shows nobody who reads the disk whom its owner knows", () =>
    inFolder((home) =>
      Effect.gen(function* () {
        yield* withProfile(home, (profile) =>
          Effect.all([meet(profile, "bob"), issue(profile, 1), profile.used("alice" as Username, "a.example:1")]),
        )
        for (const name of ["contacts", "invitations", "state"]) {
          const content = Fs.readFileSync(join(home, name), "latin1")
          for (const word of ["bob", "alice", "a.example", "psk"]) assert.notInclude(content, word)
        }
      }),
    ),
  )

  it.live("is one process's at a time; the others wait for a while", () =>
    inFolder((home) =>
      Effect.gen(function* () {
        yield* withProfile(home, () =>
          Effect.gen(function* () {
            const busy = yield* refusal(home)
            assert.strictEqual(busy.reason, "Busy")
            assert.include(busy.message, home)
          }),
        )
        const holder = yield* Effect.forkChild(
          withProfile(home, () => Effect.sleep("300 millis")),
          {
            startImmediately: true,
          },
        )
        yield* Effect.sleep("100 millis")
        yield* withProfile(home, () => Effect.void, { patienceMillis: 10_000 })
        yield* Fiber.join(holder)
      }),
    ),
  )

  it.live("sealed by a passphrase opens with it, and with no other", () =>
    inFolder((home) =>
      Effect.gen(function* () {
        yield* makeSealed(home, "correct horse", seed)
        const open = (passphrase: string) =>
          withProfile(home, (profile) => Effect.succeed([profile.id, profile.isSealed]), {
            passphrase: Effect.succeed(passphrase),
          })
        assert.deepEqual(yield* open("correct horse"), [id, true])
        for (const wrong of ["Correct horse", "", "x".repeat(2000)]) {
          const error = yield* Effect.flip(open(wrong))
          assert.deepEqual([error.reason, error.problem.exitCode], ["WrongPassphrase", 4])
        }
        assert.strictEqual((yield* refusal(home)).reason, "PassphraseNeeded")
      }),
    ),
  )

  it.live("gets a passphrase and loses it again, and what it knows stays", () =>
    inFolder((home) =>
      Effect.gen(function* () {
        yield* withProfile(home, (profile) => meet(profile, "bob"))
        const plain = Fs.readFileSync(join(home, "identity"), "utf8")
        yield* NodeProfile.protect(options(home), Effect.succeed("s3cret"))
        assert.notInclude(Fs.readFileSync(join(home, "identity"), "utf8"), JSON.parse(plain).seed)
        const more = { passphrase: Effect.succeed("s3cret") }
        assert.deepEqual(yield* withProfile(home, labels, more), ["bob"])
        yield* NodeProfile.protect(options(home, more), Effect.undefined)
        assert.strictEqual(Fs.readFileSync(join(home, "identity"), "utf8"), plain)
      }),
    ).pipe(Effect.provide(NodeCryptography.layer)),
  )

  it.live("is made of a seed once: another seed does not replace it", () =>
    inFolder((home) =>
      Effect.gen(function* () {
        yield* NodeProfile.create(seed, { home })
        const error = yield* Effect.flip(NodeProfile.create(bytesOf("another", 32), { home }))
        assert.strictEqual(error.reason, "AlreadyThere")
        assert.strictEqual(yield* withProfile(home, (profile) => Effect.succeed(profile.id)), id)
      }),
    ).pipe(Effect.provide(NodeCryptography.layer)),
  )
})

const steps: ReadonlyArray<SecretFile.Step> = [
  "DirectoryMade",
  "Opened",
  "HalfWritten",
  "Written",
  "Synced",
  "Placed",
  "DirectorySynced",
]

/** Dies after a step of the nth write to a file of this name. */
const crashAt = (name: string, fatal: SecretFile.Step) => (step: SecretFile.Step, path: string) =>
  step === fatal && path.includes(`/.${name}.`) ? Effect.die(new Error(`crashed after ${step}`)) : Effect.void

describe("a profile whose program dies while it writes", () => {
  const cases = steps.flatMap((step) => ["contacts", "state", "invitations"].map((file) => ({ step, file }) as const))
  it.live.each(cases)("$file, after $step: opens again with what was there or what was to be", ({ step, file }) =>
    inFolder((home) =>
      Effect.gen(function* () {
        yield* withProfile(home, (profile) => Effect.all([meet(profile, "bob"), issue(profile, 1)]))
        const crash = withProfile(home, (profile) =>
          Effect.all([meet(profile, "carol"), issue(profile, 2)]).pipe(
            Effect.provideService(SecretFile.AfterStep, crashAt(file, step)),
          ),
        )
        assert.isTrue(Exit.hasDies(yield* Effect.exit(crash)))
        // Twice: what the crash left must not be in the way of the next writing either.
        for (const who of ["dave", "erin"]) {
          const [people, invited] = yield* withProfile(home, (profile) =>
            Effect.gen(function* () {
              const people = yield* labels(profile)
              yield* meet(profile, who)
              return [people, InvitationBook.size(yield* profile.invitations)] as const
            }),
          )
          const known = people.filter((label) => label !== "dave")
          assert.include([["bob"], ["bob", "carol"]].map(String), String(known))
          if (file === "invitations") assert.deepEqual(known, ["bob", "carol"])
          assert.include([1, 2], invited)
        }
      }),
    ),
  )

  it.live.each(steps)("at its first start, after %s, starts again", (step) =>
    inFolder((home) =>
      Effect.gen(function* () {
        const crash = withProfile(home, () => Effect.void).pipe(
          Effect.provideService(SecretFile.AfterStep, crashAt("identity", step)),
        )
        assert.isTrue(Exit.hasDies(yield* Effect.exit(crash)))
        yield* withProfile(home, (profile) => meet(profile, "bob"))
      }),
    ),
  )
})
