/**
 * Gathering (RFC 8445, section 5.1.1): asking the server where it sees socket 0, and the router for a port; and judging
 * the NAT by the answers. Values.
 */
import * as Endpoint from "../Endpoint.ts"
import * as NatMapping from "./NatMapping.ts"
import type { Situation } from "./Situation.ts"

/** What was not answered is asked again at these times after the start, in milliseconds. */
export const againMillis = [150, 350] as const
/** Later answers are waited for so long if there are two and the NAT does not count, in milliseconds … */
export const enoughMillis = 400
/** … and all of them so long; if none has come by then, UDP does not pass. In milliseconds. */
export const silenceMillis = 600

export interface Gathering {
  readonly startedAt: number
  readonly samples: ReadonlyArray<NatMapping.Sample>
  readonly mapped: Endpoint.Endpoint | undefined
  /** How often all that had not answered were asked. */
  readonly asked: number
  /** What is known so far; final once `isOver`. */
  readonly mapping: NatMapping.NatMapping
  readonly isOver: boolean
}

/** What others are told of the NAT: nothing that may change yet. */
export const settled = (gathering: Gathering): Gathering =>
  gathering.isOver ? gathering : { ...gathering, mapping: NatMapping.unknown }

export type Action = { readonly _tag: "LookUp"; readonly target: number } | { readonly _tag: "MapPort" }

export const start = (
  { targets }: Situation,
  mapped: Endpoint.Endpoint | undefined,
  now: number,
): readonly [Gathering, ReadonlyArray<Action>] => {
  const gathering: Gathering = {
    startedAt: now,
    samples: [],
    mapped,
    asked: 1,
    mapping: NatMapping.unknown,
    isOver: targets === 0,
  }
  return [gathering, [...lookUps(gathering, targets), { _tag: "MapPort" }]]
}

const lookUps = ({ samples }: Gathering, targets: number): ReadonlyArray<Action> =>
  Array.from({ length: targets }, (_, target) => target)
    .filter((target) => samples.every((sample) => sample.target !== target))
    .map((target) => ({ _tag: "LookUp", target }))

/** The server has answered; later than all patience is still good. */
export const lookedUp = (gathering: Gathering, situation: Situation, sample: NatMapping.Sample): Gathering => {
  const { target, mapped } = sample
  if (!Number.isInteger(target) || target < 0 || target >= situation.targets || !Endpoint.isPort(mapped.port)) {
    return gathering
  }
  // The first answer stands: a mapping does not change while it is asked for.
  if (gathering.samples.some((it) => it.target === target)) return gathering
  const samples = [...gathering.samples, { target, mapped: { address: mapped.address, port: mapped.port } }]
  const mapping = NatMapping.classify(samples, situation)
  return { ...gathering, samples, mapping, isOver: gathering.isOver || samples.length === situation.targets }
}

export const due = (
  gathering: Gathering,
  { targets }: Situation,
  now: number,
): readonly [Gathering, ReadonlyArray<Action>] => {
  const { startedAt, samples, asked } = gathering
  if (gathering.isOver) return [gathering, []]
  const passed = now - startedAt
  if (passed >= patienceOf(gathering)) {
    return [{ ...gathering, mapping: samples.length === 0 ? NatMapping.blocked : gathering.mapping, isOver: true }, []]
  }
  if (passed < nextAgain(asked)) return [gathering, []]
  return [{ ...gathering, asked: asked + 1 }, lookUps(gathering, targets)]
}

/** Of a NAT that counts the last port has to be known: every answer that is missing may be it. */
const patienceOf = ({ samples, mapping }: Gathering): number =>
  samples.length > 1 && mapping._tag !== "Sequential" ? enoughMillis : silenceMillis

const nextAgain = (asked: number): number => againMillis[asked - 1] ?? Infinity

export const dueAt = (gathering: Gathering): number =>
  gathering.isOver ? Infinity : gathering.startedAt + Math.min(nextAgain(gathering.asked), patienceOf(gathering))
