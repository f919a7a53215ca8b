/**
 * Questions to the server where it sees a UDP socket of ours, that wait for their answers (PROTOCOL.md, section 14.4).
 *
 * An answer counts once, if it was sealed for the question and comes from where that was sent.
 */
import * as Bytes from "../../domain/crypto/Bytes.ts"
import * as Endpoint from "../../domain/Endpoint.ts"
import * as Lookup from "../../domain/reach/Lookup.ts"
import type { Cryptography } from "../Cryptography.ts"
import type { PeerSocket } from "../PeerTransport.ts"
import type { Reflex } from "../link/SealedLink.ts"

/** So many questions may be unanswered; one more, and the oldest is given up. */
const maxQuestions = 16

interface Question {
  readonly target: number
  /** When it was asked, in milliseconds. */
  readonly at: number
}

export interface Answer extends Question {
  /** Where the server sees the socket. */
  readonly mapped: Endpoint.Endpoint
}

export class LookupQuestions {
  private readonly cryptography: Cryptography["Service"]
  private readonly reflex: Reflex
  private readonly keys: Lookup.Keys
  /** By the transaction in text. */
  private readonly waiting = new Map<string, Question>()

  constructor(cryptography: Cryptography["Service"], reflex: Reflex) {
    this.cryptography = cryptography
    this.reflex = reflex
    this.keys = Lookup.keys(cryptography.primitives, reflex.key)
  }

  /**
   * @param target which of the server's lookup ports, as in `Reflex.targets`; nothing is asked where there is none
   * @param now in milliseconds
   */
  ask(socket: PeerSocket, target: number, now: number): void {
    const to = this.reflex.targets[target]
    if (to === undefined) return
    const { primitives, randomBytes } = this.cryptography
    const transaction = randomBytes(Lookup.transactionBytes)
    if (this.waiting.size >= maxQuestions) this.waiting.delete(this.waiting.keys().next().value!)
    this.waiting.set(Bytes.toBase64Url(transaction), { target, at: now })
    socket.send(Lookup.encodeRequest(primitives, this.keys, { token: this.reflex.token, transaction }), to)
  }

  /** What a datagram answers; none if it is no answer to what was asked. */
  answered(datagram: Uint8Array, from: Endpoint.Endpoint): Answer | undefined {
    const transaction = Lookup.transactionOf(datagram)
    if (transaction === undefined) return undefined
    const key = Bytes.toBase64Url(transaction)
    const question = this.waiting.get(key)
    const to = question && this.reflex.targets[question.target]
    if (question === undefined || to === undefined || !Endpoint.equals(from, to)) return undefined
    const mapped = Lookup.openReply(this.cryptography.primitives, this.keys, transaction, datagram)
    if (mapped === undefined) return undefined
    this.waiting.delete(key)
    return { ...question, mapped }
  }
}
