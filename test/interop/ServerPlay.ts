/**
 * Plays the client side of a recording against this program's server, with the recorded pauses.
 *
 * Only an answer waits for its question: a client that has been asked PORT twice by then in the recording says nothing
 * before it has been asked as often here, or has waited for a second.
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as PortAllocator from "../../src/services/PortAllocator.ts"
import { RendezvousServer } from "../../src/services/server/RendezvousServer.ts"
import { defaults, ServerLimits } from "../../src/services/server/ServerLimits.ts"
import * as Recording from "./Recording.ts"
import { pass, type Script, type Wire } from "./Wire.ts"

/** How long a client waits for the question that it answered in the recording, in milliseconds. */
const questionMillis = 1000

/** How long what the last line has started may go on, in milliseconds: longer than a server waits for an answer. */
const tailMillis = 7000

/** Draws the numbers that the original server drew, in order, and then 40001, 40002, … */
const recordedPorts = ({ events }: Recording.Recording): Layer.Layer<PortAllocator.PortAllocator> =>
  Layer.effect(
    PortAllocator.PortAllocator,
    Effect.sync(() => {
      const said = events.flatMap(({ dir, data }) => (dir === "s2c" && data !== undefined ? [data] : [])).join("")
      const ports = [...new Set([...said.matchAll(/^PORT ([0-9]+)$/gm)].map(([, port]) => Number(port)))]
      let surplus = 40_000
      return PortAllocator.PortAllocator.of({
        draw: () => Effect.sync(() => ports.shift() ?? (surplus += 1)),
      })
    }),
  )

/** The older program has no limit on lines, and one recording has a line of 2 MiB. */
const unhurried = Layer.succeed(ServerLimits, { ...defaults, lines: { burst: 100_000, perSecond: 100_000 } })

/** What our server says to the clients of a recording. */
export const play = Effect.fnUntraced(function* (wire: Wire, recording: Recording.Recording) {
  const server = yield* Layer.build(
    RendezvousServer.layer({ address: wire.bind, port: 0, dialect: "original" }).pipe(
      Layer.provide([wire.transport, recordedPorts(recording), unhurried]),
    ),
  )
  const { local } = yield* Effect.provideContext(RendezvousServer, server)
  const scripts = new Map<string, Script>()
  let now = 0
  /** How often each client had been asked PORT by now. */
  const asked = new Map<string, number>()

  const open = Effect.fnUntraced(function* (conn: string, from: string) {
    const script = yield* wire.connect(local.port, from)
    scripts.set(conn, script)
    return script
  })

  const isAsked = (conn: string): boolean => {
    const script = scripts.get(conn)
    return script === undefined || script.ended() || questions(script.received()) >= (asked.get(conn) ?? 0)
  }

  for (const event of recording.events) {
    const { conn, dir } = event
    if (conn === undefined) continue
    if (dir === "s2c") {
      asked.set(conn, (asked.get(conn) ?? 0) + questions(Recording.bytesOf(event)))
      continue
    }
    const at = Math.round(event.t_ms)
    yield* pass(wire, at - now)
    now = at
    for (let waited = 0; waited < questionMillis && !isAsked(conn); waited += 50) yield* pass(wire, 50)
    if (event.event === "open") yield* open(conn, event.client_ip!)
    const bytes = Recording.bytesOf(event)
    // A capture has no openings: the first words are one. What was said before belongs to a connection of before.
    const script = scripts.get(conn) ?? (bytes === undefined ? undefined : yield* open(conn, captured[conn]!))
    if (script === undefined) continue
    if (bytes !== undefined) yield* script.send(bytes)
    if (event.event === "fin") yield* script.finish
    if (event.event === "rst") yield* script.reset
  }
  yield* pass(wire, tailMillis)
  return Object.fromEntries(
    [...scripts].map(([conn, script]) => [conn, Recording.lines(script.received(), script.ended())]),
  ) satisfies Recording.Transcript
})

const questions = (bytes: Uint8Array | undefined): number =>
  bytes === undefined
    ? 0
    : Buffer.from(bytes)
        .toString("latin1")
        .split(/^PORT /m).length - 1

/** Where the clients of a capture are, on loopback. */
const captured: Readonly<Record<string, string>> = { alice: "127.0.0.2", bob: "127.0.0.3" }
