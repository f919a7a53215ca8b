import { assert, describe, it } from "@effect/vitest"
import { Effect, type Layer } from "effect"
import * as Fs from "node:fs"
import { join } from "node:path"
import * as NodeKnownServers from "nomitm/adapters/node/NodeKnownServers"
import * as SecretFile from "nomitm/adapters/node/SecretFile"
import * as KnownServerList from "nomitm/domain/KnownServerList"
import { KnownServers } from "nomitm/services/KnownServers"
import { inFolder } from "../adapters/node/folder.ts"

const key = (byte: number) => new Uint8Array(32).fill(byte)
const home = { host: "home.example", port: 6969 }
const work = { host: "192.0.2.1", port: 7000 }

const backends: ReadonlyArray<readonly [string, (folder: string) => Layer.Layer<KnownServers>]> = [
  ["in memory", () => KnownServers.layerMemory],
  ["in a file", NodeKnownServers.layer],
]

describe.each(backends)("known servers %s", (_, layer) => {
  it.live("are remembered, replaced and forgotten", () =>
    inFolder((folder) =>
      Effect.gen(function* () {
        const known = yield* KnownServers
        assert.isUndefined(yield* known.find(home))
        yield* known.remember(home, key(1))
        yield* known.remember(work, key(2))
        assert.deepStrictEqual(yield* known.find(home), key(1))
        yield* known.remember(home, key(3))
        assert.deepStrictEqual(yield* known.find(home), key(3))
        yield* known.forget(home)
        yield* known.forget(home)
        assert.isUndefined(yield* known.find(home))
        assert.deepStrictEqual(yield* known.find(work), key(2))
      }).pipe(Effect.provide(layer(folder))),
    ),
  )

  it.live("that are met at the same time are all remembered", () =>
    inFolder((folder) =>
      Effect.gen(function* () {
        const known = yield* KnownServers
        const servers = Array.from({ length: 20 }, (_, i) => ({ host: `host${i}.example`, port: 6969 }))
        yield* Effect.all(
          servers.map((server, i) => known.remember(server, key(i))),
          { concurrency: "unbounded" },
        )
        for (const [i, server] of servers.entries()) assert.deepStrictEqual(yield* known.find(server), key(i))
      }).pipe(Effect.provide(layer(folder))),
    ),
  )
})

const using = <A, E>(folder: string, use: (known: KnownServers["Service"]) => Effect.Effect<A, E>) =>
  Effect.flatMap(KnownServers, use).pipe(Effect.provide(NodeKnownServers.layer(folder)))

describe("the file of known servers", () => {
  it.live("outlives the program, and others can't read it", () =>
    inFolder((folder) =>
      Effect.gen(function* () {
        const profile = join(folder, "profile")
        yield* using(profile, (known) => known.remember(home, key(1)))
        assert.deepStrictEqual(yield* using(profile, (known) => known.find(home)), key(1))
        assert.strictEqual(Fs.statSync(join(profile, NodeKnownServers.fileName)).mode & 0o777, 0o600)
      }),
    ),
  )

  it.live("that others can write is an error, not a server that nobody knows", () =>
    inFolder((folder) =>
      Effect.gen(function* () {
        const path = join(folder, NodeKnownServers.fileName)
        yield* using(folder, (known) => known.remember(home, key(1)))
        Fs.chmodSync(path, 0o666)
        const error = yield* Effect.flip(using(folder, (known) => known.find(home)))
        assert.include(error.message, path)
        assert.isNotEmpty(error.hint)
        assert.strictEqual(
          (yield* Effect.flip(using(folder, (known) => known.remember(work, key(2))))).message,
          error.message,
        )
      }),
    ),
  )

  it.live("does not grow without end: what does not fit is refused, and what is there stays", () =>
    inFolder((folder) =>
      Effect.gen(function* () {
        const path = join(folder, NodeKnownServers.fileName)
        const line = KnownServerList.withKey("", home, key(1))
        const full = `${line}${`#${"x".repeat(1022)}\n`.repeat(1023)}`.padEnd(KnownServerList.maxBytes - 1, "y")
        yield* SecretFile.write(path, new TextEncoder().encode(full))
        assert.include((yield* Effect.flip(using(folder, (known) => known.remember(work, key(2))))).message, "is full")
        assert.deepStrictEqual(yield* using(folder, (known) => known.find(home)), key(1))
        // One that some other program has made too large is not read.
        Fs.appendFileSync(path, "zz")
        assert.include((yield* Effect.flip(using(folder, (known) => known.find(home)))).message, "larger")
      }),
    ),
  )
})
