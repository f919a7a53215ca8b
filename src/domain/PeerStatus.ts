/**
 * What a person always sees of an open chat, in front of the line they type: whom it goes to, by which path, and how many
 * of their texts have not arrived. It follows from the events, one after the other; screens keep it.
 */
import type { PathKind } from "./net/PathKind.ts"
import * as PathText from "./net/PathText.ts"
import type { PeerEvent } from "./PeerEvent.ts"
import * as PeerEventText from "./PeerEventText.ts"
import type { Trust } from "./profile/Trust.ts"

export interface Path {
  readonly kind: PathKind
  /** Empty where there is none. */
  readonly address: string
  /** As it is shown; none before it has been measured. */
  readonly rttMillis: number | undefined
}

/** Of the chat that is open. */
export interface Chat {
  readonly peer: string
  readonly trust: Trust | undefined
  /** None in plaintext, where there is one path, and nobody is told whether a text arrived. */
  readonly path: Path | undefined
  /** The number of the last own text. */
  readonly sent: number
  /** Up to this number all have arrived, or failed: they do so in their order. */
  readonly settled: number
}

/** There is none while no chat is open. */
export type Status = Chat | undefined

export const initial: Status = undefined

export const after = (status: Status, event: PeerEvent): Status => {
  switch (event.event) {
    case "connected": {
      const { peer, trust, kind, address = "" } = event
      const path = kind === undefined ? undefined : { kind, address, rttMillis: undefined }
      return { peer, trust, path, sent: 0, settled: 0 }
    }
    case "closed":
      return undefined
    default:
      return status === undefined ? undefined : during(status, event)
  }
}

const during = (chat: Chat, event: PeerEvent): Chat => {
  switch (event.event) {
    case "trust":
      return { ...chat, peer: event.peer, trust: event.trust }
    case "path": {
      const { kind, address, rtt_ms: rttMillis } = event
      const isSame = isOn(chat.path, event)
      return isSame && isAbout(chat.path?.rttMillis, rttMillis) ? chat : { ...chat, path: { kind, address, rttMillis } }
    }
    case "sent":
      return { ...chat, sent: Math.max(chat.sent, event.id) }
    case "delivered":
    case "failed":
      return { ...chat, sent: Math.max(chat.sent, event.id), settled: Math.max(chat.settled, event.id) }
    default:
      return chat
  }
}

type PathEvent = Extract<PeerEvent, { readonly event: "path" }>

const isOn = (path: Path | undefined, event: PathEvent): boolean =>
  path?.kind === event.kind && path.address === event.address

/** Every measurement differs a bit: what is in front of the input must not move all the time. */
const isAbout = (shown: number | undefined, measured: number | undefined): boolean =>
  shown === undefined || measured === undefined
    ? shown === measured
    : Math.abs(measured - shown) <= Math.max(2, shown / 5)

/** Whether an event is printed for a person; what is not changes at most what stands in front of the input. */
export const isNews = (before: Status, event: PeerEvent): boolean => {
  switch (event.event) {
    case "sent":
    case "delivered":
      return false
    case "path":
      return !isOn(before?.path, event)
    default:
      return true
  }
}

/** How many own texts have not arrived. */
export const onTheWay = (status: Status): number => (status === undefined ? 0 : status.sent - status.settled)

/** What stands in front of the input: `to bob [verified], direct 23 ms, 2 on the way> `. */
export const prompt = (status: Status): string => {
  if (status === undefined) return "> "
  const { peer, trust, path } = status
  const waiting = onTheWay(status)
  const details = [
    ...(path === undefined ? [] : [PathText.status(path.kind, path.rttMillis)]),
    ...(waiting === 0 ? [] : [path?.kind === "none" ? `${waiting} waiting` : `${waiting} on the way`]),
  ]
  return `to ${PeerEventText.nameOf(peer)}${PeerEventText.mark(trust)}${details.map((text) => `, ${text}`).join("")}> `
}
