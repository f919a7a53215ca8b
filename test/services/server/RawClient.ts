/**
 * A client that says and hears bare lines, on whatever transport there is.
 */
import { Effect, Queue, Scope } from "effect"
import * as LineSplitter from "nomitm/domain/LineSplitter"
import { RendezvousTransport, type Secured } from "nomitm/services/RendezvousTransport"

export interface RawClient {
  /** Of a connection over TLS. */
  readonly secured: Secured | undefined
  /** Says lines, each with its LF. */
  readonly say: (...lines: ReadonlyArray<string>) => Effect.Effect<void>
  /** Says text as it stands. */
  readonly write: (text: string) => Effect.Effect<void>
  /** The next line, or `<end>` when the server has ended the connection. */
  readonly hear: Effect.Effect<string>
  /** The next lines up to one that is `last`. */
  readonly hearUntil: (last: string) => Effect.Effect<ReadonlyArray<string>>
  /** Leaves; what was said is still heard. */
  readonly leave: Effect.Effect<void>
  /** Is gone at once. */
  readonly vanish: Effect.Effect<void>
}

export interface Server {
  readonly host: string
  readonly port: number
  readonly security?: "Plaintext" | "Tls" | undefined
}

/** Connects from an address of its own. */
export const connect = Effect.fnUntraced(function* (server: Server, localAddress?: string) {
  const transport = yield* RendezvousTransport
  const scope = yield* Scope.fork(yield* Effect.scope)
  const connection = yield* Scope.provide(transport.connect({ ...server, localAddress }), scope)
  const lines = yield* Queue.unbounded<string>()
  let splitter = LineSplitter.initial
  yield* Effect.forever(
    Effect.flatMap(connection.receive, (chunk) => {
      const [next, complete] = LineSplitter.push(splitter, chunk, 1_000_000)
      splitter = next
      return Queue.offerAll(
        lines,
        complete.map((line) => (line._tag === "Line" ? line.text : "<too long>")),
      )
    }),
  ).pipe(
    Effect.catch(() => Queue.offer(lines, "<end>")),
    Effect.forkIn(scope),
  )
  const hear = Queue.take(lines)
  return {
    secured: connection.secured,
    say: (...all) => Effect.sync(() => connection.send(all.map((line) => `${line}\n`).join(""))),
    write: (text) => Effect.sync(() => connection.send(text)),
    hear,
    hearUntil: (last) =>
      Effect.gen(function* () {
        const heard: Array<string> = []
        do heard.push(yield* hear)
        while (heard.at(-1) !== last && heard.at(-1) !== "<end>")
        return heard
      }),
    leave: connection.end,
    vanish: Effect.sync(connection.abort),
  } satisfies RawClient
})

/** Connects and registers. */
export const register = Effect.fnUntraced(function* (server: Server, name: string, localAddress?: string) {
  const client = yield* connect(server, localAddress)
  yield* client.say(`REGISTER ${name}`)
  yield* Effect.repeat(client.hear, { until: (line) => line.endsWith(" OK") })
  return client
})
