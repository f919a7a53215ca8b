/** Shows events on a screen that runs in a program of its own, as the command has it. */
import * as Net from "node:net"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import type { PeerEvent } from "../../../src/domain/PeerEvent.ts"
import { folder, Program } from "../../cli/Program.ts"
import { type Options, Terminal } from "../../cli/Terminal.ts"

const file = fileURLToPath(new URL("./screenProgram.ts", import.meta.url))

export class ScreenPlay<A extends AsyncDisposable> implements AsyncDisposable {
  readonly on: A
  private readonly server: Net.Server
  private readonly socket: Net.Socket

  private constructor(on: A, server: Net.Server, socket: Net.Socket) {
    this.on = on
    this.server = server
    this.socket = socket
  }

  private static async start<A extends AsyncDisposable>(open: (path: string) => A): Promise<ScreenPlay<A>> {
    const path = join(folder(), "events")
    const { promise, resolve } = Promise.withResolvers<Net.Socket>()
    const server = Net.createServer((socket) => {
      socket.on("error", () => {}).resume()
      resolve(socket)
    })
    await new Promise<void>((listening) => server.listen(path, listening))
    return new ScreenPlay(open(path), server, await promise)
  }

  static atTerminal(options: Options): Promise<ScreenPlay<Terminal>> {
    return ScreenPlay.start((path) => new Terminal(["terminal", path], { ...options, file }))
  }

  static ofScript(kind: "plain" | "json"): Promise<ScreenPlay<Program>> {
    return ScreenPlay.start((path) => new Program([kind, path], { file }))
  }

  show(...events: ReadonlyArray<PeerEvent>): void {
    this.socket.write(events.map((event) => `${JSON.stringify(event)}\n`).join(""))
  }

  /** Keeps the program from noticing anything for so many milliseconds. */
  keepBusy(millis: number): void {
    this.socket.write(`${millis}\n`)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.on[Symbol.asyncDispose]()
    this.socket.destroy()
    this.server.close()
  }
}
