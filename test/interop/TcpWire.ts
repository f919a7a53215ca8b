/**
 * A wire of real TCP connections on loopback. It is at rest when each side has taken in what the other has sent, and a
 * number of turns of the event loop have brought nothing new.
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Net from "node:net"
import * as NodeRendezvousTransport from "../../src/adapters/node/NodeRendezvousTransport.ts"
import * as Endpoint from "../../src/domain/Endpoint.ts"
import { type Connection, RendezvousTransport } from "../../src/services/RendezvousTransport.ts"
import { type Script, turn, type Wire } from "./Wire.ts"

/** So many turns of the event loop without a byte: nothing is under way inside of the program either. */
const quietTurns = 40
/** A wire that does not come to rest in this time is a bug, in milliseconds. */
const patienceMillis = 30_000

/** What the program has done with one of its connections. */
interface Account {
  taken: number
  sent: number
  sawEnd: boolean
  /** It is done with it. */
  over: boolean
}

/** @param bind where the program's server listens; `::` for IPv6 and IPv4 */
export const make = (bind: "127.0.0.1" | "::" = "127.0.0.1"): Wire => {
  /** By the client's endpoint. */
  const accounts = new Map<string, Account>()
  const scripts = new Set<TcpScript>()
  /** Connections of the program that are being opened. */
  let opening = 0

  const watched = (connection: Connection, account: Account): Connection => ({
    ...connection,
    receive: connection.receive.pipe(
      Effect.tap((bytes) => Effect.sync(() => void (account.taken += bytes.length))),
      Effect.tapError(() => Effect.sync(() => void (account.sawEnd = true))),
    ),
    send: (text) => {
      account.sent += Buffer.byteLength(text)
      connection.send(text)
    },
  })
  const open = (client: Endpoint.Endpoint): Account => {
    const account: Account = { taken: 0, sent: 0, sawEnd: false, over: false }
    accounts.set(Endpoint.format(client), account)
    return account
  }
  const finish = (account: Account) => Effect.sync(() => void (account.over = true))

  const transport = Layer.effect(
    RendezvousTransport,
    Effect.map(RendezvousTransport, (real) =>
      RendezvousTransport.of({
        listen: (options) =>
          Effect.map(real.listen(options), (listener) => ({
            ...listener,
            serve: (handler) =>
              listener.serve((connection) =>
                Effect.suspend(() => {
                  const account = open(connection.remote)
                  return Effect.ensuring(handler(watched(connection, account)), finish(account))
                }),
              ),
          })),
        connect: Effect.fnUntraced(function* (options) {
          opening += 1
          const connection = yield* Effect.ensuring(
            real.connect(options),
            Effect.sync(() => void (opening -= 1)),
          )
          const account = open(connection.local)
          yield* Effect.addFinalizer(() => finish(account))
          return watched(connection, account)
        }),
      }),
    ),
  ).pipe(Layer.provide(NodeRendezvousTransport.layer))

  const atRest = (script: TcpScript): boolean => {
    const account = accounts.get(script.client)
    if (script.wasReset) return account === undefined || account.sawEnd || account.over
    if (account === undefined) return false
    if (account.over) return script.ended()
    const heard = account.taken === script.written && (!script.finished || account.sawEnd)
    return heard && script.received().length === account.sent
  }
  const isAtRest = (): boolean => {
    const all = [...scripts]
    const clients = new Set(all.map(({ client }) => client))
    return opening === 0 && all.every(atRest) && [...accounts.keys()].every((client) => clients.has(client))
  }
  const sum = (): string =>
    [...scripts].map((script) => `${script.client}: ${script.received().length}, ${script.ended()}`).join("\n")

  const settle = Effect.gen(function* () {
    const since = performance.now()
    let before = ""
    for (let quiet = 0; quiet < quietTurns;) {
      yield* turn
      const now = sum()
      quiet = now === before && isAtRest() ? quiet + 1 : 0
      before = now
      if (performance.now() - since > patienceMillis) return yield* Effect.die(new Error(`still busy:\n${now}`))
    }
  })

  const adopt = (socket: Net.Socket, client: string) =>
    Effect.acquireRelease(
      Effect.sync(() => {
        const script = new TcpScript(socket, client)
        scripts.add(script)
        return script
      }),
      () => Effect.sync(() => socket.destroy()),
    )

  const connect: Wire["connect"] = (port, from) =>
    Effect.flatMap(
      Effect.callback<Net.Socket>((resume) => {
        const host = Endpoint.isIpv6(from) ? "::1" : "127.0.0.1"
        const socket = Net.connect({ host, port, localAddress: from, allowHalfOpen: true })
        socket.once("error", (error) => resume(Effect.die(error)))
        socket.once("connect", () => resume(Effect.succeed(socket)))
      }),
      (socket) => adopt(socket, Endpoint.format({ address: socket.localAddress!, port: socket.localPort! })),
    )

  const listen = Effect.gen(function* () {
    const accepted: Array<TcpScript> = []
    const server = yield* Effect.acquireRelease(
      Effect.callback<Net.Server>((resume) => {
        const server = Net.createServer({ allowHalfOpen: true }, (socket) => {
          const client = Endpoint.format({ address: socket.remoteAddress!, port: socket.remotePort! })
          const script = new TcpScript(socket, client)
          scripts.add(script)
          accepted.push(script)
        })
        server.listen(0, "127.0.0.1", () => resume(Effect.succeed(server)))
      }),
      (server) =>
        Effect.sync(() => {
          for (const { socket } of accepted) socket.destroy()
          server.close()
        }),
    )
    return { endpoint: { address: "127.0.0.1", port: (server.address() as Net.AddressInfo).port }, accepted }
  })

  return { transport, bind, connect, listen, settle }
}

class TcpScript implements Script {
  readonly socket: Net.Socket
  /** The client's endpoint. */
  readonly client: string
  written = 0
  finished = false
  wasReset = false
  private over = false
  private chunks: Array<Uint8Array> = []

  constructor(socket: Net.Socket, client: string) {
    this.socket = socket
    this.client = client
    socket.setNoDelay(true)
    socket.removeAllListeners("error")
    socket.on("error", () => void (this.over = true))
    socket.on("end", () => void (this.over = true))
    socket.on("data", (chunk: Uint8Array) => this.chunks.push(chunk))
  }

  readonly send = (bytes: Uint8Array) =>
    Effect.sync(() => {
      if (this.finished || this.over) return
      this.written += bytes.length
      this.socket.write(bytes)
    })

  readonly finish = Effect.sync(() => {
    this.finished = true
    this.socket.end()
  })

  readonly reset = Effect.sync(() => {
    this.wasReset = true
    this.socket.resetAndDestroy()
  })

  readonly received = (): Uint8Array => {
    if (this.chunks.length > 1) this.chunks = [Buffer.concat(this.chunks)]
    return this.chunks[0] ?? new Uint8Array(0)
  }

  readonly ended = (): boolean => this.over
}
