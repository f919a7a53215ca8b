/**
 * What a script and the program talk over: TCP on loopback (`TcpWire`), or the network in memory (`MemoryWire`).
 *
 * Time is `TestClock`'s: nothing sleeps. Between two events of a script the wire is let come to rest, so that whatever
 * the program has to say to the one is there before the next one happens.
 */
import * as Effect from "effect/Effect"
import * as TestClock from "effect/testing/TestClock"
import type * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import type { Endpoint, Port } from "../../src/domain/Endpoint.ts"
import type { RendezvousTransport } from "../../src/services/RendezvousTransport.ts"

/** The scripted end of a connection. */
export interface Script {
  readonly send: (bytes: Uint8Array) => Effect.Effect<void>
  /** Sends no more, but listens on. */
  readonly finish: Effect.Effect<void>
  readonly reset: Effect.Effect<void>
  /** What the program has said so far. */
  readonly received: () => Uint8Array
  /** Whether the program has ended its side. */
  readonly ended: () => boolean
}

export interface ScriptedServer {
  readonly endpoint: Endpoint
  /** The connections of the program so far. */
  readonly accepted: ReadonlyArray<Script>
}

export interface Wire {
  /** For the program. */
  readonly transport: Layer.Layer<RendezvousTransport>
  /** Where the program's server listens. */
  readonly bind: string
  /** A scripted client connects to the program's server. */
  readonly connect: (port: Port, from: string) => Effect.Effect<Script, never, Scope.Scope>
  /** A scripted server for the program's client. */
  readonly listen: Effect.Effect<ScriptedServer, never, Scope.Scope>
  /** Waits until all that was sent has been taken in and nothing more comes of it. */
  readonly settle: Effect.Effect<void>
}

/** The longest step of the clock, in milliseconds: what a timer sends is on its way before the next one goes off. */
const stepMillis = 100

/** Lets time pass, the wire coming to rest in between. */
export const pass = Effect.fnUntraced(function* (wire: Pick<Wire, "settle">, millis: number) {
  yield* wire.settle
  for (let left = Math.round(millis); left > 0; left -= stepMillis) {
    yield* TestClock.adjust(Math.min(left, stepMillis))
    yield* wire.settle
  }
})

/** One turn of the event loop. */
export const turn = Effect.callback<void>((resume) => {
  setImmediate(() => resume(Effect.void))
})
