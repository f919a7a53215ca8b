/**
 * A stand-in for the original peer, made from the notes on its behaviour (SPEC section 5): deaf to all but Connect at
 * first, then it echoes each Connect and returns each token at once. The other side is gone when it has got a token and
 * then none for 20 s.
 *
 * A receiver that is ended by a malformed datagram, as the original's is, stays ended.
 */
export const patienceMillis = 20_000

export interface State {
  readonly name: string
  readonly number: number
  connected: boolean
  /** A malformed datagram has ended its receiver. */
  deaf: boolean
  /** When it got the last token. */
  tokenAt: number | undefined
  /** The longest time that it was without one, in milliseconds. */
  longestWait: number
  readonly shown: Array<string>
}

export const make = (name: string, number: number): State => ({
  name,
  number,
  connected: false,
  deaf: false,
  tokenAt: undefined,
  longestWait: 0,
  shown: [],
})

export const connect = ({ name, number }: State): string => `${name}\nConnect\n${number}\n\n`
export const token = ({ name }: State): string => `${name}\nKeepAliveToken\n\n\n`

/** Takes in a datagram; what it answers at once. */
export const hear = (peer: State, datagram: string, now: number): ReadonlyArray<string> => {
  if (peer.deaf) return []
  // Up to the first NUL; the last line counts without an end too, unless it is empty.
  const [whole = ""] = datagram.split("\0")
  const lines = whole.split(/\r\n|\r|\n/)
  if (lines.at(-1) === "") lines.pop()
  const [, type, text] = lines
  if (type === undefined || text === undefined) {
    peer.deaf = true
    return []
  }
  if (!peer.connected) {
    if (type !== "Connect") return []
    if (!/^[+-]?[0-9]{1,10}$/.test(text)) {
      peer.deaf = true
      return []
    }
    peer.connected = true
    return Number(text) < peer.number ? [token(peer)] : []
  }
  switch (type) {
    case "Connect":
      return [connect(peer)]
    case "KeepAliveToken":
      if (peer.tokenAt !== undefined) peer.longestWait = Math.max(peer.longestWait, now - peer.tokenAt)
      peer.tokenAt = now
      return [token(peer)]
    case "Msg":
      peer.shown.push(text)
      return []
    default:
      return []
  }
}
