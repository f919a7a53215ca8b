/**
 * Records in both directions, with texts in DATA and what ACK says of them, two rekeys, without ML-KEM and with it, and a
 * short string, from fixed bytes (PROTOCOL.md, sections 16 and 17): what `nomitm1-records.json` says. All bytes are in hexadecimal.
 *
 * `node test/vectors/recordsVector.ts` writes the file anew.
 */
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import * as ChatKeys from "../../src/domain/call/ChatKeys.ts"
import * as Bytes from "../../src/domain/crypto/Bytes.ts"
import * as Epoch from "../../src/domain/record/Epoch.ts"
import * as Frame from "../../src/domain/record/Frame.ts"
import * as RecordLayer from "../../src/domain/record/RecordLayer.ts"
import * as Rekey from "../../src/domain/record/Rekey.ts"
import * as ShortString from "../../src/domain/verify/ShortString.ts"
import { bytesOf, primitives } from "../domain/crypto/primitives.ts"

export const path = join(import.meta.dirname, "nomitm1-records.json")

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex")
const vector = (label: string, length: number): Uint8Array => bytesOf(`nomitm/1 records vector ${label}`, length)
const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text)

const root = vector("root", 32)
const [callId, h] = [vector("callId", 16), vector("h", 32)]
const secrets = { initiator: vector("initiator", 32), responder: vector("responder", 32) }
const keys = { initiator: ChatKeys.ofRoot(primitives, root, true), responder: ChatKeys.ofRoot(primitives, root, false) }
const layers = {
  initiator: RecordLayer.make(primitives, Epoch.first(keys.initiator)),
  responder: RecordLayer.make(primitives, Epoch.first(keys.responder)),
}
type Role = keyof typeof layers

const index = (value: number) => value.toString(16).padStart(8, "0")
const describeKeys = (derived: Pick<ChatKeys.Derived, "record" | "index" | "exporter">) => ({
  recordI2r: hex(derived.record.send),
  recordR2i: hex(derived.record.receive),
  indexI2r: index(derived.index.send),
  indexR2i: index(derived.index.receive),
  exporter: hex(derived.exporter),
})

/** Jumps to a counter if one is given. */
const record = (from: Role, frames: ReadonlyArray<Frame.Frame>, counter?: number) => {
  const slot = layers[from].slots.current
  if (counter !== undefined) slot.counter = counter
  const used = slot.counter
  const written = new Uint8Array(frames.reduce((sum, frame) => sum + Frame.length(frame), 0))
  let at = 0
  for (const frame of frames) at = Frame.write(frame, written, at)
  return {
    from,
    epoch: slot.epoch.number,
    counter: used,
    frames: hex(written),
    datagram: hex(RecordLayer.seal(layers[from], frames)!),
  }
}

/** A direction's stream: messages one after the other, each with its kind and length before it. */
const streamOf = (...texts: ReadonlyArray<string>): Uint8Array =>
  Bytes.concat(
    ...texts.map((text) => {
      const body = utf8(text)
      return Bytes.concat(Uint8Array.of(1, body.length >> 16, body.length >> 8, body.length), body)
    }),
  )
const data = (stream: Uint8Array, from: number, to = stream.length): Frame.Frame => ({
  _tag: "Data",
  offset: from,
  bytes: stream.slice(from, to),
})
const window = 262_144
const ack = (consumed: number, delay: number, ...ranges: ReadonlyArray<readonly [number, number]>): Frame.Frame => ({
  _tag: "Ack",
  consumed,
  limit: consumed + window,
  delay,
  epoch: 0,
  ranges: ranges.map(([first, last]) => ({ first, last })),
})

const ofInitiator = streamOf("hello", "zoë \u{1f600}")
const ofResponder = streamOf("x".repeat(1191))

const records = () => [
  record("initiator", [Frame.probe]),
  record("responder", [Frame.keepAlive]),
  // Two texts in one record, and a text in two: the first piece of it fills a record.
  record("initiator", [data(ofInitiator, 0)]),
  record("responder", [ack(ofInitiator.length, 3, [0, 1]), data(ofResponder, 0, 1157)]),
  record("responder", [data(ofResponder, 1157), { _tag: "PathChallenge", data: vector("challenge", 8) }]),
  record("initiator", [{ _tag: "PathResponse", data: vector("challenge", 8) }, ack(ofResponder.length, 0, [0, 2])]),
  // Something is missing in between.
  record("initiator", [ack(ofResponder.length, 65_535, [4, 2 ** 32], [0, 2])], 2 ** 32 - 1),
  record("initiator", [Frame.keepAlive]),
  record("responder", [Frame.close], 2 ** 48 - 1),
]

const at = (millis: number) => ({ monotonic: millis, wall: millis })
const machine = (role: Role): Rekey.State =>
  Rekey.initial(
    {
      isInitiator: role === "initiator",
      callId,
      staticSecret: secrets[role],
      peerStaticKey: primitives.x25519.publicKey(secrets[role === "initiator" ? "responder" : "initiator"]),
    },
    Epoch.first(keys[role]),
    at(0),
  )

const message = (actions: ReadonlyArray<Rekey.Action>): ReadonlyArray<Frame.RekeyPart> =>
  actions
    .flatMap((action) => (action._tag === "Send" ? action.frames : []))
    .flatMap((frame) => (frame._tag === "Rekey1" || frame._tag === "Rekey2" ? [frame] : []))

