import { assert, describe, it } from "@effect/vitest"
import { createHash, createPrivateKey, createPublicKey, generateKeyPairSync, X509Certificate } from "node:crypto"
import * as Fs from "node:fs"
import { homedir } from "node:os"
import { join } from "node:path"
import { Effect } from "effect"
import * as NodeServerIdentity from "nomitm/adapters/node/NodeServerIdentity"
import * as SecretFile from "nomitm/adapters/node/SecretFile"
import * as SelfSigned from "nomitm/adapters/node/SelfSigned"
import { ServerIdentityStore } from "nomitm/services/ServerIdentity"
import { inFolder } from "./folder.ts"

const fromDirectory = (directory: string) =>
  Effect.flatMap(ServerIdentityStore, ({ load }) => load).pipe(
    Effect.provide(NodeServerIdentity.layerDirectory(directory)),
  )

it("a server's directory is the one that is given, else one of its own among the user's data", () => {
  assert.strictEqual(NodeServerIdentity.directoryOf("/srv/nomitm", { XDG_DATA_HOME: "/data" }), "/srv/nomitm")
  assert.strictEqual(NodeServerIdentity.directoryOf(undefined, { XDG_DATA_HOME: "/data" }), "/data/nomitm/server")
  const home = join(homedir(), ".local/share/nomitm/server")
  for (const XDG_DATA_HOME of [undefined, "", "relative"]) {
    assert.strictEqual(NodeServerIdentity.directoryOf(undefined, { XDG_DATA_HOME }), home)
  }
})

describe("the server's own key", () => {
  it.live("is made at the first start, for nobody else, and is the same at each later one", () =>
    inFolder((folder) =>
      Effect.gen(function* () {
        const data = join(folder, "nomitm", "server")
        const first = yield* fromDirectory(data)
        assert.deepStrictEqual(yield* fromDirectory(data), first)
        assert.strictEqual(Fs.statSync(data).mode & 0o777, 0o700)
        assert.strictEqual(Fs.statSync(join(data, NodeServerIdentity.keyFile)).mode & 0o777, 0o600)
        const certificate = new X509Certificate(first.certificates)
        assert.isTrue(certificate.checkPrivateKey(createPrivateKey(first.privateKey)))
        const spki = createPublicKey(first.privateKey).export({ type: "spki", format: "der" })
        assert.deepStrictEqual(Buffer.from(first.serverKey), createHash("sha256").update(spki).digest())
        assert.notDeepEqual((yield* fromDirectory(join(folder, "another"))).serverKey, first.serverKey)
      }),
    ),
  )

  it.live("is one, though several servers are started at once", () =>
    inFolder((folder) =>
      Effect.gen(function* () {
        const all = yield* Effect.all(
          Array.from({ length: 10 }, () => fromDirectory(folder)),
          { concurrency: "unbounded" },
        )
        assert.lengthOf([...new Set(all.map(({ privateKey }) => privateKey))], 1)
      }),
    ),
  )

  it.live("that others can read, or that is a link, is refused with what to do, and never replaced", () =>
    inFolder((folder) =>
      Effect.gen(function* () {
        const path = join(folder, NodeServerIdentity.keyFile)
        const { privateKey } = yield* fromDirectory(folder)
        Fs.chmodSync(path, 0o640)
        const open = yield* Effect.flip(fromDirectory(folder))
        assert.strictEqual(open.reason, "Unreadable")
        assert.include(open.message, path)
        assert.include(open.hint, "chmod 600")
        Fs.chmodSync(path, 0o600)
        Fs.renameSync(path, join(folder, "elsewhere"))
        Fs.symlinkSync(join(folder, "elsewhere"), path)
        assert.include((yield* Effect.flip(fromDirectory(folder))).message, "symbolic link")
        assert.strictEqual(Fs.readFileSync(path, "utf8"), privateKey)
      }),
    ),
  )

  it.live("that is spoilt is refused, and never replaced: clients have pinned it", () =>
    inFolder((folder) =>
      Effect.gen(function* () {
        const path = join(folder, NodeServerIdentity.keyFile)
        const { privateKey } = yield* fromDirectory(folder)
        const p256 = generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey
        const spoilt = [
          "",
          privateKey.slice(0, 60),
          "\0".repeat(1000),
          p256.export({ type: "pkcs8", format: "pem" }).toString(),
        ]
        for (const content of spoilt) {
          Fs.writeFileSync(path, content)
          const error = yield* Effect.flip(fromDirectory(folder))
          assert.strictEqual(error.reason, "Invalid")
          assert.include(error.message, path)
          assert.include(error.hint, "backup")
          assert.strictEqual(Fs.readFileSync(path, "utf8"), content)
        }
        Fs.writeFileSync(path, "x".repeat(10_000_000))
        assert.include((yield* Effect.flip(fromDirectory(folder))).message, "larger")
      }),
    ),
  )

  const steps: ReadonlyArray<SecretFile.Step> = ["Opened", "HalfWritten", "Written", "Synced", "Placed"]
  it.live.each(steps)("is none or a whole one when the first start dies after %s", (step) =>
    inFolder((folder) =>
      Effect.gen(function* () {
        yield* fromDirectory(folder).pipe(
          Effect.provideService(SecretFile.AfterStep, (done) =>
            done === step ? Effect.die(new Error("crashed")) : Effect.void,
          ),
          Effect.exit,
        )
        const path = join(folder, NodeServerIdentity.keyFile)
        const left = Fs.existsSync(path) ? Fs.readFileSync(path, "utf8") : undefined
        assert.strictEqual(left !== undefined, step === "Placed")
        const { privateKey } = yield* fromDirectory(folder)
        if (left !== undefined) assert.strictEqual(privateKey, left)
      }),
    ),
  )
})

