/**
 * Attacks on the link between client and server, on real sockets: whoever sits on the wire, hostile clients at the door
 * of a server, hostile servers.
 */
import { assert, describe, it } from "@effect/vitest"
import { Clock, Effect, type Scope } from "effect"
import { generateKeyPairSync } from "node:crypto"
import * as Net from "node:net"
import * as Tls from "node:tls"
import * as NodeRendezvousTransport from "nomitm/adapters/node/NodeRendezvousTransport"
import * as NodeServerIdentity from "nomitm/adapters/node/NodeServerIdentity"
import * as SelfSigned from "nomitm/adapters/node/SelfSigned"
import * as TlsAdmission from "nomitm/adapters/node/TlsAdmission"
import { formatKey } from "nomitm/domain/ServerAddress"
import * as ServerTrust from "nomitm/domain/ServerTrust"
import { KnownServers } from "nomitm/services/KnownServers"
import { type Connection, handshakeMillis, RendezvousTransport } from "nomitm/services/RendezvousTransport"

const host = "127.0.0.1"
const { privateKey } = generateKeyPairSync("ed25519")
const identity = { ...NodeServerIdentity.ofKey(privateKey), certificates: SelfSigned.make(privateKey, "localhost") }
const mallory = NodeServerIdentity.ofKey(NodeServerIdentity.generateKey())

/** A server over TLS that keeps what it hears, and answers `hello` to it. */
const startServer = Effect.fnUntraced(function* (tls = identity) {
  const { listen } = yield* RendezvousTransport
  const listener = yield* listen({ address: host, port: 0, tls })
  const heard: Array<string> = []
  const handled: Array<Connection> = []
  yield* Effect.forkScoped(
    listener.serve((connection) => {
      handled.push(connection)
      return connection.receive.pipe(
        Effect.map((chunk) => {
          heard.push(new TextDecoder().decode(chunk))
          connection.send("hello")
        }),
        Effect.forever,
        Effect.ignore,
      )
    }),
    { startImmediately: true },
  )
  return { port: listener.local.port, heard, handled }
})

/** A hostile server: each connection is given to `handler`. */
const hostileServer = (handler: (socket: Net.Socket) => void) =>
  Effect.map(
    Effect.acquireRelease(
      Effect.callback<Net.Server>((resume) => {
        const sockets = new Set<Net.Socket>()
        const server = Net.createServer((socket) => {
          sockets.add(socket)
          socket.on("error", () => {})
          handler(socket)
        })
        server.once("close", () => sockets.forEach((socket) => socket.destroy()))
        server.listen(0, host, () => resume(Effect.succeed(server)))
      }),
      (server) =>
        Effect.sync(() => {
          server.close()
          server.emit("close")
        }),
    ),
    (server) => (server.address() as Net.AddressInfo).port,
  )

const connect = (port: number, options: { readonly localAddress?: string; readonly host?: string } = {}) =>
  Effect.flatMap(RendezvousTransport, ({ connect }) => connect({ host, port, security: "Tls", ...options }))

/** A client without manners. It knows when it was cut off. */
const rawClient = (port: number, localAddress = "127.0.0.2") =>
  Effect.acquireRelease(
    Effect.callback<{ readonly socket: Net.Socket; readonly gone: Promise<void> }>((resume) => {
      const socket = Net.connect({ host, port, localAddress, noDelay: true })
      const gone = new Promise<void>((done) => socket.once("close", () => done()))
      socket.on("error", () => {})
      socket.on("data", () => {})
      socket.once("connect", () => resume(Effect.succeed({ socket, gone })))
      socket.once("close", () => resume(Effect.succeed({ socket, gone })))
    }),
    ({ socket }) => Effect.sync(() => socket.destroy()),
  )

const attack = (
  name: string,
  program: Effect.Effect<void, unknown, RendezvousTransport | KnownServers | Scope.Scope>,
) =>
  it.live(name, () =>
    program.pipe(Effect.scoped, Effect.provide([NodeRendezvousTransport.layer, KnownServers.layerMemory])),
  )

/** What a client knows of whom it has reached. */
const encounter = ({ secured }: Connection) => {
  assert.isDefined(secured)
  return { pins: [], remembered: undefined, isInteractive: false, ...secured! }
}

