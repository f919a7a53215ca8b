/**
 * Questions to the server where it sees their sender, with the answers, and candidates as the two sides of a chat tell
 * them, from fixed bytes (PROTOCOL.md, sections 14.4 and 15.3): what `nomitm1-reach.json` says. All bytes are in
 * hexadecimal.
 *
 * `node test/vectors/reachVector.ts` writes the file anew.
 */
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import * as ChatKeys from "../../src/domain/call/ChatKeys.ts"
import * as LinkChannel from "../../src/domain/call/LinkChannel.ts"
import type { Candidate } from "../../src/domain/reach/Candidate.ts"
import * as CandidateMessage from "../../src/domain/reach/CandidateMessage.ts"
import * as Lookup from "../../src/domain/reach/Lookup.ts"
import type { Endpoint } from "../../src/domain/Endpoint.ts"
import { bytesOf, primitives } from "../domain/crypto/primitives.ts"

export const path = join(import.meta.dirname, "nomitm1-reach.json")

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex")
const vector = (label: string, length: number): Uint8Array => bytesOf(`nomitm/1 reach vector ${label}`, length)

const [token, key] = [vector("token", Lookup.tokenBytes), vector("key", 32)]
const lookupKeys = Lookup.keys(primitives, key)

const lookup = (from: Endpoint) => {
  const transaction = vector(`transaction of ${from.address}`, Lookup.transactionBytes)
  return {
    from,
    transaction: hex(transaction),
    question: hex(Lookup.encodeRequest(primitives, lookupKeys, { token, transaction })),
    answer: hex(Lookup.encodeReply(primitives, lookupKeys, transaction, from)),
  }
}

const [root, callId] = [vector("root", 32), vector("callId", 16)]
const keys = { initiator: ChatKeys.ofRoot(primitives, root, true), responder: ChatKeys.ofRoot(primitives, root, false) }

const candidate = (kind: Candidate["kind"], address: string, port: number): Candidate => ({
  kind,
  endpoint: { address, port },
})

const messages: Readonly<Record<"initiator" | "responder", ReadonlyArray<CandidateMessage.CandidateMessage>>> = {
  initiator: [
    {
      generation: 1,
      mapping: { _tag: "Unknown" },
      candidates: [candidate("host", "2001:db8::17", 40_000), candidate("host", "192.168.1.17", 40_000)],
    },
    {
      generation: 1,
      mapping: { _tag: "Sequential" },
      candidates: [
        candidate("predicted", "203.0.113.7", 50_005),
        candidate("predicted", "203.0.113.7", 50_006),
        candidate("reflexive", "203.0.113.7", 50_004),
        candidate("host", "2001:db8::17", 40_000),
      ],
    },
  ],
  responder: [
    {
      generation: 65_535,
      mapping: { _tag: "Block", low: 4096, high: 5119 },
      candidates: [candidate("reflexive", "198.51.100.9", 4100), candidate("mapped", "198.51.100.9", 40_001)],
    },
    { generation: 0, mapping: { _tag: "Blocked" }, candidates: [] },
  ],
}

/** What one side tells, after its M3 or M4. */
const told = (from: keyof typeof messages) => {
  const seal = (channel: LinkChannel.LinkChannel, message: LinkChannel.LinkMessage) => {
    const sealed = LinkChannel.seal(primitives, channel, message)
    if (sealed === undefined) throw new Error("Too long")
    return sealed
  }
  const first = from === "initiator" ? LinkChannel.confirm : LinkChannel.accept
  let { channel } = seal(LinkChannel.make({ callId, link: keys[from].link }), first)
  return messages[from].map((message, i) => {
    const body = CandidateMessage.encode(message)
    const sealed = seal(channel, { type: LinkChannel.candidates, body })
    channel = sealed.channel
    const { generation, mapping, candidates } = message
    const list = candidates.map(({ kind, endpoint: { address, port } }) => ({ kind, address, port }))
    return {
      from,
      counter: i + 1,
      generation,
      mapping: mapping._tag,
      low: mapping._tag === "Block" ? mapping.low : 0,
      high: mapping._tag === "Block" ? mapping.high : 0,
      candidates: list,
      body: hex(body),
      sealed: hex(sealed.data),
    }
  })
}

export const make = () => ({
  source:
    "Made by this project from SHA-256 of labels, and computed a second time with none of its code in nomitm1-reach.steps.test.ts.",
  token: hex(token),
  key: hex(key),
  requestKey: hex(lookupKeys.request),
  replyKey: hex(lookupKeys.reply),
  lookups: [lookup({ address: "203.0.113.7", port: 50_004 }), lookup({ address: "2001:db8::17", port: 40_000 })],
  root: hex(root),
  callId: hex(callId),
  linkI2r: hex(keys.initiator.link.send),
  linkR2i: hex(keys.initiator.link.receive),
  candidates: [...told("initiator"), ...told("responder")],
})

if (import.meta.main) writeFileSync(path, `${JSON.stringify(make(), null, 2)}\n`)
