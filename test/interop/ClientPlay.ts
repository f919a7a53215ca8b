/**
 * Plays the server side of a recording against this program's peer, at the recorded times.
 *
 * What was pressed in the original's window is typed here. The UDP ports are not real: those that the original found in
 * use are in use, and nobody answers.
 */
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Random from "effect/Random"
import * as MemoryScreen from "../../src/adapters/memory/MemoryScreen.ts"
import * as Username from "../../src/domain/Username.ts"
import { ChatSession } from "../../src/services/chat/ChatSession.ts"
import { Peer } from "../../src/services/peer/Peer.ts"
import { BindError, PeerTransport } from "../../src/services/PeerTransport.ts"
import { RendezvousClient } from "../../src/services/link/RendezvousClient.ts"
import { lingerMillis } from "../../src/services/RendezvousTransport.ts"
import * as Recording from "./Recording.ts"
import { pass, type ScriptedServer, type Wire } from "./Wire.ts"

/** How long a connection that is gone may take to be opened again, in milliseconds. */
const tailMillis = 1500

/** What the person before the original did. */
type Deed = { readonly press: "connect" | "list" } | { readonly name: string } | { readonly call: string }

/** One client's part of a recording. */
export interface Part {
  /** What the server said, and what was done, in order of time. */
  readonly events: ReadonlyArray<{ readonly at: number; readonly event: Recording.Event; readonly deed?: Deed }>
  /** What the client said on its first, its second connection. */
  readonly said: Recording.Transcript
  /** Nobody listened the first time that the client connected. */
  readonly serverIsLate: boolean
}

const deedOf = (action: string | undefined): Deed | undefined => {
  if (action === "connect" || action === "list") return { press: action }
  if (action?.startsWith("pick ")) return { call: action.slice("pick ".length) }
  const name = /^server \S+ \S+ (.*)$/.exec(action ?? "")
  return name === null ? undefined : { name: name[1]! }
}

/** A recording of `client/`. That the driver ended the program at last is not a part of it. */
export const partOf = (recording: Recording.Recording): Part => {
  let connection = 0
  const last = recording.events.at(-1)
  const events = recording.events.map((event) => {
    if (event.event === "accepted") connection += 1
    const isKilled = event === last && event.dir === "c2s" && event.event !== undefined
    return {
      ...event,
      ...(connection === 0 || isKilled ? {} : { conn: `${connection}` }),
      ...(event.event === "accepted" ? { event: "open" } : {}),
    }
  })
  return {
    events: events.map((event) => {
      const deed = deedOf(event.client_action)
      return { at: event.t_ms, event, ...(deed === undefined ? {} : { deed }) }
    }),
    said: Recording.transcript(events, "c2s"),
    serverIsLate: recording.about.startsWith("nobody listens"),
  }
}

/** One original client of a capture: what it did shows in what it said. */
export const partOfCapture = (recording: Recording.Recording, name: string): Part => {
  // The ends of streams are those of the programs, one of them from before.
  const events = recording.events.filter(({ conn, event }) => conn === name && event === undefined)
  return {
    events: events.flatMap((event): Part["events"] => {
      const at = event.t_ms
      if (event.dir !== "c2s") return [{ at, event }]
      if (event.data === "HELLO\n") {
        return [
          { at, event, deed: { name } },
          { at, event, deed: { press: "connect" } },
        ]
      }
      if (event.data === "LISTUSERS\n") return [{ at, event, deed: { press: "list" } }]
      const call = /^CHAT (.*)\n$/.exec(event.data ?? "")
      return [{ at, event, ...(call === null ? {} : { deed: { call: call[1]! } }) }]
    }),
    said: { "1": Recording.transcript(events, "c2s")[name]! },
    serverIsLate: false,
  }
}