/** With an authority that this machine knows, and that vouches for `localhost` having the key of `identity`. */
const withAuthority = <A, E, R>(program: Effect.Effect<A, E, R>) =>
  Effect.acquireUseRelease(
    Effect.sync(() => {
      const known = Tls.getCACertificates("default")
      Tls.setDefaultCACertificates([identity.certificates])
      return known
    }),
    () => program,
    (known) => Effect.sync(() => Tls.setDefaultCACertificates(known)),
  )

describe("somebody on the wire", () => {
  attack(
    "with a certificate that is valid, and another key than the pinned one: refused before a byte is sent",
    withAuthority(
      Effect.gen(function* () {
        const server = yield* startServer()
        const connection = yield* connect(server.port, { host: "localhost" })
        assert.isTrue(connection.secured?.webPki)
        assert.deepStrictEqual(ServerTrust.decide(encounter(connection)), { _tag: "Trusted" })
        const decision = ServerTrust.decide({ ...encounter(connection), pins: [mallory.serverKey] })
        assert.deepStrictEqual(decision, {
          _tag: "Refuse",
          code: "Server_pin_mismatch",
          old: [formatKey(mallory.serverKey)],
          new: formatKey(identity.serverKey),
        })
        yield* connection.end
        assert.deepStrictEqual(server.heard, [])
      }),
    ),
  )

  attack(
    "with a valid certificate for another host, or with one that nobody vouches for: known to be that",
    withAuthority(
      Effect.gen(function* () {
        const server = yield* startServer()
        assert.isFalse((yield* connect(server.port)).secured?.webPki)
        const other = yield* startServer(mallory)
        assert.isFalse((yield* connect(other.port, { host: "localhost" })).secured?.webPki)
      }),
    ),
  )

  attack(
    "with another key than the remembered one: refused, with both fingerprints",
    Effect.gen(function* () {
      const known = yield* KnownServers
      const server = yield* startServer(mallory)
      const address = { host, port: server.port }
      yield* known.remember(address, identity.serverKey)
      const remembered = yield* known.find(address)
      const decision = ServerTrust.decide({ ...encounter(yield* connect(server.port)), remembered })
      assert(decision._tag === "Refuse")
      const { message, exitCode } = ServerTrust.explain(decision, address)
      assert.include(message, formatKey(identity.serverKey))
      assert.include(message, formatKey(mallory.serverKey))
      assert.strictEqual(exitCode, 4)
      assert.deepStrictEqual(server.heard, [])
    }),
  )

  attack(
    "who answers in plaintext to a client that wants TLS: no connection, and the client says no more",
    Effect.gen(function* () {
      for (const answer of ["HELLO\n", "ERROR Malformed\n", "HTTP/1.1 400 Bad Request\r\n\r\n", "\n".repeat(100)]) {
        const heard: Array<Buffer> = []
        const port = yield* hostileServer((socket) =>
          socket.on("data", (chunk) => {
            heard.push(chunk)
            socket.write(answer)
          }),
        )
        assert.strictEqual((yield* Effect.flip(connect(port))).reason, "NotTls")
        yield* Effect.sleep(50)
        // A ClientHello, and an alert at most: never a line.
        for (const chunk of heard) assert.include([0x16, 0x15], chunk[0])
      }
    }),
  )

  attack(
    "who answers with noise that looks like TLS, or hangs up: no connection",
    Effect.gen(function* () {
      for (const answer of ["\x16\x03\x03\x00\x05hello", "\x15\x03\x03\x00\x02\x02\x28", "\x16", ""]) {
        const port = yield* hostileServer((socket) =>
          socket.once("data", () => socket.end(Buffer.from(answer, "latin1"))),
        )
        assert.strictEqual((yield* Effect.flip(connect(port))).reason, "TlsFailed")
      }
    }),
  )

  attack(
    "who only has TLS 1.2 to offer: no connection",
    Effect.gen(function* () {
      const server = Tls.createServer({
        key: mallory.privateKey,
        cert: mallory.certificates,
        maxVersion: "TLSv1.2",
      }).on("tlsClientError", () => {})
      const port = yield* hostileServer((socket) => server.emit("connection", socket))
      assert.strictEqual((yield* Effect.flip(connect(port))).reason, "TlsFailed")
    }),
  )

  attack(
    "who changes a bit of what is under way: the connection is cut, and nothing of it was heard",
    Effect.gen(function* () {
      const server = yield* startServer()
      let flip = false
      const port = yield* hostileServer((victim) => {
        const onward = Net.connect({ host, port: server.port })
        onward.on("error", () => {})
        victim.on("data", (chunk) => {
          if (flip) chunk[chunk.length - 1]! ^= 1
          onward.write(chunk)
        })
        onward.pipe(victim)
      })
      const connection = yield* connect(port)
      connection.send("before")
      yield* connection.receive
      flip = true
      connection.send("REGISTER alice")
      assert.include(["Reset", "Ended"], (yield* Effect.flip(connection.receive)).reason)
      assert.deepStrictEqual(server.heard, ["before"])
      assert.isFalse(server.handled[0]?.isOpen())
    }),
  )
})