const rekeys = () => {
  let [initiator, responder] = [machine("initiator"), machine("responder")]
  return [false, true].map((refresh) => {
    const epoch = initiator.epoch.number + 1
    const now = epoch * 120_000
    const draw = (role: Role) => {
      let rest = [
        refresh ? vector(`epoch ${epoch} ${role} ML-KEM`, role === "initiator" ? 64 : 32) : undefined,
        vector(`epoch ${epoch} ${role} ephemeral`, 32),
      ].filter((bytes) => bytes !== undefined)
      return {
        bytes: rest,
        tools: {
          primitives,
          randomBytes: (length: number): Uint8Array => {
            const [next, ...others] = rest
            rest = others
            if (next?.length !== length) throw new Error("Drawn in another order")
            return next
          },
        },
      }
    }
    const [i, r] = [draw("initiator"), draw("responder")]
    const due = refresh ? { ...initiator, refreshedAt: at(now - 3_600_000) } : initiator
    const [asking, asked] = Rekey.step(i.tools, due, { _tag: "Due", used: 0, at: at(now) })
    const question = message(asked)
    let answered: ReadonlyArray<Rekey.Action> = []
    for (const frame of question) {
      ;[responder, answered] = Rekey.step(r.tools, responder, { _tag: "Heard", frame, at: at(now) })
    }
    const answer = message(answered)
    let adopted: ReadonlyArray<Rekey.Action> = []
    initiator = asking
    for (const frame of answer) {
      ;[initiator, adopted] = Rekey.step(i.tools, initiator, { _tag: "Heard", frame, at: at(now) })
    }
    const made = adopted.flatMap((action) => (action._tag === "Adopt" ? [action.epoch] : []))[0]!
    const carried = question.map((frame) => record("initiator", [frame], epoch === 1 ? 10 : undefined))
    const back = answer.map((frame) => record("responder", [frame], epoch === 1 ? 10 : undefined))
    RecordLayer.adopt(layers.initiator, made)
    RecordLayer.adopt(layers.responder, { ...made, record: swapped(made.record), index: swapped(made.index) })
    ;[initiator] = Rekey.step(i.tools, initiator, { _tag: "Opened", advanced: false, at: at(now) })
    ;[responder] = Rekey.step(r.tools, responder, { _tag: "Opened", advanced: true, at: at(now) })
    const whole = (frames: ReadonlyArray<Frame.RekeyPart>) => hex(Buffer.concat(frames.map(({ bytes }) => bytes)))
    return {
      newEpoch: epoch,
      refresh,
      initiatorEphemeral: hex(i.bytes.at(-1)!),
      initiatorKemSeed: refresh ? hex(i.bytes[0]!) : null,
      responderEphemeral: hex(r.bytes.at(-1)!),
      responderKemEntropy: refresh ? hex(r.bytes[0]!) : null,
      rekey1: whole(question),
      rekey2: whole(answer),
      keys: describeKeys(made),
      records: [...carried, ...back, record("initiator", [Frame.probe]), record("responder", [Frame.keepAlive])],
    }
  })
}

const swapped = <A>({ send, receive }: ChatKeys.Pair<A>): ChatKeys.Pair<A> => ({ send: receive, receive: send })

const shortString = () => {
  const side = (role: Role, nonce: Uint8Array) => {
    let state = ShortString.initial({ isInitiator: role === "initiator", h, sas: keys[role].sas })
    return (event: ShortString.Event) => {
      const [next, actions] = ShortString.step({ primitives, randomBytes: () => nonce }, state, event)
      state = next
      return {
        frame: actions.flatMap((action) => (action._tag === "Send" ? [action.frame as Frame.SasFrame] : []))[0]!,
        value: actions.flatMap((action) => (action._tag === "Ready" ? [action.value] : []))[0],
      }
    }
  }
  const [rA, rB] = [vector("rA", 32), vector("rB", 32)]
  const [initiator, responder] = [side("initiator", rA), side("responder", rB)]
  const commit = initiator({ _tag: "Start", now: 0 }).frame
  const reply = responder({ _tag: "Heard", frame: commit, now: 0 }).frame
  const reveal = initiator({ _tag: "Heard", frame: reply, now: 0 })
  const checked = responder({ _tag: "Heard", frame: reveal.frame, now: 0 })
  if (checked.value === undefined || checked.value !== reveal.value) throw new Error("Two strings")
  const bytes = (frame: Frame.Frame) => {
    const into = new Uint8Array(Frame.length(frame))
    Frame.write(frame, into, 0)
    return hex(into)
  }
  return {
    rA: hex(rA),
    rB: hex(rB),
    commit: bytes(commit),
    reply: bytes(reply),
    reveal: bytes(reveal.frame),
    value: checked.value,
    indices: ShortString.indices(checked.value),
    digits: ShortString.digits(checked.value),
  }
}

export const make = () => ({
  source:
    "Made by this project from SHA-256 of labels, and computed a second time with none of its code in nomitm1-records.steps.test.ts.",
  callId: hex(callId),
  h: hex(h),
  root: hex(root),
  initiatorStatic: hex(secrets.initiator),
  responderStatic: hex(secrets.responder),
  keys: { ...describeKeys(keys.initiator), sas: hex(keys.initiator.sas) },
  records: records(),
  rekeys: rekeys(),
  shortString: shortString(),
})

if (import.meta.main) writeFileSync(path, `${JSON.stringify(make(), null, 2)}\n`)
