/* oxlint-disable unicorn/require-post-message-target-origin -- threads, not windows */
/**
 * An original peer at the start of a chat, in a thread of its own: Connects without pause, at most 60,000 a second, on
 * a real socket. After two seconds it says a text until it hears one. Then it reports what it got.
 */
import { createSocket } from "node:dgram"
import { parentPort, workerData } from "node:worker_threads"

const { port } = workerData as { readonly port: number }
const perBurst = 120
const burstMillis = 2
const floodMillis = 2000

const socket = createSocket("udp4")
const connect = Buffer.from("orig\nConnect\n3\n\n")
let sent = 0
let connectsHeard = 0

socket.on("message", (datagram) => {
  const [, type, text] = datagram.toString().split("\n")
  if (type === "Connect") connectsHeard += 1
  if (type !== "Msg") return
  parentPort!.postMessage({ sent, connectsHeard, text })
  socket.close()
  clearInterval(talking)
})

let talking: NodeJS.Timeout | undefined

socket.bind(0, "127.0.0.1", () => {
  parentPort!.postMessage({ port: socket.address().port })
  parentPort!.once("message", () => {
    const since = performance.now()
    const flood = (): void => {
      const now = performance.now() - since
      if (now >= floodMillis) {
        talking = setInterval(() => socket.send("orig\nMsg\nhello\n\n", port, "127.0.0.1"), 100)
        return
      }
      // What a busy machine has missed is not made up for.
      const due = Math.min((now / burstMillis) * perBurst - sent, 4 * perBurst)
      for (let i = 0; i < due; i++) {
        sent += 1
        socket.send(connect, port, "127.0.0.1")
      }
      setTimeout(flood, burstMillis)
    }
    flood()
  })
})
