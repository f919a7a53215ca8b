import { assert, describe, it } from "@effect/vitest"
import { spawn, spawnSync } from "node:child_process"
import { Effect, Logger, Random } from "effect"
import * as MemoryNetwork from "nomitm/adapters/memory/MemoryNetwork"
import * as NodeServerIdentity from "nomitm/adapters/node/NodeServerIdentity"
import { type Connection, RendezvousTransport } from "nomitm/services/RendezvousTransport"
import * as ServerIdentity from "nomitm/services/ServerIdentity"
import { inVirtualTime } from "../virtualTime.ts"
import { type Host, identity, nodeWorld, type World, worlds } from "./worlds.ts"

const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes)
const hex = (bytes: Uint8Array | undefined) => (bytes === undefined ? "none" : Buffer.from(bytes).toString("hex"))

/** Tells a client what the server has of its session: the exporter and the key, or `plaintext`. */
const tell = (connection: Connection) =>
  Effect.sync(() => {
    const { secured } = connection
    connection.send(secured === undefined ? "plaintext" : `${hex(secured.exporter)} ${hex(secured.serverKey)}`)
  }).pipe(Effect.andThen(Effect.ignore(connection.receive)))

const serve = Effect.fnUntraced(function* (host: Host, world: World, tls: ServerIdentity.ServerIdentity | undefined) {
  const { listen } = yield* Effect.provide(RendezvousTransport, host)
  const listener = yield* listen({ address: world.address(1), port: 0, tls })
  yield* Effect.forkScoped(listener.serve(tell), { startImmediately: true })
  return listener
})

const other = NodeServerIdentity.ofKey(NodeServerIdentity.generateKey())

// Where it is installed, as it is wherever this is built for others.
if (spawnSync("openssl", ["version"]).status === 0) {
  nodeWorld.test("openssl has the same exporter, and speaks with us over TLS 1.3", (host) =>
    Effect.gen(function* () {
      const { local } = yield* serve(host(1), nodeWorld, identity)
      const output = yield* Effect.callback<string>((resume) => {
        const label = ["-keymatexport", "EXPORTER-nomitm-1-register", "-keymatexportlen", "32"]
        const client = spawn("openssl", ["s_client", "-connect", `${local.address}:${local.port}`, ...label])
        let output = ""
        client.stdout.on("data", (chunk: Buffer) => {
          output += String(chunk)
          // What the server says comes last, after all that openssl has to tell.
          if (output.includes(hex(identity.serverKey))) client.stdin.end()
        })
        client.once("close", () => resume(Effect.succeed(output)))
        return Effect.sync(() => void client.kill())
      })
      const exporter = /Keying material: ([0-9A-F]{64})/.exec(output)?.[1]?.toLowerCase()
      assert.isDefined(exporter)
      assert.include(output, `${exporter} ${hex(identity.serverKey)}`)
      assert.include(output, "TLSv1.3")
    }),
  )
}

