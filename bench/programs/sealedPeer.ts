/**
 * One side of a sealed chat on a real UDP port: hearing texts as they arrive.
 */
import { answerWith } from "./peerLoad.ts"
import * as SealedChat from "./sealedChat.ts"

const isInitiator = process.argv[3] === "near"
const socket = await SealedChat.bind()

answerWith({
  port: socket.local.port,
  message: (text) => text,
  open: async (remotePort, onText) => {
    const root = new Uint8Array(32).fill(3)
    const chat = await SealedChat.open({ socket, remotePort, isInitiator, root, onText })
    return (text: string) => void chat.sayUnsafe(text)
  },
})
