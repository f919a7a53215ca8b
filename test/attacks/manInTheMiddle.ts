/**
 * A man in the middle as a program of its own: between two peers and their server on TCP, and between the two on UDP.
 *
 * ```
 * alice ─TCP─▶ 127.0.0.9:T ─TCP─▶ server         the server sees both at 127.0.0.9, and names that in STARTCHAT
 * bob   ─TCP─▶ 127.0.0.9:T ─TCP─▶ server
 * alice ─UDP─▶ 127.0.0.9:P ─UDP─▶ bob            P is the port of the chat, and so both send there what is for the other
 * ```
 *
 * Given one argument, JSON (`Setting`). Takes orders on standard input, one JSON a line (`Order`), and reports on
 * standard output, one JSON a line.
 */
import { randomBytes, randomInt } from "node:crypto"
import * as Dgram from "node:dgram"
import { once } from "node:events"
import { writeFileSync } from "node:fs"
import * as Net from "node:net"
import { createInterface } from "node:readline"
import * as Tls from "node:tls"
import * as NodeServerIdentity from "../../src/adapters/node/NodeServerIdentity.ts"

export interface Setting {
  /** The address on which both sides are intercepted, and another one of ours. */
  readonly at: string
  readonly elsewhere: string
  readonly serverPort: number
  /** The two peers. */
  readonly ends: readonly [string, string]
  /** The file that everything is written to which has passed. */
  readonly capture: string
}

/**
 * What to do with the next connections:
 * - `pass`: hand every byte on;
 * - `terminate`: TLS with a key of our own to the peer, and another session to the server; `terminate-1.2`: with TLS 1.2;
 * - `plaintext`: answer as a server of plaintext would; `reset`: let no TLS through.
 */
export type TcpMode = "pass" | "terminate" | "terminate-1.2" | "plaintext" | "reset"

export type Order =
  | { readonly do: "tcp"; readonly mode: TcpMode }
  /** Take up the wire between two peers that agreed on this port. */
  | { readonly do: "udp"; readonly port: number; readonly mode: "pass" | "attack" }
  | { readonly do: "report" }

const setting = JSON.parse(process.argv[2] ?? "") as Setting
const report = (event: string, fields: object = {}): void => console.log(JSON.stringify({ event, ...fields }))

/** No capture grows beyond this, in bytes. */
const maxCapture = 64 * 1024 * 1024
let captured = 0

/** Each direction of each connection is one stream, so that nothing is torn apart by what passed in between. */
class Stream {
  readonly chunks: Array<Buffer> = []

  add(chunk: Buffer): void {
    captured += chunk.length
    if (captured > maxCapture) process.exit(1)
    this.chunks.push(chunk)
  }

  get bytes(): Buffer {
    return Buffer.concat(this.chunks)
  }
}

const streams: Array<Stream> = []
const stream = (): Stream => {
  const added = new Stream()
  streams.push(added)
  return added
}

// TCP

let mode: TcpMode = "pass"
const own = NodeServerIdentity.ofKey(NodeServerIdentity.generateKey())
/** What peers said to us in clear, or within TLS that ended here, and what the server answered to that. */
const heard = stream()
const answered = stream()
/** The first bytes of each connection of a peer. */
const openings: Array<string> = []

const join = (one: Net.Socket, other: Net.Socket, to: Stream, fro: Stream): void => {
  const carry = (from: Net.Socket, onto: Net.Socket, record: Stream): void => {
    from.on("data", (chunk: Buffer) => record.add(chunk))
    from.on("error", () => onto.destroy())
    from.pipe(onto)
  }
  carry(one, other, to)
  carry(other, one, fro)
}

const toServer = { host: "127.0.0.1", port: setting.serverPort, localAddress: setting.at }

const tap = (peer: Net.Socket): void => {
  const raw = stream()
  peer.once("data", (chunk: Buffer) => openings.push(chunk.subarray(0, 6).toString("hex")))
  peer.on("data", (chunk: Buffer) => raw.add(chunk))
}

const terminate = (peer: Net.Socket, version: "TLSv1.2" | "TLSv1.3"): void => {
  const session = new Tls.TLSSocket(peer, {
    isServer: true,
    secureContext: Tls.createSecureContext({
      cert: own.certificates,
      key: own.privateKey,
      minVersion: version,
      maxVersion: version,
    }),
  })
  session.on("error", () => peer.destroy())
  session.once("secure", () => {
    const server = Tls.connect({ ...toServer, minVersion: "TLSv1.3", rejectUnauthorized: false })
    join(session, server, heard, answered)
  })
}

