/**
 * The record layer, and the cipher alone: how long one record takes. Every time is in microseconds.
 */
import * as Effect from "effect/Effect"
import * as NodeCryptography from "../../src/adapters/node/NodeCryptography.ts"
import * as ChatKeys from "../../src/domain/call/ChatKeys.ts"
import * as Epoch from "../../src/domain/record/Epoch.ts"
import type { Frame } from "../../src/domain/record/Frame.ts"
import * as RecordLayer from "../../src/domain/record/RecordLayer.ts"
import { answer } from "./answer.ts"
import * as BareCipher from "./bareCipher.ts"

export interface Work {
  /** The plaintext of a record, in bytes. */
  readonly size: number
  readonly count: number
}

const primitives = await Effect.runPromise(NodeCryptography.primitives)
const root = new Uint8Array(32).fill(7)
const ciphers = { sodium: await BareCipher.sodium(root), node: BareCipher.node(root) }

const layer = (isInitiator: boolean) =>
  RecordLayer.make(primitives, Epoch.first(ChatKeys.ofRoot(primitives, root, isInitiator)))
const [sealing, opening] = [layer(true), layer(false)]

/** One frame that fills a record of this size. */
const framesOf = (size: number): ReadonlyArray<Frame> => [
  { _tag: "Data", offset: 0, bytes: new Uint8Array(size - 9).fill(0x61) },
]

const sealAll = (size: number, count: number): ReadonlyArray<Uint8Array> => {
  const frames = framesOf(size)
  return Array.from({ length: count }, () => RecordLayer.seal(sealing, frames)!)
}

const microsEach = (count: number, work: () => void): number => {
  const startedAt = performance.now()
  work()
  return ((performance.now() - startedAt) * 1000) / count
}

const openAll = (records: ReadonlyArray<Uint8Array>, expected: boolean): void => {
  for (const record of records) {
    if ((typeof RecordLayer.open(opening, record) !== "string") !== expected) throw new Error("Not as expected.")
  }
}

const alone = (cipher: BareCipher.BareCipher, { size, count }: Work): number => {
  const [plaintext, datagram, into] = [new Uint8Array(size).fill(0x61), new Uint8Array(size + 32), new Uint8Array(size)]
  return microsEach(count, () => {
    for (let i = 0; i < count; i++) {
      cipher.seal(i, plaintext, datagram)
      if (!cipher.open(i, datagram, into)) throw new Error("Not opened.")
    }
  })
}

answer({
  sealAndOpen: ({ size, count }: Work) => {
    const frames = framesOf(size)
    return microsEach(count, () => {
      for (let i = 0; i < count; i++) {
        if (typeof RecordLayer.open(opening, RecordLayer.seal(sealing, frames)!) === "string") {
          throw new Error("Not opened.")
        }
      }
    })
  },
  sodium: (work: Work) => alone(ciphers.sodium, work),
  node: (work: Work) => alone(ciphers.node, work),
  open: ({ size, count }: Work) => {
    const records = sealAll(size, count)
    return microsEach(count, () => openAll(records, true))
  },
  dropForged: ({ size, count }: Work) => {
    const records = sealAll(size, count)
    for (const record of records) record[record.length - 1]! ^= 1
    return microsEach(count, () => openAll(records, false))
  },
  dropUnknown: ({ size, count }: Work) => {
    const records = sealAll(size, count)
    for (const record of records) record[4]! ^= 1
    return microsEach(count, () => openAll(records, false))
  },
})
