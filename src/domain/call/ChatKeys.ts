/**
 * What a handshake leaves behind: the keys of a chat, and who is at the other end (PROTOCOL.md, section 15).
 *
 * The handshake through a server, the one without (section 15.2) and each rekey (section 16.1) derive their keys here.
 */
import * as Bytes from "../crypto/Bytes.ts"
import * as Hkdf from "../crypto/Hkdf.ts"
import { type Hash, keyBytes } from "../crypto/Primitives.ts"
import type { Certificate } from "../identity/Certificate.ts"
import type { PersonId } from "../identity/PersonId.ts"
import type { HandshakeState } from "../noise/HandshakeState.ts"
import type { PersonName } from "../PersonName.ts"

/** One of a kind for what we send, and one for what we receive. */
export interface Pair<A> {
  readonly send: A
  readonly receive: A
}

/** All that follows from the secrets of one handshake. */
export interface Derived {
  /** 32 bytes: the pre-shared key of the next rekey. */
  readonly exporter: Uint8Array
  /** 32 bytes: for verifying by voice. */
  readonly sas: Uint8Array
  /** Keys of the messages through the server, 32 bytes. */
  readonly link: Pair<Uint8Array>
  /** Keys of records, 32 bytes. */
  readonly record: Pair<Uint8Array>
  /** The receiver indices of records, unsigned 32 bits: `send` stands in those that we send. */
  readonly index: Pair<number>
}

/** Who is at the other end, proven by the handshake but for the name. */
export interface Peer {
  readonly id: PersonId
  /** X25519, 32 bytes. */
  readonly staticKey: Uint8Array
  readonly certificate: Certificate
  /** What the other calls itself. */
  readonly name: PersonName
}

export interface ChatKeys extends Derived {
  /** 16 bytes. Without a server: the first 16 of h. */
  readonly callId: Uint8Array
  readonly isInitiator: boolean
  /** The handshake hash, 32 bytes: the same on both sides if nobody sits in between. Not secret. */
  readonly h: Uint8Array
  /** Of the key that the handshake was made with, 32 bytes; a rekey is made with the same. */
  readonly self: { readonly staticSecret: Uint8Array }
  readonly peer: Peer
}

const none = new Uint8Array(0)

/** The secret that all keys of a handshake follow from, 32 bytes. */
export const root = (
  hash: Hash,
  { h, ck, kemSecret }: { readonly h: Uint8Array; readonly ck: Uint8Array; readonly kemSecret: Uint8Array },
): Uint8Array =>
  Hkdf.derive(hash, { salt: h, ikm: Bytes.concat(ck, kemSecret), info: "nomitm/1 root", length: keyBytes })

/** The keys of a root. */
export const ofRoot = (hash: Hash, root: Uint8Array, isInitiator: boolean): Derived => {
  const prk = Hkdf.extract(hash, none, root)
  const key = (label: string, length = keyBytes) => Hkdf.expand(hash, prk, `nomitm/1 ${label}`, length)
  const pair = <A>(of: (direction: string) => A): Pair<A> => {
    const [initiator, responder] = [of("i2r"), of("r2i")]
    return isInitiator ? { send: initiator, receive: responder } : { send: responder, receive: initiator }
  }
  return {
    exporter: key("exporter"),
    sas: key("sas"),
    link: pair((direction) => key(`link ${direction}`)),
    record: pair((direction) => key(`record ${direction}`)),
    index: pair((direction) => new DataView(key(`index ${direction}`, 4).buffer).getUint32(0)),
  }
}

/**
 * The keys of a handshake that is complete.
 *
 * @param noise after its last message
 * @param kemSecret of ML-KEM-768, 32 bytes; empty in a rekey without refresh
 */
export const derive = (hash: Hash, noise: HandshakeState, kemSecret: Uint8Array): Derived =>
  ofRoot(hash, root(hash, { h: noise.handshakeHash, ck: noise.chainingKey, kemSecret }), noise.initiator)
