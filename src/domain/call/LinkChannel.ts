/**
 * Messages of a call that go through the server sealed, once the handshake has given keys: M3, M4 or that there is no
 * such chat, and candidates (PROTOCOL.md, sections 15, 15.3 and 15.4).
 *
 * ```
 * type 1 | length 2 | body | zeros to a multiple of 64        ChaCha20-Poly1305, associated data: callId
 * ```
 *
 * The server keeps the order, so only the next message of each side is read: one that was changed, left out, sent twice
 * or sent back opens nothing, and the genuine one is still awaited.
 */
import * as Bytes from "../crypto/Bytes.ts"
import { type Primitives, tagBytes } from "../crypto/Primitives.ts"
import * as CipherState from "../noise/CipherState.ts"
import type { ChatKeys, Pair } from "./ChatKeys.ts"

export interface LinkMessage {
  /** 0 to 255. */
  readonly type: number
  readonly body: Uint8Array
}

/** M3: the initiator is live and holds its key. */
export const confirm: LinkMessage = { type: 1, body: new Uint8Array(0) }
/** M4: the responder wants the chat. */
export const accept: LinkMessage = { type: 2, body: new Uint8Array(0) }
/** The type of candidates: where the sender may be reached besides. */
export const candidates = 3
/** In place of M4: the responder has no chat of the id that is to be resumed. */
export const noSuchChat: LinkMessage = { type: 4, body: new Uint8Array(0) }

const blockBytes = 64
const headerBytes = 3
/** The longest plaintext, in bytes: with its tag it fits into PASS. */
const maxPlainBytes = 34 * blockBytes
/** The longest body, in bytes. */
export const maxBodyBytes = maxPlainBytes - headerBytes

export interface LinkChannel extends Pair<CipherState.CipherState> {
  readonly callId: Uint8Array
}

export const make = ({ callId, link }: Pick<ChatKeys, "callId" | "link">): LinkChannel => ({
  callId,
  send: CipherState.initial(link.send),
  receive: CipherState.initial(link.receive),
})

const plainBytes = (bodyBytes: number): number => Math.ceil((headerBytes + bodyBytes) / blockBytes) * blockBytes

/** None if the body is too long. */
export const seal = (
  primitives: Primitives,
  channel: LinkChannel,
  { type, body }: LinkMessage,
): { readonly channel: LinkChannel; readonly data: Uint8Array } | undefined => {
  if (body.length > maxBodyBytes) return undefined
  const plaintext = new Uint8Array(plainBytes(body.length))
  plaintext.set([type, body.length >> 8, body.length & 0xff])
  plaintext.set(body, headerBytes)
  const sealed = CipherState.encrypt(primitives, channel.send, channel.callId, plaintext)
  return sealed && { channel: { ...channel, send: sealed.state }, data: sealed.ciphertext }
}

/** The next message of the other side, if this is it. */
export const open = (
  primitives: Primitives,
  channel: LinkChannel,
  data: Uint8Array,
): { readonly channel: LinkChannel; readonly message: LinkMessage } | undefined => {
  if (data.length > maxPlainBytes + tagBytes) return undefined
  const opened = CipherState.decrypt(primitives, channel.receive, channel.callId, data)
  const message = opened && decode(opened.plaintext)
  return message && { channel: { ...channel, receive: opened!.state }, message }
}

const decode = (plaintext: Uint8Array): LinkMessage | undefined => {
  if (plaintext.length < blockBytes) return undefined
  const bodyBytes = (plaintext[1]! << 8) | plaintext[2]!
  if (plaintext.length !== plainBytes(bodyBytes)) return undefined
  const end = headerBytes + bodyBytes
  if (!plaintext.subarray(end).every((byte) => byte === 0)) return undefined
  return { type: plaintext[0]!, body: plaintext.slice(headerBytes, end) }
}

export const isSame = (a: LinkMessage, b: LinkMessage): boolean => a.type === b.type && Bytes.equals(a.body, b.body)
