/**
 * What only names on disk can go through. (What every store promises: `test/services/NameStore.test.ts`.)
 */
import { assert, describe, it } from "@effect/vitest"
import { spawn } from "node:child_process"
import * as Fs from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import { Effect, Option } from "effect"
import * as SqliteNameStore from "nomitm/adapters/node/SqliteNameStore"
import * as PersonId from "nomitm/domain/identity/PersonId"
import type { PersonName } from "nomitm/domain/PersonName"
import { NameStore, type NameStoreError } from "nomitm/services/NameStore"

const inFolder = <A, E>(program: (folder: string) => Effect.Effect<A, E>) =>
  Effect.acquireUseRelease(
    Effect.sync(() => Fs.mkdtempSync(join(tmpdir(), "nomitm-names-"))),
    program,
    (folder) => Effect.sync(() => Fs.rmSync(folder, { recursive: true })),
  )

const inStore = <A>(folder: string, program: (store: NameStore["Service"]) => Effect.Effect<A, NameStoreError>) =>
  Effect.flatMap(NameStore, program).pipe(Effect.provide(SqliteNameStore.layer(folder)))

const key = (n: number) => PersonId.ofBytes(new Uint8Array(32).fill(n))
const name = (text: string) => text as PersonName
const now = 1_800_000_000
const claim = (text: string, n: number) => (store: NameStore["Service"]) =>
  store.claim(name(text), { id: key(n), serial: 1 }, now)
const file = (folder: string) => join(folder, SqliteNameStore.fileName)
const mode = (path: string) => Fs.statSync(path).mode & 0o777

/** Opening must fail, and the message must say which file it is about. */
const refused = (folder: string, reason: NameStoreError["reason"]) =>
  Effect.gen(function* () {
    const error = yield* Effect.flip(inStore(folder, () => Effect.void))
    assert.strictEqual(error.reason, reason)
    assert.include(error.message, file(folder))
    assert.match(error.hint, /^[A-Z].*\.$/)
  })

