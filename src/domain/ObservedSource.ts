/**
 * Where a peer in plaintext is answered to: where it was announced, or where its datagrams are seen to come from
 * (PROTOCOL.md, section 8). A NAT that gives it another port than the agreed one is passed that way.
 *
 * Nothing proves anything here, so this bounds what a stranger gains by saying the peer's name:
 *
 * - Only the port may differ. Another address is nobody: to speak from the announced one takes somebody behind the same
 *   NAT, or a forged address, which never sees an answer.
 * - What comes from the announced endpoint always counts, and takes the conversation back.
 * - Once the conversation is open, another port counts only after the one so far was silent for longer than a peer that
 *   is there ever is. So nobody takes it from a peer that speaks, and it moves seldom.
 * - A port that has not shown that it hears us gets no more datagrams than came from it, and its CLOSE is none. What is
 *   to be said meanwhile waits, a little of it.
 */
import type { Dialect } from "./Dialect.ts"
import { type Endpoint, equals } from "./Endpoint.ts"
import type { PeerMessage } from "./PeerMessage.ts"

/** Longer than the pause between two signs of life of either dialect, one of them late, in milliseconds. */
export const quietMillis = 8000
/** How many messages wait for a port to show that it hears us; of more the newest are lost. */
export const maxHeld = 16

export interface State {
  /** What the server said, or a person typed. */
  readonly announced: Endpoint
  /** Where the other side is answered to. */
  readonly remote: Endpoint
  /** When it was last heard from there, in milliseconds. */
  readonly heardAt: number
  /** How many datagrams may still go there: of one that is announced, or has shown that it hears us, any number. */
  readonly credit: number
  /** Something was sent there: what comes from now on may be because of it. */
  readonly isAnswered: boolean
  /** What waits for credit. */
  readonly held: ReadonlyArray<PeerMessage>
}

export const initial = (announced: Endpoint, now: number): State => ({
  announced,
  remote: announced,
  heardAt: now,
  credit: Infinity,
  isAnswered: false,
  held: [],
})

/** Nothing needs to wait: what is to be sent goes to `remote`. */
export const isFree = (state: State): boolean => state.credit === Infinity

/** What is known of the conversation besides. */
export interface Circumstances {
  readonly dialect: Dialect
  readonly isOpen: boolean
  /** The message is in the name of whom we talk to, or nobody knows yet who that is. */
  readonly isNamed: boolean
}

/** A message from somewhere; undefined if it does not count there. */
export const hear = (
  state: State,
  from: Endpoint,
  message: PeerMessage,
  { dialect, isOpen, isNamed }: Circumstances,
  now: number,
): State | undefined => {
  if (equals(from, state.remote)) {
    if (isFree(state)) return { ...state, heardAt: now }
    if (message._tag === "Close") return undefined
    // The older program answers a CONNECT with a CONNECT, and may have nothing else to say.
    const shows = state.isAnswered && (dialect === "original" || message._tag !== "Connect")
    return { ...state, heardAt: now, credit: shows ? Infinity : state.credit + 1 }
  }
  if (message._tag === "Close") return undefined
  if (equals(from, state.announced)) return { ...state, remote: from, heardAt: now, credit: Infinity }
  if (from.address !== state.announced.address || !isNamed) return undefined
  if (isOpen && now - state.heardAt < quietMillis) return undefined
  return { ...state, remote: from, heardAt: now, credit: 1, isAnswered: false }
}

/**
 * Of what is to be sent now, what may go, in order. CONNECT goes first and never waits, for there will be another; nor
 * does CLOSE, for nobody would be there to send it later. One sign of life is as good as many.
 */
export const release = (
  state: State,
  messages: ReadonlyArray<PeerMessage>,
): readonly [State, ReadonlyArray<PeerMessage>] => {
  const isPassing = ({ _tag }: PeerMessage) => _tag === "Connect" || _tag === "Close"
  const passing = messages.filter(isPassing).slice(0, state.credit)
  const held = [...state.held]
  for (const message of messages) {
    const isRepeated = message._tag === "KeepAlive" && held.some(({ _tag }) => _tag === "KeepAlive")
    if (!isPassing(message) && !isRepeated && (held.length < maxHeld || isFree(state))) held.push(message)
  }
  const going = held.splice(0, state.credit - passing.length)
  const sent = [...passing, ...going]
  return [{ ...state, held, credit: state.credit - sent.length, isAnswered: state.isAnswered || sent.length > 0 }, sent]
}
