/**
 * Watches what leaves a person's machine: no byte of a text in the clear, nothing to an address that has no part in the
 * simulation, and never more sockets than a search needs.
 */
import { Effect, Layer } from "effect"
import type { MemoryHost } from "nomitm/adapters/memory/MemoryNetwork"
import { PeerTransport } from "nomitm/services/PeerTransport"
import { PortMapper } from "nomitm/services/PortMapper"
import { RendezvousTransport } from "nomitm/services/RendezvousTransport"

/** In every text, and in nothing else. */
export const marker = "what nobody else may read"

/** A spray has 256 sockets, and what searches keep besides is a few. */
const maxSockets = 300

export interface Watch {
  /** The addresses of everybody there is. */
  readonly addresses: Set<string>
  /** Datagrams that were sent. */
  packets: number
  /** Sockets there are now. */
  sockets: number
  /** What was seen that must not be. */
  readonly problems: Array<string>
}

export const make = (): Watch => ({ addresses: new Set(), packets: 0, sockets: 0, problems: [] })

const isReadable = (bytes: Uint8Array): boolean =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).includes(marker)

/** Words of a line that are long enough to be a record or a message. */
const longWords = /[\w-]{30,}/g

/** The transports of a host, watched. */
export const transports = (
  host: MemoryHost,
  watch: Watch,
): Layer.Layer<PeerTransport | RendezvousTransport | PortMapper> => {
  const { peerTransport, rendezvousTransport, portMapper } = host
  const note = (problem: string): void => {
    if (watch.problems.length < 5) watch.problems.push(`${host.name}: ${problem}`)
  }
  const bind: PeerTransport["Service"]["bind"] = (options) =>
    Effect.gen(function* () {
      const socket = yield* peerTransport.bind(options)
      if (++watch.sockets > maxSockets) note(`${watch.sockets} sockets`)
      yield* Effect.addFinalizer(() => Effect.sync(() => watch.sockets--))
      return {
        ...socket,
        send: (datagram, to, ttl) => {
          watch.packets++
          if (isReadable(datagram)) note("a text in the clear")
          if (!watch.addresses.has(to.address)) note(`a datagram to ${to.address}`)
          socket.send(datagram, to, ttl)
        },
      }
    })
  const connect: RendezvousTransport["Service"]["connect"] = (options) =>
    Effect.map(rendezvousTransport.connect(options), (connection) => ({
      ...connection,
      send: (text) => {
        const words = text.match(longWords) ?? []
        if (text.includes(marker) || words.some((word) => isReadable(Buffer.from(word, "base64url")))) {
          note("a text in the clear, through the server")
        }
        connection.send(text)
      },
    }))
  return Layer.mergeAll(
    Layer.succeed(PeerTransport, { ...peerTransport, bind }),
    Layer.succeed(RendezvousTransport, { ...rendezvousTransport, connect }),
    Layer.succeed(PortMapper, portMapper),
  )
}
