/** Frames and records of every kind, for property tests. */
import * as Arbitrary from "effect/Arbitrary"
import * as ChatKeys from "../../../src/domain/call/ChatKeys.ts"
import * as Epoch from "../../../src/domain/record/Epoch.ts"
import * as Frame from "../../../src/domain/record/Frame.ts"
import { integer, mapAll, oneOf, pick } from "../arbitraries.ts"
import { bytesOf, primitives } from "../crypto/primitives.ts"

const bytesOfLength = (length: number): Arbitrary.Arbitrary<Uint8Array> =>
  Arbitrary.map(integer(0, 255), (first) => Uint8Array.from({ length }, (_, i) => (first + i) & 0xff))

const uint32 = oneOf(integer(0, 5), integer(0, 2 ** 32 - 1))
const uint48 = oneOf(integer(0, 5), integer(0, 2 ** 48 - 1), pick(2 ** 32 - 1, 2 ** 32, 2 ** 48 - 1))
const run = integer(0, 255)

/** Part and parts, at most so many. */
const partOf = (most: number): Arbitrary.Arbitrary<readonly [number, number]> =>
  Arbitrary.flatMap(integer(1, most), (parts) => Arbitrary.map(integer(0, parts - 1), (part) => [part, parts] as const))

export const frame: Arbitrary.Arbitrary<Frame.Frame> = oneOf<Frame.Frame>(
  Arbitrary.map(integer(0, 3), (which) => [Frame.probe, Frame.keepAlive, Frame.close, Frame.sasRequest][which]!),
  mapAll(
    [
      oneOf(Arbitrary.Constant("Rekey1" as const), Arbitrary.Constant("Rekey2" as const)),
      uint32,
      partOf(Frame.maxRekeyParts),
    ],
    ([_tag, epoch, [part, parts]]) => ({ _tag, epoch, part, parts, bytes: bytesOf("part", 60 * parts) }),
  ),
  mapAll([uint48, integer(1, 90)], ([offset, length]) => ({
    _tag: "Data" as const,
    offset,
    bytes: bytesOf("piece", length),
  })),
  mapAll(
    [
      uint48,
      uint48,
      integer(0, Frame.maxAckDelay),
      uint32,
      Arbitrary.array(Arbitrary.all({ first: uint48, last: uint48 }), { maxLength: Frame.maxAckRanges }),
    ],
    ([consumed, limit, delay, epoch, ranges]) => ({ _tag: "Ack" as const, consumed, limit, delay, epoch, ranges }),
  ),
  Arbitrary.map(bytesOfLength(Frame.pathDataBytes), (data) => ({ _tag: "PathChallenge" as const, data })),
  Arbitrary.map(bytesOfLength(Frame.pathDataBytes), (data) => ({ _tag: "PathResponse" as const, data })),
  mapAll([run, bytesOfLength(Frame.sasBytes)], ([run, commitment]) => ({
    _tag: "SasCommit" as const,
    run,
    commitment,
  })),
  mapAll([run, bytesOfLength(Frame.sasBytes)], ([run, nonce]) => ({ _tag: "SasReply" as const, run, nonce })),
  mapAll([run, bytesOfLength(Frame.sasBytes)], ([run, nonce]) => ({ _tag: "SasReveal" as const, run, nonce })),
  Arbitrary.map(run, (run) => ({ _tag: "SasAbort" as const, run })),
)

/** The two sides' view of an epoch. */
export const epochs = (label: string, number = 0): readonly [initiator: Epoch.Epoch, responder: Epoch.Epoch] => {
  const root = bytesOf(label, 32)
  return [
    Epoch.make(number, ChatKeys.ofRoot(primitives, root, true)),
    Epoch.make(number, ChatKeys.ofRoot(primitives, root, false)),
  ]
}
