/**
 * The floor of a first message: two people whose programs pass lines over TCP through a third one.
 *
 *     bareTalk.ts relay            says the port
 *     bareTalk.ts far PORT         sends back each line that comes, and says the last one
 *     bareTalk.ts near PORT        for each line that is typed, has three lines sent back; the fourth is the message
 */
import { once } from "node:events"
import * as Net from "node:net"
import { createInterface } from "node:readline"

const [role, port] = process.argv.slice(2)
const say = (event: object): void => void process.stdout.write(`${JSON.stringify(event)}\n`)
const roundTrips = 3

if (role === "relay") {
  const sockets: Array<Net.Socket> = []
  const server = Net.createServer((socket) => {
    socket.setNoDelay(true)
    sockets.push(socket)
    socket.on("data", (data) => sockets.find((other) => other !== socket)?.write(data))
    socket.on("error", () => {})
  })
  server.listen(0, "127.0.0.1", () => {
    say({ event: "listening", port: (server.address() as Net.AddressInfo).port })
  })
} else {
  const socket = Net.connect({ host: "127.0.0.1", port: Number(port) })
  await once(socket, "connect")
  socket.setNoDelay(true)
  let left = 0
  createInterface({ input: socket }).on("line", (line) => {
    if (role === "near") socket.write(--left > 0 ? "again\n" : "hello\n")
    else if (line === "hello") say({ event: "message" })
    else socket.write(`${line}\n`)
  })
  createInterface({ input: process.stdin }).on("line", () => {
    left = roundTrips
    socket.write("again\n")
  })
  say({ event: "registered" })
}
