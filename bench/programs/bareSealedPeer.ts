/**
 * The floor of a sealed chat: `node:dgram` and the cipher. A text is a datagram, sealed with a counter, which the other
 * side opens.
 */
import * as Dgram from "node:dgram"
import { once } from "node:events"
import * as BareCipher from "./bareCipher.ts"
import { answerWith } from "./peerLoad.ts"

const cipher = await BareCipher.sodium(new Uint8Array(32).fill(7))
const socket = Dgram.createSocket("udp4")
socket.bind(0, "127.0.0.1")
await once(socket, "listening")

const headerBytes = 16
let counter = 0

answerWith<Uint8Array>({
  port: socket.address().port,
  message: (text) => Buffer.from(text),
  open: async (remotePort, onMessage) => {
    socket.on("message", (datagram) => {
      const plaintext = Buffer.allocUnsafe(datagram.length - 2 * headerBytes)
      if (cipher.open(datagram.readUInt32BE(12), datagram, plaintext)) onMessage(plaintext)
    })
    return (plaintext) => {
      const datagram = Buffer.allocUnsafe(plaintext.length + 2 * headerBytes)
      datagram.fill(0, 0, 12)
      datagram.writeUInt32BE(counter, 12)
      cipher.seal(counter, plaintext, datagram)
      counter = (counter + 1) >>> 0
      socket.send(datagram, remotePort, "127.0.0.1")
    }
  },
})
