/**
 * What a peer and its floor do: send a text to and fro, or many one way.
 */
import { answer } from "./answer.ts"

export interface Load {
  readonly text: string
  readonly count: number
  /** How many texts may be under way: so few that none is lost. */
  readonly window: number
  /** The other side sends back each of so many; divides `count` and `window`. */
  readonly returnEvery: number
}

/** One side, before anything is sent. */
export interface Side<Message> {
  readonly port: number
  readonly message: (text: string) => Message
  /** Passes on each message that arrives from now on, and returns how to send one. */
  readonly open: (remotePort: number, onMessage: (message: Message) => void) => Promise<(message: Message) => void>
}

export const answerWith = <Message>(side: Side<Message>): void => {
  let send: (message: Message) => void
  let onMessage: (message: Message) => void = () => {}
  const finish = <A>(resolve: (value: A) => void, value: A): void => {
    onMessage = () => {}
    resolve(value)
  }

  const sendBack = (returnEvery: number): void => {
    let received = 0
    onMessage = (message) => {
      received += 1
      if (received % returnEvery === 0) send(message)
    }
  }

  /** The time of each, in microseconds. */
  const roundTrips = ({ text, count }: Load): Promise<ReadonlyArray<number>> =>
    new Promise((resolve) => {
      const message = side.message(text)
      const micros: Array<number> = []
      let sentAt = performance.now()
      onMessage = () => {
        micros.push((performance.now() - sentAt) * 1000)
        if (micros.length === count) return finish(resolve, micros)
        sentAt = performance.now()
        send(message)
      }
      send(message)
    })

  /** How many arrived a second. */
  const oneWay = ({ text, count, window, returnEvery }: Load): Promise<number> =>
    new Promise((resolve) => {
      const message = side.message(text)
      const startedAt = performance.now()
      let [sent, underWay] = [0, 0]
      const fill = (): void => {
        for (; underWay < window && sent < count; sent++, underWay++) send(message)
      }
      onMessage = () => {
        underWay -= returnEvery
        fill()
        if (underWay === 0) finish(resolve, (count / (performance.now() - startedAt)) * 1000)
      }
      fill()
    })

  answer({
    port: () => side.port,
    open: async (remotePort: number) => {
      send = await side.open(remotePort, (message) => onMessage(message))
    },
    sendBack,
    roundTrips,
    oneWay,
  })
}
