/**
 * The floor of a peer: `node:dgram` and nothing else. A text is a datagram, which nobody looks at.
 */
import * as Dgram from "node:dgram"
import { once } from "node:events"
import { answerWith } from "./peerLoad.ts"

const socket = Dgram.createSocket("udp4")
socket.bind(0, "127.0.0.1")
await once(socket, "listening")

answerWith<Uint8Array>({
  port: socket.address().port,
  message: (text) => Buffer.from(text),
  open: async (remotePort, onMessage) => {
    socket.on("message", onMessage)
    return (datagram) => socket.send(datagram, remotePort, "127.0.0.1")
  },
})