describe.each(worlds)("a connection $name", (world: World) => {
  const connect = Effect.fnUntraced(function* (
    host: (n: number) => Host,
    port: number,
    security: "Plaintext" | "Tls" | undefined,
  ) {
    const { connect } = yield* Effect.provide(RendezvousTransport, host(2))
    return yield* connect({ host: world.address(1), port, security, localAddress: world.address(2) })
  })

  world.test("over TLS has the same exporter and server key on both sides, and each its own exporter", (host) =>
    Effect.gen(function* () {
      const { local } = yield* serve(host(1), world, identity)
      const exporters = new Set<string>()
      for (let i = 0; i < 5; i++) {
        const connection = yield* connect(host, local.port, "Tls")
        assert.strictEqual(connection.secured?.exporter.length, 32)
        assert.deepStrictEqual(connection.secured?.serverKey, identity.serverKey)
        assert.isFalse(connection.secured?.webPki)
        assert.strictEqual(
          text(yield* connection.receive),
          `${hex(connection.secured?.exporter)} ${hex(identity.serverKey)}`,
        )
        exporters.add(hex(connection.secured?.exporter))
      }
      assert.strictEqual(exporters.size, 5)
    }),
  )

  world.test("over TLS can be cut off by either side as soon as it is there, and the server goes on", (host) =>
    Effect.gen(function* () {
      const { listen } = yield* Effect.provide(RendezvousTransport, host(1))
      const listener = yield* listen({ address: world.address(1), port: 0, tls: identity })
      let count = 0
      yield* Effect.forkScoped(
        listener.serve((connection) =>
          Effect.suspend(() => {
            if (++count % 2 === 0) connection.abort()
            else connection.send("x".repeat(1_000_000))
            return Effect.ignore(Effect.forever(connection.receive))
          }),
        ),
      )
      for (let i = 0; i < 12; i++) {
        const connection = yield* connect(host, listener.local.port, "Tls")
        if (i % 3 === 0) connection.abort()
        else yield* Effect.ignore(connection.receive)
        connection.send("too late")
        connection.abort()
      }
      // Some were gone before the server had looked at them.
      const seen = count
      assert.isAtLeast(seen, 8)
      for (const last of [
        yield* connect(host, listener.local.port, "Tls"),
        yield* connect(host, listener.local.port, "Tls"),
      ]) {
        yield* Effect.ignore(last.receive)
      }
      assert.isAtLeast(count, seen + 2)
    }),
  )

  world.test("in plaintext comes in by the same port, and is known to be that", (host) =>
    Effect.gen(function* () {
      const { local } = yield* serve(host(1), world, identity)
      for (const security of ["Plaintext", undefined] as const) {
        const connection = yield* connect(host, local.port, security)
        assert.isUndefined(connection.secured)
        connection.send("HELLO\n")
        assert.strictEqual(text(yield* connection.receive), "plaintext")
      }
    }),
  )

  world.test("over TLS does not come about with a server that has none, and does not fall back", (host) =>
    Effect.gen(function* () {
      const { local } = yield* serve(host(1), world, undefined)
      assert.strictEqual((yield* Effect.flip(connect(host, local.port, "Tls"))).reason, "NotTls")
    }),
  )

  world.test(
    "shows the key the server has when it begins: one that is replaced stays for those that are open",
    (host) =>
      Effect.gen(function* () {
        const logged: Array<string> = []
        const log = Logger.layer([
          Logger.make(({ logLevel, message }) => void logged.push(`${logLevel} ${String(message)}`)),
        ])
        const listener = yield* serve(host(1), world, identity)
        const before = yield* connect(host, listener.local.port, "Tls")
        yield* ServerIdentity.renew(listener).pipe(
          Effect.provide([ServerIdentity.ServerIdentityStore.layerMemory(other), log]),
        )
        assert.deepStrictEqual(logged.splice(0), ["Info The key and certificate were read again."])
        const after = yield* connect(host, listener.local.port, "Tls")
        assert.deepStrictEqual(after.secured?.serverKey, other.serverKey)
        assert.include(text(yield* after.receive), hex(other.serverKey))
        assert.deepStrictEqual(before.secured?.serverKey, identity.serverKey)
        assert.include(text(yield* before.receive), hex(identity.serverKey))

        // One that can't be used, or can't be read, changes nothing.
        const broken = { certificates: "nonsense", privateKey: "nonsense", serverKey: new Uint8Array(31) }
        assert.strictEqual((yield* Effect.flip(listener.useIdentity(broken))).reason, "Invalid")
        yield* ServerIdentity.renew(listener).pipe(
          Effect.provideService(ServerIdentity.ServerIdentityStore, {
            load: Effect.fail(
              new ServerIdentity.ServerIdentityError({ reason: "Unreadable", message: "It is gone.", hint: "Look." }),
            ),
          }),
          Effect.provide(log),
        )
        assert.deepStrictEqual(logged, ["Warn The key and certificate stay as they were: It is gone. Look."])
        assert.deepStrictEqual((yield* connect(host, listener.local.port, "Tls")).secured?.serverKey, other.serverKey)
      }),
  )

  world.test("through somebody in between has another exporter and another key on either side", (host) =>
    Effect.gen(function* () {
      const { local } = yield* serve(host(1), world, identity)
      const { listen, connect: onward } = yield* Effect.provide(RendezvousTransport, host(3))
      const middle = yield* listen({ address: world.address(3), port: 0, tls: other })
      yield* Effect.forkScoped(
        middle.serve((victim) =>
          Effect.gen(function* () {
            const real = yield* onward({ host: world.address(1), port: local.port, security: "Tls" })
            victim.send(text(yield* real.receive))
            yield* victim.receive
          }).pipe(Effect.scoped, Effect.ignore),
        ),
        { startImmediately: true },
      )
      const { connect } = yield* Effect.provide(RendezvousTransport, host(2))
      const connection = yield* connect({ host: world.address(3), port: middle.local.port, security: "Tls" })
      const [exporter, serverKey] = text(yield* connection.receive).split(" ")
      assert.strictEqual(serverKey, hex(identity.serverKey))
      assert.notStrictEqual(hex(connection.secured?.serverKey), serverKey)
      assert.notStrictEqual(hex(connection.secured?.exporter), exporter)
    }),
  )
})

it.effect("the in-memory network can have an authority that vouches for keys, and draws its exporters by seed", () =>
  Effect.gen(function* () {
    const run = inVirtualTime(
      Effect.gen(function* () {
        const network = yield* MemoryNetwork.MemoryNetwork.make({
          names: { "chat.example": "198.51.100.1" },
          isCertified: (host, serverKey) => host === "chat.example" && serverKey === identity.serverKey,
        })
        const server = yield* network.host({ address: "198.51.100.1" })
        const client = yield* network.host({ address: "198.51.100.2" })
        const { local } = yield* server.rendezvousTransport.listen({ address: "::", port: 6969, tls: identity })
        const at = (host: string) =>
          Effect.map(client.rendezvousTransport.connect({ host, port: local.port, security: "Tls" }), ({ secured }) => {
            assert.isDefined(secured)
            return secured!
          })
        assert.isTrue((yield* at("chat.example")).webPki)
        const other = yield* at("198.51.100.1")
        assert.isFalse(other.webPki)
        return hex(other.exporter)
      }),
    )
    assert.strictEqual(yield* run.pipe(Random.withSeed("a")), yield* run.pipe(Random.withSeed("a")))
    assert.notStrictEqual(yield* run.pipe(Random.withSeed("a")), yield* run.pipe(Random.withSeed("b")))
  }),
)
