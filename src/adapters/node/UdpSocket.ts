/**
 * One UDP socket of one family (`node:dgram`): bind, send with or without a hop limit, receive.
 */
import * as Effect from "effect/Effect"
import * as Dgram from "node:dgram"
import * as Endpoint from "../../domain/Endpoint.ts"
import { BindError } from "../../services/PeerTransport.ts"
import { errorCode } from "./errorCode.ts"

/** What the kernel may keep for us while we are busy: a flood at the start of a chat must not push out the rest. Bytes. */
const receiveBufferBytes = 4 * 1024 * 1024

/** What systems set by themselves, and what RFC 1700 says. Node has no way to ask for it. */
const usualHops = 64

type Handler = (datagram: Uint8Array, from: Endpoint.Endpoint) => void

/** A socket at an address and port; 0 lets the system choose. Closed by its `close`, not by a scope. */
export const bindUdp = (address: string, port: number): Effect.Effect<UdpSocket, BindError> =>
  Effect.callback<UdpSocket, BindError>((resume) => {
    const socket = open(address)
    socket.once("error", (cause) => {
      socket.close()
      resume(Effect.fail(new BindError({ reason: bindReason(cause), address, port })))
    })
    socket.bind({ address, port, exclusive: true }, () => {
      socket.removeAllListeners("error")
      resume(Effect.succeed(new UdpSocket(socket, socket.address().port)))
    })
  })

export class UdpSocket {
  readonly port: number
  private readonly socket: Dgram.Socket
  /** A socket that is being closed throws when it is used. */
  private isOpen = true
  /** Whether the system still has a datagram with a hop limit of its own to send. */
  private isLimited = false

  constructor(socket: Dgram.Socket, port: number) {
    this.socket = socket
    this.port = port
    // A datagram that could not be sent is a lost datagram.
    socket.on("error", () => {})
    try {
      socket.setRecvBufferSize(receiveBufferBytes)
    } catch {
      // The system's own size then.
    }
  }

  /** A socket at an address and port, at once; none if it can't be bound. */
  static bindNow(address: string, port: number): UdpSocket | undefined {
    const socket = open(address)
    let isBound = false
    socket.once("error", () => {
      if (!isBound) socket.close()
    })
    socket.bind({ address, port, exclusive: true }, () => {
      isBound = true
    })
    // The address needs no look-up, so it is bound by now, or never will be.
    return isBound ? new UdpSocket(socket, port) : undefined
  }

  send(datagram: Uint8Array, to: Endpoint.Endpoint, ttl?: number): void {
    if (!this.isOpen || !Endpoint.isPort(to.port)) return
    if (ttl !== undefined) return this.sendLimited(datagram, to, ttl)
    this.socket.send(datagram, to.port, to.address)
  }

  /**
   * The limit is the socket's, so it is set for the one call that hands the datagram to the system. With a full send
   * buffer the datagram waits: then the limit stays until it has gone, and what comes meanwhile has it too.
   */
  private sendLimited(datagram: Uint8Array, to: Endpoint.Endpoint, ttl: number): void {
    const { socket } = this
    if (!Number.isInteger(ttl) || ttl < 1 || ttl > 255) return
    // Behind others that wait it would leave with another limit: better not at all.
    if (socket.getSendQueueCount() > 0) return
    socket.setTTL(ttl)
    this.isLimited = true
    socket.send(datagram, to.port, to.address, () => this.unlimit())
    if (socket.getSendQueueCount() === 0) this.unlimit()
  }

  private unlimit(): void {
    if (!this.isLimited || !this.isOpen) return
    this.isLimited = false
    this.socket.setTTL(usualHops)
  }

  /** Hands what arrives to this handler alone; to none, dropping it, without one. */
  listen(handler: Handler | undefined): void {
    this.socket.removeAllListeners("message")
    if (handler !== undefined) this.socket.on("message", handler)
  }

  get close(): Effect.Effect<void> {
    return Effect.callback((resume) => {
      this.isOpen = false
      this.socket.close(() => resume(Effect.void))
    })
  }
}

const open = (address: string): Dgram.Socket => {
  const ipv6 = Endpoint.isIpv6(address)
  return Dgram.createSocket({
    type: ipv6 ? "udp6" : "udp4",
    reuseAddr: false,
    ipv6Only: ipv6,
    // Only numeric addresses are sent to: no look-up, no turn of the event loop.
    lookup: (host, _options, callback) => callback(null, host, ipv6 ? 6 : 4),
  })
}

const bindReason = (cause: unknown): BindError["reason"] => {
  switch (errorCode(cause)) {
    case "EADDRINUSE":
      return "InUse"
    case "EADDRNOTAVAIL":
    case "EAFNOSUPPORT":
    case "EINVAL":
    case "ENOTFOUND":
      return "NoSuchAddress"
    case "EACCES":
    case "EPERM":
      return "NotPermitted"
    default:
      return "Unknown"
  }
}