describe("a certificate and key that are given", () => {
  const pair = () => {
    const { privateKey } = generateKeyPairSync("ed25519")
    return {
      certificates: SelfSigned.make(privateKey, "chat.example.org"),
      privateKey: privateKey.export({ type: "pkcs8", format: "pem" }).toString(),
    }
  }

  /** Files as an administrator has them: the certificate for everybody, the key for a group. */
  const inFiles = <A, E>(
    content: { readonly certificates: string; readonly privateKey: string },
    use: (
      files: { readonly certificates: string; readonly privateKey: string },
      load: ServerIdentityStore["Service"]["load"],
    ) => Effect.Effect<A, E>,
  ) =>
    inFolder((folder) => {
      const files = { certificates: join(folder, "fullchain.pem"), privateKey: join(folder, "privkey.pem") }
      Fs.writeFileSync(files.certificates, content.certificates, { mode: 0o644 })
      Fs.writeFileSync(files.privateKey, content.privateKey, { mode: 0o640 })
      return Effect.flatMap(ServerIdentityStore, ({ load }) => use(files, load)).pipe(
        Effect.provide(NodeServerIdentity.layerFiles(files)),
      )
    })

  it.live("are used, with the chain after it, and read again each time", () => {
    const [leaf, ca, next] = [pair(), pair(), pair()]
    return inFiles({ ...leaf, certificates: leaf.certificates + ca.certificates }, (files, load) =>
      Effect.gen(function* () {
        const identity = yield* load
        assert.include(identity.certificates, ca.certificates)
        const spki = createPublicKey(leaf.privateKey).export({ type: "spki", format: "der" })
        assert.deepStrictEqual(Buffer.from(identity.serverKey), createHash("sha256").update(spki).digest())
        Fs.writeFileSync(files.certificates, next.certificates)
        Fs.writeFileSync(files.privateKey, next.privateKey)
        assert.strictEqual((yield* load).privateKey, next.privateKey)
      }),
    )
  })

  it.live("may be links, as programs that renew certificates make them", () =>
    inFiles(pair(), (files, load) =>
      Effect.gen(function* () {
        for (const file of Object.values(files)) {
          Fs.renameSync(file, `${file}.1`)
          Fs.symlinkSync(`${file}.1`, file)
        }
        yield* load
      }),
    ),
  )

  it.live("that do not belong together are refused, both named", () =>
    inFiles({ certificates: pair().certificates, privateKey: pair().privateKey }, (files, load) =>
      Effect.gen(function* () {
        const error = yield* Effect.flip(load)
        assert.strictEqual(error.reason, "Mismatch")
        assert.include(error.message, files.certificates)
        assert.include(error.message, files.privateKey)
      }),
    ),
  )

  it.live("that are something else are refused with what to do", () => {
    const rsa = generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey
    const locked = rsa.export({ type: "pkcs8", format: "pem", cipher: "aes-256-cbc", passphrase: "x" }).toString()
    const good = pair()
    return Effect.gen(function* () {
      const error = (content: Partial<ReturnType<typeof pair>>) =>
        inFiles({ ...good, ...content }, (_, load) => Effect.flip(load))
      assert.include((yield* error({ certificates: "" })).message, "fullchain.pem is no certificate")
      assert.include((yield* error({ certificates: good.privateKey })).hint, "--tls-cert")
      assert.include((yield* error({ privateKey: "\0" })).message, "privkey.pem is no private key")
      assert.include((yield* error({ privateKey: good.certificates })).hint, "--tls-key")
      assert.include((yield* error({ privateKey: locked })).message, "passphrase")
      assert.include((yield* error({ certificates: "x".repeat(1_000_000) })).message, "larger")
    })
  })

  it.live("are refused when everybody can read the key, or when there are none", () =>
    inFiles(pair(), (files, load) =>
      Effect.gen(function* () {
        Fs.chmodSync(files.privateKey, 0o644)
        const open = yield* Effect.flip(load)
        assert.strictEqual(open.reason, "Unreadable")
        assert.include(open.message, files.privateKey)
        Fs.rmSync(files.certificates)
        assert.include((yield* Effect.flip(load)).message, `${files.certificates} does not exist`)
      }),
    ),
  )
})
