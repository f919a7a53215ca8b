/**
 * The floor of a peer: `node:dgram` and nothing else. A text is a datagram.
 */
import * as Dgram from "node:dgram"
import { answer } from "./answer.ts"

export interface Load {
  readonly text: string
  readonly count: number
  /** How many texts may be under way. */
  readonly window: number
  /** The other side sends back each of so many; divides `count` and `window`. */
  readonly returnEvery: number
}

const socket = Dgram.createSocket("udp4")
let remotePort = 0
let returnEvery = 1

const send = (datagram: Uint8Array): void => socket.send(datagram, remotePort, "127.0.0.1")

const sendBack = (): void => {
  let received = 0
  socket.on("message", (datagram) => {
    received += 1
    if (received % returnEvery === 0) send(datagram)
  })
}

const roundTrips = ({ text, count }: Load): Promise<ReadonlyArray<number>> =>
  new Promise((resolve) => {
    const payload = Buffer.from(text)
    const micros = new Float64Array(count)
    let i = 0
    let sentAt = performance.now()
    socket.on("message", () => {
      micros[i++] = (performance.now() - sentAt) * 1000
      if (i === count) {
        socket.removeAllListeners("message")
        return resolve([...micros])
      }
      sentAt = performance.now()
      send(payload)
    })
    send(payload)
  })

const oneWay = ({ text, count, window, returnEvery }: Load): Promise<number> =>
  new Promise((resolve) => {
    const payload = Buffer.from(text)
    const startedAt = performance.now()
    let [sent, underWay] = [0, 0]
    const fill = (): void => {
      for (; underWay < window && sent < count; sent++, underWay++) send(payload)
    }
    socket.on("message", () => {
      underWay -= returnEvery
      if (sent < count) return fill()
      if (underWay > 0) return
      socket.removeAllListeners("message")
      resolve((count / (performance.now() - startedAt)) * 1000)
    })
    fill()
  })

socket.bind(0, "127.0.0.1", () => {
  answer({
    port: () => socket.address().port,
    open: (port: number) => {
      remotePort = port
    },
    sendBack,
    every: (count: number) => {
      returnEvery = count
    },
    roundTrips,
    oneWay,
  })
})
