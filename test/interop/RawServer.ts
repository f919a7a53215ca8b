/**
 * A server that says and hears bare lines, for one client at a time.
 */
import * as Effect from "effect/Effect"
import * as Queue from "effect/Queue"
import * as LineSplitter from "../../src/domain/LineSplitter.ts"
import { type Connection, RendezvousTransport } from "../../src/services/RendezvousTransport.ts"

export interface RawServer {
  readonly port: number
  /** Waits for the next line of the client; `<connected>` and `<gone>` are its coming and going. */
  readonly hear: Effect.Effect<string>
  /** What it has said and nobody has heard yet. */
  readonly heard: Effect.Effect<ReadonlyArray<string>>
  readonly say: (...lines: ReadonlyArray<string>) => Effect.Effect<void>
  /** Does what every server does when a client comes. */
  readonly welcome: Effect.Effect<void>
  /** Closes the connection without a line. */
  readonly close: Effect.Effect<void>
}

export const make = Effect.fnUntraced(function* (address: string) {
  const transport = yield* RendezvousTransport
  const listener = yield* Effect.orDie(transport.listen({ address, port: 0 }))
  const lines = yield* Queue.unbounded<string>()
  let current: Connection | undefined

  const serve = Effect.fnUntraced(function* (connection: Connection) {
    current = connection
    yield* Queue.offer(lines, "<connected>")
    let splitter = LineSplitter.initial
    yield* Effect.gen(function* () {
      for (;;) {
        const [next, complete] = LineSplitter.push(splitter, yield* connection.receive)
        splitter = next
        for (const line of complete) if (line._tag === "Line") yield* Queue.offer(lines, line.text)
      }
    }).pipe(Effect.catch(() => Queue.offer(lines, "<gone>")))
  })
  yield* Effect.forkScoped(listener.serve(serve), { startImmediately: true })

  const say = (...all: ReadonlyArray<string>) =>
    Effect.sync(() => current?.send(all.map((line) => `${line}\n`).join("")))
  const hear = Queue.take(lines)
  const welcome = Effect.gen(function* () {
    for (;;) {
      const line = yield* hear
      if (line === "HELLO") yield* say("HELLO")
      if (!line.startsWith("REGISTER ")) continue
      return yield* say(`REGISTERED ${line.slice("REGISTER ".length)} OK`)
    }
  })
  return {
    port: listener.local.port,
    hear,
    heard: Queue.clear(lines),
    say,
    welcome,
    close: Effect.suspend(() => current?.end ?? Effect.void),
  } satisfies RawServer
})