describe("a client", () => {
  /** A client of `node:tls` itself. */
  const session = (port: number, options: Tls.ConnectionOptions = {}) =>
    Effect.acquireRelease(
      Effect.callback<Tls.TLSSocket, Error>((resume) => {
        const socket = Tls.connect({ host, port, rejectUnauthorized: false, ...options })
        socket.once("error", (error) => resume(Effect.fail(error)))
        socket.once("secureConnect", () => resume(Effect.succeed(socket)))
      }),
      (socket) => Effect.sync(() => socket.destroy()),
    )

  attack(
    "that speaks TLS 1.2 is refused",
    Effect.gen(function* () {
      const server = yield* startServer()
      const error = yield* Effect.flip(session(server.port, { maxVersion: "TLSv1.2" }))
      assert.include(error.message, "alert protocol version")
      assert.deepStrictEqual(server.handled, [])
    }),
  )

  attack(
    "that brings the tickets of an old session gets a new one: nothing of the old can be used again",
    Effect.gen(function* () {
      const server = yield* startServer()
      const tickets: Array<Buffer> = []
      const first = yield* session(server.port)
      first.on("session", (ticket: Buffer) => tickets.push(ticket))
      first.write("x")
      yield* Effect.callback<void>((resume) => void first.once("data", () => resume(Effect.void)))
      for (const ticket of tickets) {
        const again = yield* session(server.port, { session: ticket })
        assert.isFalse(again.isSessionReused())
        again.write("y")
        yield* Effect.callback<void>((resume) => void again.once("data", () => resume(Effect.void)))
      }
      const exporters = server.handled.map(({ secured }) => formatKey(secured!.exporter))
      assert.strictEqual(new Set(exporters).size, 1 + tickets.length)
    }),
  )

  attack(
    "that begins TLS and goes on with noise is cut off at once, and nobody is bothered",
    Effect.gen(function* () {
      const server = yield* startServer()
      const noise = [
        "\x16".repeat(100),
        `\x16\x03\x01\x00\x50${"x".repeat(80)}`,
        "\x16HELLO\nREGISTER mallory\n",
        "\x16\x03\x01\x00\x00".repeat(100),
      ]
      for (const bytes of noise) {
        const { socket, gone } = yield* rawClient(server.port)
        const since = yield* Clock.currentTimeMillis
        socket.write(Buffer.from(bytes, "latin1"))
        yield* Effect.promise(() => gone)
        assert.isBelow((yield* Clock.currentTimeMillis) - since, handshakeMillis / 2)
      }
      // Not even by somebody who spoils the session later.
      const broken = yield* session(server.port)
      broken.write("fine")
      yield* Effect.callback<void>((resume) => void broken.once("data", () => resume(Effect.void)))
      assert.deepStrictEqual(server.heard, ["fine"])
      assert.lengthOf(server.handled, 1)
    }),
  )

  attack(
    "with a ClientHello without end is cut off after little of it",
    Effect.gen(function* () {
      const server = yield* startServer()
      for (const claimed of [0xffffff, 0x030000]) {
        const { socket, gone } = yield* rawClient(server.port)
        const record = Buffer.alloc(5 + 16_384)
        record.writeUIntBE(0x160301, 0, 3)
        record.writeUInt16BE(16_384, 3)
        const first = Buffer.from(record)
        first.writeUInt8(1, 5)
        first.writeUIntBE(claimed, 6, 3)
        socket.write(first)
        const pour = (): void => {
          while (!socket.destroyed && socket.write(record));
        }
        socket.on("drain", pour)
        pour()
        yield* Effect.promise(() => gone)
        // What the system keeps for a connection that nobody reads is megabytes; the message claims more.
        assert.isBelow(socket.bytesWritten - socket.writableLength, 8_000_000)
      }
      assert.deepStrictEqual(server.handled, [])
    }),
  )

  attack(
    "or thousands that begin a handshake and leave it at that take bounded room, and keep nobody out",
    Effect.gen(function* () {
      const server = yield* startServer()
      /** So many clients of each address: half say nothing, half begin TLS. */
      const crowd = Effect.fnUntraced(function* (addresses: ReadonlyArray<string>, each: number) {
        const clients = yield* Effect.all(
          addresses.flatMap((address) => Array.from({ length: each }, () => rawClient(server.port, address))),
          { concurrency: 100 },
        )
        for (const [i, { socket }] of clients.entries()) if (i % 2 === 0) socket.write("\x16")
        // An honest one gets in, past all of them, from an address of theirs too.
        for (const localAddress of ["127.0.0.9", addresses[0]!]) {
          const honest = yield* connect(server.port, { localAddress })
          honest.send("let me in")
          assert.strictEqual(new TextDecoder().decode(yield* honest.receive), "hello")
        }
        return clients
      })
      /** Who is sent away hears of it soon. */
      const atMost = Effect.fnUntraced(function* (
        limit: number,
        clients: ReadonlyArray<{ readonly socket: Net.Socket }>,
      ) {
        const stay = () => clients.filter(({ socket }) => !socket.destroyed).length
        for (let i = 0; i < 1000 && stay() > limit; i++) yield* Effect.sleep(20)
        assert.isAtMost(stay(), limit)
        assert.isAbove(stay(), 0)
      })
      const { inAll, perCustomer } = TlsAdmission.limits
      const few = crowd(["127.0.0.2"], 2 * perCustomer)
      yield* Effect.scoped(Effect.flatMap(few, (clients) => atMost(perCustomer, clients)))
      const addresses = Array.from({ length: inAll / perCustomer + 1 }, (_, i) => `127.0.1.${i + 1}`)
      yield* Effect.scoped(Effect.flatMap(crowd(addresses, perCustomer), (clients) => atMost(inAll, clients)))
    }),
  )
})

