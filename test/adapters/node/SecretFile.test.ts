import { assert, describe, it } from "@effect/vitest"
import { execFileSync } from "node:child_process"
import * as Fs from "node:fs"
import { join } from "node:path"
import { Effect, Exit } from "effect"
import * as SecretFile from "nomitm/adapters/node/SecretFile"
import { inFolder } from "./folder.ts"

const text = (content: string) => new TextEncoder().encode(content)
const old = "old ".repeat(1000)
const fresh = "fresh".repeat(1500)

const read = (path: string, maxBytes = 10_000) =>
  Effect.map(SecretFile.read(path, { maxBytes }), (bytes) => new TextDecoder().decode(bytes))

const reasonOf = <A>(effect: Effect.Effect<A, SecretFile.SecretFileError>) =>
  Effect.map(Effect.flip(effect), ({ reason }) => reason)

const mode = (path: string) => Fs.statSync(path).mode & 0o777

describe("a secret file", () => {
  it.live("is read back as it was written, 0600 in a folder 0700, whatever the umask", () =>
    inFolder((folder) =>
      Effect.gen(function* () {
        const path = join(folder, "a", "b", "secret")
        const umask = process.umask(0)
        yield* Effect.ensuring(
          SecretFile.write(path, text(old)),
          Effect.sync(() => process.umask(umask)),
        )
        assert.strictEqual(yield* read(path), old)
        assert.strictEqual(mode(path), 0o600)
        assert.strictEqual(mode(join(folder, "a", "b")), 0o700)
        assert.strictEqual(mode(join(folder, "a")), 0o700)
        yield* SecretFile.write(path, text(""))
        assert.strictEqual(yield* read(path), "")
        assert.deepStrictEqual(Fs.readdirSync(join(folder, "a", "b")), ["secret"])
        yield* SecretFile.remove(path)
        yield* SecretFile.remove(path)
        assert.strictEqual(yield* reasonOf(read(path)), "Missing")
      }),
    ),
  )

  it.live.each([0o640, 0o604, 0o660, 0o606, 0o610, 0o601])("that others may use is refused: mode %o", (mode) =>
    inFolder((folder) =>
      Effect.gen(function* () {
        const path = join(folder, "secret")
        yield* SecretFile.write(path, text(old))
        Fs.chmodSync(path, mode)
        const error = yield* Effect.flip(read(path))
        assert.strictEqual(error.reason, "TooOpen")
        assert.include(error.message, path)
        assert.include(error.hint, "chmod 600")
        // A certificate is for everybody.
        yield* SecretFile.read(path, { maxBytes: 10_000, readers: "Everybody" })
        // A key that an administrator gave to a group is for the group, and not to be written by it.
        const forGroup = SecretFile.read(path, { maxBytes: 10_000, readers: "Group" })
        if (mode === 0o640) yield* forGroup
        else if (mode !== 0o610) assert.strictEqual(yield* reasonOf(forGroup), "TooOpen")
        // Written again, it is ours alone.
        yield* SecretFile.write(path, text(fresh))
        assert.strictEqual(yield* read(path), fresh)
      }),
    ),
  )

  it.live("that is a link is not followed, neither for reading nor for writing", () =>
    inFolder((folder) =>
      Effect.gen(function* () {
        const [path, target] = [join(folder, "secret"), join(folder, "target")]
        yield* SecretFile.write(target, text(old))
        Fs.symlinkSync(target, path)
        assert.strictEqual(yield* reasonOf(read(path)), "Symlink")
        assert.strictEqual((yield* SecretFile.read(path, { maxBytes: 10_000, followLinks: true })).length, old.length)
        yield* SecretFile.write(path, text(fresh))
        assert.strictEqual(yield* read(path), fresh)
        assert.strictEqual(yield* read(target), old)
      }),
    ),
  )

  it.live("that is no file is refused, and nobody waits for it", () =>
    inFolder((folder) =>
      Effect.gen(function* () {
        Fs.mkdirSync(join(folder, "directory"))
        assert.strictEqual(yield* reasonOf(read(join(folder, "directory"))), "NotAFile")
        assert.strictEqual(yield* reasonOf(SecretFile.write(join(folder, "directory"), text(old))), "NotAFile")
        execFileSync("mkfifo", ["-m", "600", join(folder, "pipe")])
        assert.strictEqual(yield* reasonOf(read(join(folder, "pipe"))), "NotAFile")
        assert.strictEqual(yield* reasonOf(read("/dev/zero")), "NotAFile")
        assert.deepStrictEqual(Fs.readdirSync(folder).toSorted(), ["directory", "pipe"])
      }),
    ),
  )

  it.live("of somebody else is refused", () =>
    inFolder((folder) =>
      Effect.gen(function* () {
        let path = "/etc/passwd"
        if (process.getuid?.() === 0) {
          path = join(folder, "secret")
          yield* SecretFile.write(path, text(old))
          Fs.chownSync(path, 12_345, 12_345)
        }
        assert.strictEqual(yield* reasonOf(read(path)), "NotOurs")
      }),
    ),
  )

  it.live("longer than it may be is not read", () =>
    inFolder((folder) =>
      Effect.gen(function* () {
        const path = join(folder, "secret")
        yield* SecretFile.write(path, text("12345"))
        assert.strictEqual(yield* read(path, 5), "12345")
        assert.strictEqual(yield* reasonOf(read(path, 4)), "TooLarge")
        // Files of the system say they are empty, and are not.
        assert.strictEqual(
          yield* reasonOf(SecretFile.read("/proc/self/status", { maxBytes: 4, readers: "Everybody" })),
          "TooLarge",
        )
      }),
    ),
  )

  it.live("is not put into a folder that others can write", () =>
    inFolder((folder) =>
      Effect.gen(function* () {
        for (const open of [0o720, 0o702, 0o777, 0o1777]) {
          Fs.chmodSync(folder, open)
          assert.strictEqual(yield* reasonOf(SecretFile.write(join(folder, "secret"), text(old))), "TooOpen")
        }
        Fs.chmodSync(folder, 0o755)
        yield* SecretFile.write(join(folder, "secret"), text(old))
      }),
    ),
  )

  it.live("is not put where no folder can be made, and nobody waits for one", () =>
    Effect.gen(function* () {
      // Linux says of every folder in here that its parent is not there.
      const reason = yield* reasonOf(SecretFile.write("/proc/nomitm/deeper/key", text(fresh)))
      assert.include(["Missing", "Io"], reason)
    }).pipe(Effect.timeout("5 seconds")),
  )

  it.live("is made once: of many that make it at the same time, one wins and the others are told", () =>
    inFolder((folder) =>
      Effect.gen(function* () {
        const path = join(folder, "secret")
        const won = yield* Effect.all(
          Array.from({ length: 20 }, (_, i) => SecretFile.create(path, text(`${i}`.repeat(100)))),
          { concurrency: "unbounded" },
        )
        assert.strictEqual(won.filter((made) => made).length, 1)
        assert.strictEqual(yield* read(path), `${won.indexOf(true)}`.repeat(100))
        assert.deepStrictEqual(Fs.readdirSync(folder), ["secret"])
        assert.strictEqual(mode(path), 0o600)
      }),
    ),
  )

  it.live("is whole whenever it is read, while others write it", () =>
    inFolder((folder) =>
      Effect.gen(function* () {
        const path = join(folder, "secret")
        yield* SecretFile.write(path, text(old))
        const write = (content: string) => Effect.repeat(SecretFile.write(path, text(content)), { times: 20 })
        const seen = new Set<string>()
        yield* Effect.raceFirst(
          Effect.all([write(old), write(fresh)], { concurrency: "unbounded" }),
          Effect.forever(Effect.map(read(path), (content) => seen.add(content))),
        )
        for (const content of seen) assert.include([old, fresh], content)
        assert.deepStrictEqual(Fs.readdirSync(folder), ["secret"])
      }),
    ),
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

/** Dies after a step. What was not synced until then is lost, as when the power fails. */
const crashAfter = (fatal: SecretFile.Step) => {
  let synced = false
  return (step: SecretFile.Step, temporary: string): Effect.Effect<void> => {
    if (step === "Synced") synced = true
    if (step !== fatal) return Effect.void
    if (!synced && Fs.existsSync(temporary)) Fs.truncateSync(temporary, Fs.statSync(temporary).size >> 1)
    return Effect.die(new Error(`crashed after ${step}`))
  }
}

describe("a write that dies", () => {
  it.live.each(steps)("after %s leaves the old content or the new one, whole", (step) =>
    inFolder((folder) =>
      Effect.gen(function* () {
        const path = join(folder, "secret")
        yield* SecretFile.write(path, text(old))
        const exit = yield* SecretFile.write(path, text(fresh)).pipe(
          Effect.provideService(SecretFile.AfterStep, crashAfter(step)),
          Effect.exit,
        )
        assert.isTrue(Exit.hasDies(exit))
        assert.strictEqual(yield* read(path), step === "Placed" || step === "DirectorySynced" ? fresh : old)

        // What it left behind is nobody else's, is not in the way, and goes in the end.
        const leftovers = Fs.readdirSync(folder).filter((name) => name !== "secret")
        assert.lengthOf(leftovers, ["Opened", "HalfWritten", "Written", "Synced"].includes(step) ? 1 : 0)
        for (const name of leftovers) {
          assert.strictEqual(mode(join(folder, name)), 0o600)
          Fs.utimesSync(join(folder, name), 0, 0)
        }
        yield* SecretFile.write(path, text("once more"))
        assert.strictEqual(yield* read(path), "once more")
        assert.deepStrictEqual(Fs.readdirSync(folder), ["secret"])
      }),
    ),
  )

  it.live.each(steps)("after %s when there was none leaves none or a whole one", (step) =>
    inFolder((folder) =>
      Effect.gen(function* () {
        const path = join(folder, "secret")
        yield* SecretFile.create(path, text(fresh)).pipe(
          Effect.provideService(SecretFile.AfterStep, crashAfter(step)),
          Effect.exit,
        )
        const there = yield* Effect.orElseSucceed(read(path), () => "none")
        assert.strictEqual(there, step === "Placed" || step === "DirectorySynced" ? fresh : "none")
      }),
    ),
  )
})

it.live("a write that fails leaves nothing behind", () =>
  inFolder((folder) =>
    Effect.gen(function* () {
      const path = join(folder, "secret")
      yield* SecretFile.write(path, text(old))
      Fs.chmodSync(folder, 0o500)
      // Root may write where nobody may.
      if (process.getuid?.() !== 0) {
        assert.strictEqual((yield* Effect.flip(SecretFile.write(path, text(fresh)))).detail, "EACCES")
      }
      Fs.chmodSync(folder, 0o700)
      assert.strictEqual(yield* reasonOf(SecretFile.write(join(path, "below"), text(old))), "NotAFile")
      assert.strictEqual(yield* read(path), old)
      assert.deepStrictEqual(Fs.readdirSync(folder), ["secret"])
    }),
  ),
)
