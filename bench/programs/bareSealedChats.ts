/**
 * The floor of many chats: a `node:dgram` socket each, the other side's port and a key, with which a datagram was sealed
 * and one opened.
 */
import * as Dgram from "node:dgram"
import { once } from "node:events"
import { answer } from "./answer.ts"
import * as BareCipher from "./bareCipher.ts"

const cipher = await BareCipher.sodium(new Uint8Array(32).fill(7))

interface Chat {
  readonly socket: Dgram.Socket
  readonly key: Uint8Array
  counter: number
  remotePort: number
}
/** All of them, for they live. */
const chats: Array<Chat> = []
let bound: ReadonlyArray<Chat> = []

const bind = async (): Promise<Chat> => {
  const socket = Dgram.createSocket("udp4")
  socket.bind(0, "127.0.0.1")
  await once(socket, "listening")
  const chat: Chat = { socket, key: new Uint8Array(32), counter: 0, remotePort: 0 }
  chats.push(chat)
  return chat
}

/** Done when a datagram of the other side was opened. */
const open = async (chat: Chat, remotePort: number): Promise<void> => {
  chat.remotePort = remotePort
  const hello = (): void => {
    const datagram = Buffer.alloc(64)
    datagram.writeUInt32BE(++chat.counter, 12)
    cipher.seal(chat.counter, new Uint8Array(32), datagram)
    chat.socket.send(datagram, chat.remotePort, "127.0.0.1")
  }
  const heard = new Promise<void>((resolve) => {
    chat.socket.on("message", (datagram) => {
      if (cipher.open(datagram.readUInt32BE(12), datagram, new Uint8Array(32))) resolve()
    })
  })
  hello()
  // What was sent before the other side listened is lost.
  const again = setInterval(hello, 100)
  await heard
  clearInterval(again)
  hello()
}

answer({
  bind: async (count: number) => {
    bound = await Promise.all(Array.from({ length: count }, bind))
    return bound.map(({ socket }) => socket.address().port)
  },
  open: async (ports: ReadonlyArray<number>) => {
    await Promise.all(ports.map((port, i) => open(bound[i]!, port)))
    return ports.length
  },
})
