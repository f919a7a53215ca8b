/**
 * Two people in a network that does nothing but translate: do they connect, by which path, how soon, and with how many
 * datagrams?
 */
import { Effect, type Scope } from "effect"
import type { MemoryNetwork } from "nomitm/adapters/memory/MemoryNetwork"
import type { Group, PathKind } from "../natlab/Scenario.ts"
import * as Person from "./Person.ts"
import { run } from "./run.ts"
import * as World from "./World.ts"

export interface Scenario {
  readonly name: string
  readonly group: Group
  readonly homes: (network: MemoryNetwork["Service"]) => Effect.Effect<World.Homes>
  readonly server?: ReadonlyArray<string>
  /** The paths on which the chat may end. One that is not the relay must be found if the relay is not among them. */
  readonly paths: ReadonlyArray<PathKind>
  /** How the address of the path must begin. */
  readonly address?: string
  /** What one of both, at least, must be on. */
  readonly one?: PathKind
}

export interface Outcome {
  readonly scenario: Scenario
  readonly seed: number
  readonly problems: ReadonlyArray<string>
  readonly kind: string
  /** In milliseconds since bob has said yes: until both can say something, and until both have read something. */
  readonly connectedMillis: number
  readonly messageMillis: number
  /** Until both have a path that is not the relay; `Infinity` without one. */
  readonly directMillis: number
  /** Those that a side has sent by UDP, the side that sent more; until they were direct, or gave up. */
  readonly packets: number
  readonly shown: ReadonlyArray<string>
}

/** One way from anybody to anybody, in milliseconds. */
export const latencyMillis = 20
export const roundTripMillis = 2 * latencyMillis
/** The bound of any search. */
export const maxPackets = 3000

/** How long it may take to find what must be there, and how long what may be there is waited for, in milliseconds. */
const patienceMillis = 15_000
/** How long a path has to hold, in milliseconds. */
const holdMillis = 12_000

const meet = (scenario: Scenario, seed: number): Effect.Effect<Outcome, never, Scope.Scope> =>
  Effect.gen(function* () {
    const { homes, server, paths, address = "", one } = scenario
    const world = yield* World.make({
      seed,
      link: { latencyMillis },
      homes,
      ...(server === undefined ? {} : { server }),
    })
    const { alice, bob, until } = world
    const people = [alice, bob]
    const problems: Array<string> = []
    const expect = Effect.fnUntraced(function* (what: string, millis: number, isSo: () => boolean) {
      const result = yield* Effect.timeoutOption(until(isSo), millis)
      if (result._tag === "None") problems.push(`${what}: not within ${millis} ms`)
    })
    const isDirect = (): boolean => people.every((person) => !["relay", "none"].includes(Person.kind(person)))
    const isAllThere = (): boolean =>
      alice.read === bob.said.length &&
      bob.read === alice.said.length &&
      people.every(({ delivered, said }) => delivered === said.length)

    yield* Effect.forkScoped(
      Effect.andThen(
        until(() => bob.incomingAt < Infinity),
        alice.say(1),
      ),
    )
    yield* Effect.forkScoped(
      Effect.andThen(
        until(() => bob.connectedAt < Infinity),
        bob.say(1),
      ),
    )
    yield* Effect.forkScoped(World.connect(world))
    yield* expect("connected", patienceMillis, () => people.every(({ connectedAt }) => connectedAt < Infinity))
    yield* expect("a text each", patienceMillis, () => bob.said.length === 1 && alice.said.length === 1 && isAllThere())

    const mustBeDirect = !paths.includes("relay")
    const mayBeDirect = paths.some((kind) => kind !== "relay")
    if (mustBeDirect) yield* expect("a direct path", patienceMillis, isDirect)
    else yield* Effect.timeoutOption(mayBeDirect ? until(isDirect) : Effect.never, patienceMillis / 2)
    const directAt = Math.max(...people.map(({ paths }) => paths.find(({ kind }) => kind !== "relay")?.at ?? Infinity))
    const packets = Math.max(alice.watch.packets, bob.watch.packets)
    // It is what it stays, and works.
    yield* Effect.sleep(holdMillis)
    yield* Effect.andThen(alice.say(2000), bob.say(2000))
    yield* expect("another text each", 2000, isAllThere)
    for (const { name, paths: taken } of people) {
      const last = taken.at(-1)
      if (last === undefined || !paths.includes(last.kind as PathKind) || !last.address.startsWith(address)) {
        problems.push(`${name} is on ${last?.kind} ${last?.address}, not on ${paths.join(" or ")} ${address}`)
      }
    }
    if (one !== undefined && people.every((person) => Person.kind(person) !== one)) problems.push(`nobody is on ${one}`)
    if (packets > maxPackets) problems.push(`${packets} datagrams of one side`)
    const since = (...times: ReadonlyArray<number>): number => Math.max(...times) - bob.incomingAt
    return {
      scenario,
      seed,
      problems: [...problems, ...World.problems(world)],
      kind: Person.kind(alice),
      connectedMillis: since(alice.connectedAt, bob.connectedAt),
      messageMillis: since(alice.firstReadAt, bob.firstReadAt),
      directMillis: since(directAt),
      packets,
      shown: World.shown(world),
    }
  })

export const play = async (scenario: Scenario, seed: number): Promise<Outcome> => {
  const result = await run(seed, meet(scenario, seed), 100_000)
  if (result !== "hangs") return result
  const none = { connectedMillis: Infinity, messageMillis: Infinity, directMillis: Infinity, packets: 0 }
  return { scenario, seed, problems: ["hangs"], kind: "none", ...none, shown: [] }
}
