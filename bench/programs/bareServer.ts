/**
 * The floor of the server: `node:net` and nothing else.
 *
 * `echo` sends back what it gets. `relay` does to the sockets what a negotiation does, without knowing why: of the
 * lines of two clients that connected after each other, the first makes it write one line to both and the third
 * another (CHAT, OK, OK in; PORT, PORT, STARTCHAT, STARTCHAT out). A client never sends a line before the last one had
 * its effect, so that each chunk is one line.
 */
import * as Net from "node:net"
import { answer } from "./answer.ts"

const echo = (socket: Net.Socket): void => {
  socket.on("data", (chunk) => socket.write(chunk))
}

class Pair {
  readonly sockets: Array<Net.Socket> = []
  lines = 0

  write(text: string): void {
    for (const socket of this.sockets) socket.write(text)
  }
}

let unpaired: Pair | undefined

const relay = (socket: Net.Socket): void => {
  const pair = unpaired ?? new Pair()
  unpaired = unpaired === undefined ? pair : undefined
  pair.sockets.push(socket)
  socket.once("data", (registration) => {
    socket.write(registration)
    socket.on("data", () => {
      pair.lines += 1
      if (pair.lines === 1) pair.write("PORT 50000\n")
      if (pair.lines === 3) {
        pair.lines = 0
        pair.write("STARTCHAT 127.0.0.1 50000 callee-00\n")
      }
    })
  })
}

const serve = process.argv[2] === "relay" ? relay : echo

const server = Net.createServer((socket) => {
  socket.setNoDelay(true)
  socket.on("error", () => socket.destroy())
  serve(socket)
})

server.listen({ host: "127.0.0.1", port: 0 }, () => {
  answer({ port: () => (server.address() as Net.AddressInfo).port })
})