describe("names on disk", () => {
  it.live("are still there when the store is opened again", () =>
    inFolder((folder) =>
      Effect.gen(function* () {
        assert.strictEqual(yield* inStore(folder, claim("alice", 1)), "Claimed")
        assert.strictEqual(yield* inStore(folder, claim("alice", 2)), "OwnedByOther")
        assert.strictEqual(yield* inStore(folder, claim("alice", 1)), "Owned")
      }),
    ),
  )

  it.live("are 0600 in a folder 0700, whatever the umask, and while it runs too", () =>
    inFolder((parent) =>
      Effect.gen(function* () {
        const folder = join(parent, "a", "b")
        const umask = process.umask(0)
        yield* Effect.ensuring(
          inStore(folder, (store) =>
            Effect.gen(function* () {
              yield* claim("alice", 1)(store)
              for (const entry of Fs.readdirSync(folder)) assert.strictEqual(mode(join(folder, entry)), 0o600, entry)
            }),
          ),
          Effect.sync(() => process.umask(umask)),
        )
        assert.strictEqual(mode(folder), 0o700)
        assert.deepStrictEqual(Fs.readdirSync(folder), [SqliteNameStore.fileName])
      }),
    ),
  )

  it.live("have one server at a time, and wait for nobody", () =>
    inFolder((folder) =>
      inStore(folder, (store) => Effect.orDie(Effect.andThen(claim("a", 1)(store), refused(folder, "InUse")))),
    ),
  )

  it.live("that are a file of something else, or damaged, are refused as they are", () =>
    inFolder((folder) =>
      Effect.gen(function* () {
        const garbage = Buffer.alloc(8192, "no database ")
        Fs.writeFileSync(file(folder), garbage, { mode: 0o600 })
        yield* refused(folder, "Corrupt")
        assert.isTrue(Fs.readFileSync(file(folder)).equals(garbage))
        Fs.rmSync(file(folder))

        const other = new DatabaseSync(file(folder))
        other.exec("CREATE TABLE cats (name TEXT)")
        other.close()
        Fs.chmodSync(file(folder), 0o600)
        yield* refused(folder, "Corrupt")
        Fs.rmSync(file(folder))

        yield* inStore(folder, (store) =>
          Effect.forEach(
            Array.from({ length: 400 }, (_, n) => `name${n}`),
            (text, n) => store.claim(name(text), { id: key(n % 250), serial: 1 }, now),
          ),
        )
        const whole = Fs.readFileSync(file(folder))
        Fs.truncateSync(file(folder), whole.length >> 1)
        yield* refused(folder, "Corrupt")
        const scribbled = Buffer.from(whole)
        scribbled.fill(0xaa, 4096, 3 * 4096)
        Fs.writeFileSync(file(folder), scribbled)
        yield* refused(folder, "Corrupt")
        Fs.writeFileSync(file(folder), whole)
        assert.strictEqual(yield* inStore(folder, claim("name7", 7)), "Owned")
      }),
    ),
  )

  it.live("of a newer program are left alone", () =>
    inFolder((folder) =>
      Effect.gen(function* () {
        yield* inStore(folder, claim("alice", 1))
        const newer = new DatabaseSync(file(folder))
        newer.exec(`PRAGMA user_version = ${SqliteNameStore.version + 1}`)
        newer.close()
        yield* refused(folder, "Newer")
      }),
    ),
  )

  it.live("behind a symbolic link, or that others may use, are refused", () =>
    inFolder((folder) =>
      Effect.gen(function* () {
        yield* inStore(folder, claim("alice", 1))
        Fs.chmodSync(file(folder), 0o640)
        yield* refused(folder, "Io")
        Fs.chmodSync(file(folder), 0o600)
        Fs.renameSync(file(folder), join(folder, "real"))
        Fs.symlinkSync("real", file(folder))
        yield* refused(folder, "Io")
        Fs.rmSync(file(folder))
        Fs.mkdirSync(file(folder))
        yield* refused(folder, "Io")
        Fs.rmdirSync(file(folder))
        Fs.chmodSync(folder, 0o777)
        const error = yield* Effect.flip(inStore(folder, () => Effect.void))
        assert.include(error.message, folder)
      }),
    ),
  )

  it.live("that nobody has used for a year are forgotten when the store is opened", () =>
    inFolder((folder) =>
      Effect.gen(function* () {
        yield* inStore(folder, (store) => store.claim(name("old"), { id: key(1), serial: 1 }, 1_000_000_000))
        yield* inStore(folder, claim("new", 1))
        const database = new DatabaseSync(file(folder))
        const names = database.prepare("SELECT name FROM names").all()
        database.close()
        assert.deepStrictEqual(
          names.map((row) => row["name"]),
          ["new"],
        )
      }),
    ),
  )

  it.live(
    "survive the server being killed in the middle of its work: what it had answered is there",
    () =>
      inFolder((folder) =>
        Effect.gen(function* () {
          const answered = yield* Effect.promise(() => killedWhileClaiming(folder))
          assert.isAbove(answered, 100)
          yield* inStore(folder, (store) =>
            Effect.gen(function* () {
              for (let n = 0; n < answered; n++) {
                const owner = yield* store.owner(name(`name${n}`), now)
                assert.isTrue(Option.isSome(owner), `name${n} of ${answered}`)
              }
            }),
          )
        }),
      ),
    20_000,
  )
})

/** A process that claims name after name and says so; killed when it has said a few hundred. How many it said. */
const killedWhileClaiming = (folder: string): Promise<number> =>
  new Promise((resolve, reject) => {
    const source = `
      import { Effect } from "effect"
      import * as SqliteNameStore from ${JSON.stringify(new URL("../../../src/adapters/node/SqliteNameStore.ts", import.meta.url))}
      import { NameStore } from ${JSON.stringify(new URL("../../../src/services/NameStore.ts", import.meta.url))}
      import * as PersonId from ${JSON.stringify(new URL("../../../src/domain/identity/PersonId.ts", import.meta.url))}
      import { writeSync } from "node:fs"
      await Effect.runPromise(Effect.gen(function* () {
        const store = yield* NameStore
        for (let n = 0; ; n++) {
          const bytes = new Uint8Array(32)
          new DataView(bytes.buffer).setUint32(0, n)
          yield* store.claim("name" + n, { id: PersonId.ofBytes(bytes), serial: 1 }, ${now})
          writeSync(1, n + "\\n")
        }
      }).pipe(Effect.provide(SqliteNameStore.layer(${JSON.stringify(folder)}))))
    `
    const child = spawn(process.execPath, ["--input-type=module-typescript", "-e", source], {
      cwd: new URL("../../..", import.meta.url),
      stdio: ["ignore", "pipe", "pipe"],
    })
    let said = ""
    let complaint = ""
    child.stderr.on("data", (chunk: Buffer) => (complaint += chunk.toString()))
    child.stdout.on("data", (chunk: Buffer) => {
      said += chunk.toString()
      if (said.length > 2000) child.kill("SIGKILL")
    })
    child.once("error", reject)
    child.once("close", () => {
      const lines = said.split("\n").slice(0, -1)
      if (lines.length === 0) reject(new Error(complaint))
      else resolve(Number(lines.at(-1)) + 1)
    })
  })