const onPeer = (peer: Net.Socket): void => {
  peer.on("error", () => {})
  switch (mode) {
    case "pass": {
      const [to, fro] = [stream(), stream()]
      return join(peer, Net.connect(toServer), to, fro)
    }
    case "terminate":
    case "terminate-1.2":
      return terminate(peer, mode === "terminate" ? "TLSv1.3" : "TLSv1.2")
    case "plaintext":
      tap(peer)
      peer.on("data", (chunk: Buffer) => {
        heard.add(chunk)
        peer.write("HELLO\nREGISTER alexandra OK\nSTARTUSERS\nENDUSERS\n")
      })
      return
    case "reset":
      tap(peer)
      peer.once("data", (chunk: Buffer) => {
        heard.add(chunk)
        peer.resetAndDestroy()
      })
  }
}

const listener = Net.createServer(onPeer)
listener.listen(0, setting.at)
await once(listener, "listening")

// UDP

/** How many bits of one datagram are flipped, one after the other, each in a copy of its own. */
const flips = 24
/** How long a datagram is held back at most, so that the next one goes before it. Milliseconds. */
const holdMillis = 60
const spoofed = { sent: 0, received: 0 }

/** What is done to the datagrams of one direction. */
class Attack {
  private readonly history: Array<Buffer> = []
  private flipped = 0
  private count = 0
  private held: (() => void) | undefined
  private readonly socket: Dgram.Socket
  private readonly other: Dgram.Socket
  private readonly port: number

  constructor(socket: Dgram.Socket, other: Dgram.Socket, port: number) {
    this.socket = socket
    this.other = other
    this.port = port
  }

  pass(genuine: Buffer, from: string, to: string): void {
    this.count += 1
    const send = (bytes: Buffer, address = to): void => this.socket.send(bytes, this.port, address)
    for (let i = 0; i < flips; i++) send(this.flip(genuine))
    for (const length of [0, 1, 16, randomInt(genuine.length), genuine.length - 1]) send(genuine.subarray(0, length))
    send(Buffer.concat([genuine, randomBytes(1)]))
    send(Buffer.concat([genuine, Buffer.alloc(64)]))
    send(Buffer.concat([genuine.subarray(0, 16), randomBytes(genuine.length - 16)]))
    send(randomBytes(genuine.length))
    send(Buffer.from('alexandra MSG "forged"'))
    send(Buffer.from("alexandra CLOSE"))
    // A datagram of the handshake without a server.
    send(Buffer.concat([Buffer.from([2, 1, 0, 0]), randomBytes(16), Buffer.alloc(16)]))
    // A mirror.
    send(genuine, from)
    for (let i = 0; i < 3 && this.history.length > 0; i++) send(this.history[randomInt(this.history.length)]!)
    this.history.push(genuine)
    if (this.history.length > 1000) this.history.shift()
    if (this.count % 5 === 0) {
      // From another address, and there first: as if the sender had moved.
      this.other.send(genuine, this.port, to)
      spoofed.sent += genuine.length
    }
    const held = this.held
    this.held = undefined
    if (this.count % 3 === 0) {
      const release = (): void => {
        if (this.held === release) this.held = undefined
        clearTimeout(timer)
        send(genuine)
      }
      const timer = setTimeout(release, holdMillis)
      this.held = release
    } else send(genuine)
    held?.()
  }

  /** Each bit in its turn. */
  private flip(genuine: Buffer): Buffer {
    const copy = Buffer.from(genuine)
    const bit = this.flipped++ % (8 * genuine.length)
    copy[bit >> 3]! ^= 1 << (bit & 7)
    return copy
  }
}

const between = async (port: number, how: "pass" | "attack"): Promise<void> => {
  const [socket, other] = [Dgram.createSocket("udp4"), Dgram.createSocket("udp4")]
  const ways = setting.ends.map(() => ({ seen: stream(), attack: new Attack(socket, other, port) }))
  socket.on("message", (datagram, { address }) => {
    const sender = setting.ends.indexOf(address)
    const receiver = setting.ends[1 - sender]
    if (sender < 0 || receiver === undefined) return
    const { seen, attack } = ways[sender]!
    seen.add(datagram)
    if (how === "attack") attack.pass(datagram, address, receiver)
    else socket.send(datagram, port, receiver)
  })
  other.on("message", (datagram) => {
    spoofed.received += datagram.length
  })
  socket.bind(port, setting.at)
  other.bind(port, setting.elsewhere)
  await Promise.all([once(socket, "listening"), once(other, "listening")])
}

// Orders

const obey = async (order: Order): Promise<void> => {
  switch (order.do) {
    case "tcp":
      mode = order.mode
      return report("ready")
    case "udp":
      await between(order.port, order.mode)
      return report("ready")
    case "report":
      writeFileSync(setting.capture, Buffer.concat(streams.map(({ bytes }) => bytes)))
      return report("report", {
        heard: heard.bytes.toString("latin1"),
        answered: answered.bytes.toString("latin1"),
        openings,
        spoofed,
        bytes: captured,
      })
  }
}

createInterface({ input: process.stdin })
  .on("line", (line) => void obey(JSON.parse(line) as Order))
  .on("close", () => process.exit(0))

report("listening", {
  port: (listener.address() as Net.AddressInfo).port,
  key: Buffer.from(own.serverKey).toString("base64url"),
})
