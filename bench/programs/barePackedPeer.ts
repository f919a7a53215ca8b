/**
 * The floor of texts that share records: `node:dgram` and the cipher. As many texts as fit go into one datagram, each
 * after a word that says what it is and how long, sealed with a counter; the other side opens it and takes them out.
 *
 * Nothing is acknowledged or sent again: few enough are under way that the kernel loses none.
 */
import * as Dgram from "node:dgram"
import { once } from "node:events"
import * as BareCipher from "./bareCipher.ts"
import { answerWith } from "./peerLoad.ts"

const cipher = await BareCipher.sodium(new Uint8Array(32).fill(7))
const socket = Dgram.createSocket("udp4")
socket.bind(0, "127.0.0.1")
await once(socket, "listening")
socket.setRecvBufferSize(4 * 1024 * 1024)

/** Before the ciphertext, and behind it. */
const sealingBytes = 16
const framingBytes = 4
const plaintext = new Uint8Array(1200)
const opened = Buffer.alloc(plaintext.length)
let counter = 0

answerWith<Uint8Array>({
  port: socket.address().port,
  message: (text) => Buffer.from(text),
  open: async (remotePort, onMessage) => {
    let used = 0
    let isTurn = false

    const flush = (): void => {
      if (used === 0) return
      const datagram = Buffer.allocUnsafe(used + 2 * sealingBytes)
      datagram.fill(0, 0, 12)
      datagram.writeUInt32BE(counter, 12)
      cipher.seal(counter, plaintext.subarray(0, used), datagram)
      counter = (counter + 1) >>> 0
      used = 0
      socket.send(datagram, remotePort, "127.0.0.1")
    }

    const send = (message: Uint8Array): void => {
      if (used + framingBytes + message.length > plaintext.length) flush()
      plaintext[used] = 1
      plaintext[used + 1] = message.length >>> 16
      plaintext[used + 2] = message.length >>> 8
      plaintext[used + 3] = message.length
      plaintext.set(message, used + framingBytes)
      used += framingBytes + message.length
      // What is said outside of a turn goes at its end.
      if (isTurn) return
      isTurn = true
      queueMicrotask(() => {
        isTurn = false
        flush()
      })
    }

    socket.on("message", (datagram) => {
      const end = datagram.length - 2 * sealingBytes
      if (!cipher.open(datagram.readUInt32BE(12), datagram, opened)) return
      isTurn = true
      for (let at = 0; at < end;) {
        const length = (opened[at + 1]! << 16) | (opened[at + 2]! << 8) | opened[at + 3]!
        onMessage(opened.subarray(at + framingBytes, at + framingBytes + length))
        at += framingBytes + length
      }
      isTurn = false
      flush()
    })
    return send
  },
})
