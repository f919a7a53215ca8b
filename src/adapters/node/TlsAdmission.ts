/**
 * The door of a listener that serves plaintext and TLS on one port: it looks at the first byte, sees TLS handshakes
 * through, and bounds what waits in it.
 *
 * ```
 * socket -> first byte is 0x16 -> TLS handshake -> secured connection
 *              | another, or none for 10 s
 *              v
 *           plaintext connection                   all within 10 s, at most `limits` at a time; then the oldest goes
 * ```
 *
 * An honest handshake takes two round trips, one that only holds its place takes as long as it may: so when the door is
 * full, the oldest one makes room, and nobody can keep it shut by waiting in it.
 */
import type * as Net from "node:net"
import * as Tls from "node:tls"
import { customer } from "../../domain/Endpoint.ts"
import { type Connection, handshakeMillis } from "../../services/RendezvousTransport.ts"
import type { ServerIdentity } from "../../services/ServerIdentity.ts"
import { endpointOf, fromSocket } from "./NodeConnection.ts"
import * as NodeTls from "./NodeTls.ts"

/** How many may wait in the door: in all, and from one IPv4 address or one IPv6 /64. */
export const limits = { inAll: 1024, perCustomer: 256 }

/** The first byte of a TLS handshake (RFC 8446, section 5.1). */
const handshakeByte = 0x16

export interface TlsAdmission {
  /** Lets a new socket in: the connection comes when it is clear what it is, if ever. */
  readonly admit: (socket: Net.Socket, admitted: (connection: Connection) => void) => void
  /** For the sockets to come. Throws, and keeps the old one, if it can't be used. */
  readonly useIdentity: (identity: ServerIdentity) => void
  /** Sends away who waits. */
  readonly close: () => void
}

interface Waiting {
  readonly key: string
  readonly socket: Net.Socket
  readonly customer: string
  readonly admitted: (connection: Connection) => void
  readonly timer: NodeJS.Timeout
  /** The server key of the identity the handshake is made with, once there is one. */
  serverKey: Uint8Array | undefined
}

/** Throws if the identity can't be used. */
export const make = (first: ServerIdentity): TlsAdmission => {
  let identity = first
  /** By the endpoints of the connection: the TLS server tells of a session, not of the socket below. Oldest first. */
  const waiting = new Map<string, Waiting>()
  const customers = new Map<string, Set<Waiting>>()
  const tls = Tls.createServer({
    ...NodeTls.serverOptions(identity),
    allowHalfOpen: true,
    handshakeTimeout: handshakeMillis,
  })

  const enter = (one: Waiting): void => {
    const others = customers.get(one.customer) ?? new Set()
    if (others.size >= limits.perCustomer) drop(others.values().next().value)
    if (waiting.size >= limits.inAll) drop(waiting.values().next().value)
    waiting.set(one.key, one)
    // Whoever was dropped may have been the last of this customer.
    customers.set(one.customer, others.add(one))
  }
  const leave = (one: Waiting): void => {
    if (waiting.get(one.key) !== one) return
    clearTimeout(one.timer)
    waiting.delete(one.key)
    const others = customers.get(one.customer)
    if (others?.delete(one) === true && others.size === 0) customers.delete(one.customer)
  }
  const drop = (one: Waiting | undefined): void => {
    if (one === undefined) return
    leave(one)
    one.socket.resetAndDestroy()
  }

  tls.on("secureConnection", (session) => {
    const one = waiting.get(keyOf(session))
    const secured = one?.serverKey === undefined ? undefined : NodeTls.atServer(session, one.serverKey)
    if (one === undefined || secured === undefined) return void session.destroy()
    leave(one)
    one.admitted(fromSocket(session, secured, one.socket))
  })
  // The socket closes by itself.
  tls.on("tlsClientError", () => {})

  const admit: TlsAdmission["admit"] = (socket, admitted) => {
    if (socket.destroyed || socket.remoteAddress === undefined) return void socket.destroy()
    const one: Waiting = {
      key: keyOf(socket),
      socket,
      customer: customer(endpointOf(socket.remoteAddress, 0).address),
      admitted,
      timer: setTimeout(() => {
        if (one.serverKey === undefined) asItIs()
        else drop(one)
      }, handshakeMillis),
      serverKey: undefined,
    }
    const asItIs = (): void => {
      socket.off("data", onFirst)
      socket.off("end", onEnd)
      leave(one)
      admitted(fromSocket(socket))
      socket.resume()
    }
    const onFirst = (chunk: Buffer): void => {
      socket.pause()
      socket.unshift(chunk)
      if (chunk[0] !== handshakeByte) return asItIs()
      socket.off("end", onEnd)
      one.serverKey = identity.serverKey
      tls.emit("connection", socket)
    }
    // Nothing was asked, nothing is answered.
    const onEnd = (): void => void socket.destroy()
    enter(one)
    socket.once("close", () => leave(one))
    socket.once("end", onEnd)
    socket.once("data", onFirst)
  }

  return {
    admit,
    useIdentity: (next) => {
      tls.setSecureContext(NodeTls.serverOptions(next))
      identity = next
    },
    close: () => {
      for (const one of waiting.values()) drop(one)
    },
  }
}

const keyOf = ({ remoteAddress, remotePort, localAddress }: Net.Socket): string =>
  `${remoteAddress} ${remotePort} ${localAddress}`
