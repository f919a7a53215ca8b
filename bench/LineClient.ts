/**
 * A client that knows of lines and nothing else: it puts the same load on the server and on its floor.
 */
import * as Net from "node:net"

export interface LineClient {
  readonly send: (line: string) => void
  /** Waits for the next line. */
  readonly next: () => Promise<string>
  /** Calls the handler for each line from now on. */
  readonly onLine: (handler: (line: string) => void) => void
  readonly close: () => void
}

export const connect = (port: number): Promise<LineClient> =>
  new Promise((resolve, reject) => {
    let rest = ""
    let onLine: (line: string) => void = () => {}
    const socket = Net.connect({ host: "127.0.0.1", port })
    socket.setNoDelay(true)
    socket.setEncoding("latin1")
    socket.on("data", (text: string) => {
      rest += text
      for (let end = rest.indexOf("\n"); end >= 0; end = rest.indexOf("\n")) {
        const line = rest.slice(0, end)
        rest = rest.slice(end + 1)
        onLine(line)
      }
    })
    socket.on("error", reject)
    socket.on("connect", () =>
      resolve({
        send: (line) => socket.write(`${line}\n`),
        next: () =>
          new Promise((resolve) => {
            onLine = resolve
          }),
        onLine: (handler) => {
          onLine = handler
        },
        close: () => socket.resetAndDestroy(),
      }),
    )
  })

/** A client that has its name. */
export const register = async (port: number, name: string): Promise<LineClient> => {
  const client = await connect(port)
  const registered = client.next()
  client.send(`REGISTER ${name}`)
  const line = await registered
  if (!line.startsWith(`REGISTER ${name}`)) throw new Error(`${name} was not registered: ${line}`)
  return client
}
