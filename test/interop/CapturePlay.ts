/**
 * Puts this program's chat session in the place of one of two original peers in a capture.
 *
 * A capture lists the first few datagrams of each kind only. What it leaves out, the other original did as it always
 * does: it echoes each Connect and returns each token at once (SPEC section 5). A token that was lost is lost here too.
 */
import type * as PeerPlay from "./PeerPlay.ts"
import type * as Recording from "./Recording.ts"

/** How long the chat has to hold after the capture, in milliseconds: longer than both sides wait for a sign of life. */
const tailMillis = 60_000

/** Whose first token was dropped by a full receive buffer. */
const lost: Readonly<Record<string, string>> = { "orig/chat-no-token": "alice", "orig/chat-token-lost": "alice" }

/** The survivor is left alone by the last datagram. */
const killed = "orig/peers-connect-storm-and-kill"

/** The two originals of a capture. */
export const sidesOf = ({ id }: Recording.Recording): readonly [string, string] =>
  id === killed ? ["ann", "ben"] : ["alice", "bob"]

const isToken = (datagram: string): boolean => datagram.includes("\nKeepAliveToken\n")

export const partOf = (recording: Recording.Recording, self: string): PeerPlay.Part => {
  const [one, two] = sidesOf(recording)
  const peer = self === one ? two : one
  const said = (by: string) =>
    recording.events.flatMap(({ t_ms, udp, data }) =>
      udp?.startsWith(`${by} -> `) && data !== undefined ? [{ at: Math.round(t_ms), datagram: data }] : [],
    )
  const [mine, theirs] = [said(self), said(peer)]
  const startsAt = mine[0]!.at
  const endsAt = recording.events.findLast(({ udp }) => udp !== undefined)!.t_ms
  let dropped = lost[recording.id] === undefined
  const isLost = (by: string, datagram: string): boolean => {
    if (dropped || lost[recording.id] !== by || !isToken(datagram)) return false
    dropped = true
    return true
  }
  const deeds: ReadonlyArray<PeerPlay.Deed> = [
    ...theirs.flatMap(({ at, datagram }) =>
      isLost(peer, datagram) ? [] : [{ at: Math.max(at, startsAt), hear: Buffer.from(datagram) }],
    ),
    ...mine.flatMap(({ at, datagram }) => {
      const text = /^[^\n]*\nMsg\n(.*)\n\n$/s.exec(datagram)
      return text === null ? [] : [{ at, say: text[1]! }]
    }),
  ]
  const theirConnect = theirs.find(({ datagram }) => datagram.includes("\nConnect\n"))!.datagram
  const react = (datagram: string, now: number): string | undefined => {
    if (recording.id === killed && now > endsAt) return undefined
    if (datagram.includes("\nConnect\n")) return theirConnect
    return isToken(datagram) && !isLost(self, datagram) ? `${peer}\nKeepAliveToken\n\n\n` : undefined
  }
  return {
    self,
    number: Number(/\nConnect\n(-?[0-9]+)\n/.exec(mine[0]!.datagram)![1]),
    peer,
    startsAt,
    deeds: deeds.toSorted((a, b) => a.at - b.at),
    endsAt: Math.ceil(endsAt) + (recording.id === killed ? 25_000 : tailMillis),
    react,
  }
}

/** The different datagrams of a side, in the order in which each was first sent. */
const distinct = (datagrams: ReadonlyArray<string>): ReadonlyArray<string> => [...new Set(datagrams)]

/** What an original said, what there was to be shown to it, and what should have become of the chat. */
export const recorded = (recording: Recording.Recording, self: string): Recording.Transcript => {
  const datagrams = recording.events.flatMap(({ udp, data }) =>
    udp === undefined || data === undefined ? [] : [{ udp, data }],
  )
  return {
    sent: distinct(datagrams.filter(({ udp }) => udp.startsWith(`${self} ->`)).map(({ data }) => data)),
    shown: datagrams.flatMap(({ udp, data }) => {
      const text = udp.startsWith(`${self} ->`) ? null : /^[^\n]*\nMsg\n(.*)\n\n$/s.exec(data)
      return text === null ? [] : [text[1]!]
    }),
    state: [recording.id === killed ? "timeout" : "open"],
  }
}

export const transcriptOf = ({ sent, shown, state }: PeerPlay.Outcome): Recording.Transcript => ({
  sent: distinct(sent.map(({ datagram }) => datagram)),
  shown,
  state: [state],
})

/** The longest time between two tokens that the other side got, from the opening on, in milliseconds. */
export const longestWithoutToken = ({ sent }: PeerPlay.Outcome, until: number): number => {
  const times = [...sent.filter(({ datagram }) => isToken(datagram)).map(({ at }) => at), until]
  return Math.max(...times.slice(1).map((at, index) => at - times[index]!))
}