attack(
  "a handshake that is slow, on either side, ends after ten seconds; a client that says nothing comes as it is",
  Effect.gen(function* () {
    const server = yield* startServer()
    const slow = (name: string, feed: (socket: Net.Socket) => void) =>
      Effect.gen(function* () {
        const since = yield* Clock.currentTimeMillis
        const { socket, gone } = yield* rawClient(server.port)
        feed(socket)
        yield* Effect.promise(() => gone)
        const took = (yield* Clock.currentTimeMillis) - since
        assert.isAtLeast(took, handshakeMillis - 500, name)
        assert.isBelow(took, handshakeMillis + 5000, name)
      })
    const drip = (socket: Net.Socket): void => {
      // A record of 512 bytes that would be there in two minutes.
      const hello = Buffer.from(`\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03${"\0".repeat(506)}`, "latin1")
      let sent = 0
      const timer = setInterval(() => {
        if (socket.destroyed) clearInterval(timer)
        else socket.write(hello.subarray(sent, ++sent))
      }, 250)
    }
    const hangs = Effect.fnUntraced(function* (name: string, port: number) {
      const since = yield* Clock.currentTimeMillis
      assert.strictEqual((yield* Effect.flip(connect(port))).reason, "TlsFailed", name)
      assert.isBelow((yield* Clock.currentTimeMillis) - since, handshakeMillis + 5000, name)
    })
    const silent = yield* rawClient(server.port, "127.0.0.3")
    yield* Effect.all(
      [
        slow("one byte", (socket) => void socket.write("\x16")),
        slow("a byte now and then", drip),
        hangs("a server that is silent", yield* hostileServer(() => {})),
        hangs("a server that drips", yield* hostileServer(drip)),
      ],
      { concurrency: "unbounded" },
    )
    yield* Effect.sleep(200)
    assert.lengthOf(server.handled, 1)
    assert.isUndefined(server.handled[0]?.secured)
    silent.socket.write("hello?")
    for (let i = 0; i < 1000 && server.heard.length === 0; i++) yield* Effect.sleep(20)
    assert.deepStrictEqual(server.heard, ["hello?"])
  }),
)
