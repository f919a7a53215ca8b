/**
 * From an address typed by hand to keys with whoever is there (PROTOCOL.md, section 15.2).
 *
 * What is said when is decided by the pure machine `domain/direct/DirectOpening`; this runs it on a socket. How a chat goes
 * on that began so is the affair of `DirectResumption`. The path of
 * a datagram is plain code. One fiber sleeps until the machine has something due, and ends with the scope.
 *
 * What it keeps is bounded, whatever is sent to it: the machine by its own limits (about 250 kB), and what came too early
 * for the chat by `waitingRecords`. What it computes and sends is bounded by the machine's rates. It has no end of its
 * own but the scope's: how long to wait for the other side is for the caller to say.
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import type { Judgement, Self } from "../../domain/call/CallHandshake.ts"
import type { ChatKeys } from "../../domain/call/ChatKeys.ts"
import { keyBytes } from "../../domain/crypto/Primitives.ts"
import * as DirectDatagram from "../../domain/direct/DirectDatagram.ts"
import * as DirectOpening from "../../domain/direct/DirectOpening.ts"
import { type Endpoint, equals } from "../../domain/Endpoint.ts"
import * as RecordHeader from "../../domain/record/RecordHeader.ts"
import { Cryptography } from "../Cryptography.ts"
import * as DueTimer from "../DueTimer.ts"
import { monotonicReader } from "../monotonic.ts"
import type { PeerSocket } from "../PeerTransport.ts"

/**
 * How many records may wait for the chat to be opened: the other side may have said yes long before. Of more the newest
 * are kept, for a farewell comes last.
 */
export const waitingRecords = 8

export interface Options {
  readonly socket: PeerSocket
  /** The address typed: what comes from elsewhere is none of the opening's. */
  readonly remote: Endpoint
  readonly self: Self
  /** The highest serial of a certificate seen with an id. Must not wait and not throw. */
  readonly highestSerial: Judgement["highestSerial"]
}

export interface Opened {
  /** For one conversation. Who is at the other end is proven; whether it is who should be is for the caller to judge. */
  readonly keys: ChatKeys
  /** The same port, for the chat: its handler gets records only, and first those that came before it was there. */
  readonly socket: PeerSocket
  /** A record of the other side has opened: it has the keys too, and nothing of the opening is said again. */
  readonly settled: Effect.Effect<void>
  /** What comes to the port and is no record, from anywhere: for `DirectResumption`. The opening is over with that. */
  readonly unsealed: PeerSocket["receive"]
}

export class DirectRendezvous extends Context.Service<
  DirectRendezvous,
  {
    /**
     * Waits until there are keys. The opening goes on in the scope until it is settled, for the other side may not have
     * them yet; with the scope it is gone without a word.
     */
    readonly open: (options: Options) => Effect.Effect<Opened, never, Scope.Scope>
  }
>()("nomitm/services/peer/DirectRendezvous") {
  static readonly layer: Layer.Layer<DirectRendezvous, never, Cryptography> = Layer.effect(
    DirectRendezvous,
    Effect.map(Cryptography, (tools) => DirectRendezvous.of({ open: (options) => open(tools, options) })),
  )
}

interface Waiting {
  readonly record: Uint8Array
  readonly from: Endpoint
}

type Handler = (datagram: Uint8Array, from: Endpoint) => void

const open = Effect.fn("DirectRendezvous.open")(function* (
  { primitives, randomBytes }: Cryptography["Service"],
  { socket, remote, self, highestSerial }: Options,
) {
  const clock = yield* Clock.Clock
  const monotonic = yield* monotonicReader
  const established = Deferred.makeUnsafe<ChatKeys>()
  let state = DirectOpening.initial({
    primitives,
    self,
    nonce: randomBytes(DirectDatagram.nonceBytes),
    entropy: randomBytes(keyBytes),
    highestSerial,
  })

  let onRecord: Handler | undefined
  let onUnsealed: Handler | undefined
  let waiting: Array<Waiting> = []

  const heardRecord: Handler = (record, from) => {
    if (onRecord !== undefined) return onRecord(record, from)
    waiting.push({ record: record.slice(), from })
    if (waiting.length > waitingRecords) waiting.shift()
  }

  const timer = DueTimer.make(() => DirectOpening.dueAt(state), monotonic)

  const on = (event: DirectOpening.Event): void => {
    const [next, actions] = DirectOpening.step(state, event)
    state = next
    for (const action of actions) {
      if (action._tag === "Send") socket.send(action.datagram, remote)
      else if (action._tag === "Established") Deferred.doneUnsafe(established, Effect.succeed(action.keys))
    }
    timer.moved()
  }

  yield* socket.receive((datagram, from) => {
    if (RecordHeader.isRecord(datagram)) return heardRecord(datagram, from)
    if (onUnsealed !== undefined) return onUnsealed(datagram, from)
    if (!equals(from, remote)) return
    on({ _tag: "Heard", datagram, now: monotonic(), seconds: Math.floor(clock.currentTimeMillisUnsafe() / 1000) })
  })

  const due = Effect.sync(() => on({ _tag: "Due", now: monotonic() }))
  yield* Effect.forkScoped(timer.run(due), { startImmediately: true })

  const receive: PeerSocket["receive"] = (handler) =>
    Effect.acquireRelease(
      Effect.sync(() => {
        onRecord = handler
        const early = waiting
        waiting = []
        for (const { record, from } of early) handler(record, from)
      }),
      () =>
        Effect.sync(() => {
          if (onRecord === handler) onRecord = undefined
        }),
    )

  const settled = Effect.sync(() => on({ _tag: "RecordOpened" }))

  const unsealed: PeerSocket["receive"] = (handler) =>
    Effect.andThen(
      settled,
      Effect.acquireRelease(
        Effect.sync(() => (onUnsealed = handler)),
        () =>
          Effect.sync(() => {
            if (onUnsealed === handler) onUnsealed = undefined
          }),
      ),
    )

  return {
    keys: yield* Deferred.await(established),
    socket: { ...socket, receive },
    settled,
    unsealed,
  } satisfies Opened
})