/** UDP ports of which some are in use, and behind which nobody is. */
const portsWithout = (inUse: ReadonlySet<number>): Layer.Layer<PeerTransport> => {
  const bound = new Set(inUse)
  return Layer.succeed(
    PeerTransport,
    PeerTransport.of({
      bind: ({ port, address = "127.0.0.1" }) =>
        Effect.acquireRelease(
          Effect.suspend(() => {
            if (bound.has(port)) return Effect.fail(new BindError({ reason: "InUse", address, port }))
            bound.add(port)
            return Effect.succeed({ local: { address, port }, send: () => {}, receive: () => Effect.void })
          }),
          () => Effect.sync(() => bound.delete(port)),
        ),
      resolve: Effect.succeed,
      addresses: Effect.succeed([]),
    }),
  )
}

/** The ports that the original refused. */
const refusedPorts = ({ events }: Part): ReadonlySet<number> => {
  const refused = new Set<number>()
  let asked = 0
  for (const { event } of events) {
    const port = /^PORT ([0-9]+)\n$/.exec(event.dir === "s2c" ? (event.data ?? "") : "")
    if (port !== null) asked = Number(port[1])
    if (event.dir === "c2s" && event.data === "ERROR\n") refused.add(asked)
  }
  return refused
}

/** What our peer says to the server of a recording. */
export const play = Effect.fnUntraced(function* (wire: Wire, part: Part) {
  const server: ScriptedServer = yield* wire.listen
  const screen = yield* MemoryScreen.make()
  const peer = yield* Layer.build(
    Peer.layer.pipe(
      Layer.provide([RendezvousClient.layer, ChatSession.layer, screen.layer]),
      Layer.provide([wire.transport, portsWithout(refusedPorts(part))]),
    ),
  )
  let name = ""
  let running: Fiber.Fiber<void, unknown> | undefined
  let attempts = 0

  const start = Effect.gen(function* () {
    const username = Username.parse(name)
    const isRunning = () => running !== undefined && running.pollUnsafe() === undefined
    // One that was refused is leaving, and waits for the server to end the connection, too.
    if (isRunning()) yield* pass(wire, lingerMillis)
    if (Option.isNone(username) || isRunning()) return
    attempts += 1
    const isRefused = part.serverIsLate && attempts === 1
    const via = {
      _tag: "Server" as const,
      // Nobody listens on port 1.
      server: { host: server.endpoint.address, port: isRefused ? 1 : server.endpoint.port },
    }
    running = yield* Effect.flatMap(Peer, (peer) => peer.run({ name: username.value, dialect: "original", via })).pipe(
      Effect.provideContext(peer),
      Random.withSeed("a client"),
      Effect.forkScoped({ startImmediately: true }),
    )
  })

  const perform = (deed: Deed): Effect.Effect<void, never, Effect.Services<typeof start>> => {
    if ("call" in deed) return screen.type(`/chat ${deed.call}`)
    if ("press" in deed) return deed.press === "list" ? screen.type("/list") : start
    return Effect.sync(() => void (name = deed.name))
  }

  let now = 0
  for (const { at, event, deed } of part.events) {
    yield* pass(wire, Math.round(at) - now)
    now = Math.max(now, Math.round(at))
    if (deed !== undefined) yield* perform(deed)
    const script = server.accepted.at(-1)
    if (event.dir !== "s2c" || script === undefined) continue
    const bytes = Recording.bytesOf(event)
    if (bytes !== undefined) yield* script.send(Buffer.from(Recording.onLoopback(Buffer.from(bytes).toString("utf8"))))
    if (event.event === "fin") yield* script.finish
  }
  yield* pass(wire, tailMillis)
  const said: Recording.Transcript = Object.fromEntries(
    server.accepted.map((script, index) => [`${index + 1}`, Recording.lines(script.received(), script.ended())]),
  )
  if (running !== undefined) {
    // A farewell takes its time, and this server does not end its side of the connection.
    const ending = yield* Effect.forkScoped(Fiber.interrupt(running), { startImmediately: true })
    yield* pass(wire, lingerMillis + 500)
    yield* Fiber.join(ending)
  }
  return said
})
