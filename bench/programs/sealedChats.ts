/**
 * One side of many sealed chats, each on a UDP port of its own, where a text was said and heard.
 */
import { answer } from "./answer.ts"
import * as SealedChat from "./sealedChat.ts"

const isInitiator = process.argv[2] === "near"
/** So many are opened at a time. */
const atOnce = 50

type Socket = Awaited<ReturnType<typeof SealedChat.bind>>
let bound: ReadonlyArray<Socket> = []
let opened = 0

const open = async (socket: Socket, remotePort: number): Promise<unknown> => {
  const root = new Uint8Array(32)
  new DataView(root.buffer).setUint32(0, ++opened)
  let hear = (): void => {}
  const heard = new Promise<void>((resolve) => {
    hear = resolve
  })
  const chat = await SealedChat.open({ socket, remotePort, isInitiator, root, onText: hear })
  chat.sayUnsafe("hello")
  return heard
}

answer({
  /** Binds so many ports. */
  bind: async (count: number) => {
    bound = await Promise.all(Array.from({ length: count }, SealedChat.bind))
    return bound.map(({ local }) => local.port)
  },
  /** Opens a chat on each, with the ports of the other side. */
  open: async (ports: ReadonlyArray<number>) => {
    for (let from = 0; from < ports.length; from += atOnce) {
      const some = ports.slice(from, from + atOnce)
      await Promise.all(some.map((port, i) => open(bound[from + i]!, port)))
    }
    return ports.length
  },
})
