/**
 * A program that is nothing but a screen: it shows the events that come on a socket, one JSON object a line, and says on
 * it what was typed. A number is no event, but so many milliseconds in which it does nothing else. Arguments: which screen,
 * and the path of the socket.
 */
import * as Net from "node:net"
import * as Readline from "node:readline"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as JsonScreen from "../../../src/adapters/node/JsonScreen.ts"
import * as PlainScreen from "../../../src/adapters/node/PlainScreen.ts"
import * as TerminalScreen from "../../../src/adapters/node/TerminalScreen.ts"
import type { PeerEvent } from "../../../src/domain/PeerEvent.ts"
import { Screen } from "../../../src/services/Screen.ts"

const layers = { json: JsonScreen.layer, plain: PlainScreen.layer, terminal: TerminalScreen.layer }
const [kind, path = ""] = process.argv.slice(2)

const program = Effect.gen(function* () {
  const screen = yield* Screen
  const socket = Net.connect(path)
  Readline.createInterface({ input: socket }).on("line", (line) => {
    const told = JSON.parse(line) as PeerEvent | number
    if (typeof told !== "number") return void Effect.runFork(screen.show(told))
    const until = performance.now() + told
    while (performance.now() < until);
  })
  for (;;) {
    const line = yield* Effect.option(screen.readLine)
    if (Option.isNone(line)) break
    socket.write(`${JSON.stringify(line.value)}\n`)
  }
  socket.destroy()
})

NodeRuntime.runMain(Effect.provide(program, layers[kind as keyof typeof layers]))
