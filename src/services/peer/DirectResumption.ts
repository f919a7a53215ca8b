/**
 * Keeps a chat without a server going: whose keys have become too old, as after an hour of sleep, gets others from one
 * more handshake with the same person, on the same port, and nobody is asked (PROTOCOL.md, section 15.4).
 *
 * What is said when is decided by `domain/direct/DirectOpening`, of which there is always one: it answers the other side,
 * also while the chat is well here, and seeks it while the chat is adrift. When there are keys, it stays until a record
 * has opened with them, or for a while, since the other side may not have them yet; then comes a new one. What is heard
 * before a handshake is complete changes nothing of the chat.
 *
 * What it keeps, computes and says is bounded by the machine's limits, whatever is sent to it; attempts are as far apart
 * as those through a server.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import type { Judgement, Self } from "../../domain/call/CallHandshake.ts"
import type { ChatKeys } from "../../domain/call/ChatKeys.ts"
import { keyBytes } from "../../domain/crypto/Primitives.ts"
import * as DirectDatagram from "../../domain/direct/DirectDatagram.ts"
import * as DirectOpening from "../../domain/direct/DirectOpening.ts"
import { type Endpoint, equals } from "../../domain/Endpoint.ts"
import type { Cryptography } from "../Cryptography.ts"
import type { Opened } from "./DirectRendezvous.ts"
import * as DueTimer from "../DueTimer.ts"
import { monotonicReader } from "../monotonic.ts"
import * as RunningChats from "./RunningChats.ts"
import type { Chat } from "../chat/SealedChat.ts"

/** How long an opening that there are keys from stays when nothing is heard, in milliseconds. */
export const lingerMillis = 10_000
/** A chat that has got keys takes no others for so long, unless it needs them, in milliseconds. */
export const calmMillis = 30_000

export interface Options {
  readonly cryptography: Cryptography["Service"]
  /** What the chat began with: it is known by the callId of these keys. */
  readonly opened: Opened
  readonly chat: Chat
  /** The address typed. The other side may also be where it was reached last. */
  readonly remote: Endpoint
  readonly self: Self
  /** The highest serial of a certificate seen with an id. Must not wait and not throw. */
  readonly highestSerial: Judgement["highestSerial"]
}

/** Keeps a chat going from now on, when it has opened, until the scope closes, which is to be the chat's. */
export const keep = Effect.fnUntraced(function* ({ cryptography, opened, chat, remote, self, highestSerial }: Options) {
  const { primitives, randomBytes } = cryptography
  const { keys: first, socket } = opened
  const scope = yield* Effect.scope
  const context = yield* Effect.context<never>()
  const clock = yield* Clock.Clock
  const now = yield* monotonicReader

  const initial = (): DirectOpening.State =>
    DirectOpening.initial({
      primitives,
      self,
      nonce: randomBytes(DirectDatagram.nonceBytes),
      entropy: randomBytes(keyBytes),
      highestSerial,
      resumes: { chatId: first.callId, with: first.peer.id },
    })

  let state = initial()
  /** When the opening is over at the latest: there are keys from it. */
  let lingersUntil = Infinity
  /** The chat has them. */
  let isResumed = false
  let calmUntil = -Infinity

  const addresses = (): ReadonlyArray<Endpoint> => {
    const last = chat.remote()
    return last === undefined || equals(last, remote) ? [remote] : [remote, last]
  }

  const fork = (effect: Effect.Effect<void>): void => void Fiber.runIn(Effect.runForkWith(context)(effect), scope)

  const established = (keys: ChatKeys, from: Endpoint): void => {
    lingersUntil = now() + lingerMillis
    isResumed = false
    const resume = Effect.suspend(() =>
      chat.resume({ keys, way: { _tag: "Address", socket, remote: from } }, Scope.makeUnsafe()),
    )
    fork(
      Effect.andThen(
        resume,
        Effect.sync(() => (isResumed = true)),
      ),
    )
  }

  const timer = DueTimer.make(() => Math.min(DirectOpening.dueAt(state), lingersUntil), now)

  const on = (event: DirectOpening.Event, to: ReadonlyArray<Endpoint>): void => {
    const isSettled = isResumed && chat.isHeard()
    if (isSettled) calmUntil = now() + calmMillis
    if (isSettled || now() >= lingersUntil) {
      state = initial()
      lingersUntil = Infinity
      isResumed = false
    }
    const [next, actions] = DirectOpening.step(state, event)
    state = next
    for (const action of actions) {
      switch (action._tag) {
        case "Send":
          for (const endpoint of to) socket.send(action.datagram, endpoint)
          break
        case "Established":
          established(action.keys, to[0]!)
          break
        case "Forgotten":
          // Who is in between could lead them here from a chat that they begin with somebody else.
          if (chat.isAdrift() || chat.tracking.path().kind === "none") fork(chat.forgotten)
      }
    }
    timer.moved()
  }

  yield* opened.unsealed((datagram, from) => {
    if (now() < calmUntil && !chat.isAdrift()) return
    if (!addresses().some((endpoint) => equals(from, endpoint))) return
    const seconds = Math.floor(clock.currentTimeMillisUnsafe() / 1000)
    on({ _tag: "Heard", datagram, now: now(), seconds }, [from])
  })
  const due = Effect.sync(() => on({ _tag: "Due", now: now() }, addresses()))
  yield* Effect.forkScoped(timer.run(due), { startImmediately: true })
  let attempts = 0
  yield* chat.adrift.pipe(
    Effect.andThen(Effect.sync(() => on({ _tag: "Seek", now: now() }, addresses()))),
    Effect.andThen(Effect.suspend(() => RunningChats.pause(attempts++))),
    Effect.andThen(Effect.sync(() => (attempts = chat.isAdrift() ? attempts : 0))),
    Effect.forever,
    Effect.forkScoped({ startImmediately: true }),
  )
})
