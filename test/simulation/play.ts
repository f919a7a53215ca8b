/**
 * Plays the plan of a seed, and says what was not as promised: every text arrives once and in order, whoever said it is
 * told, nothing leaves a machine in the clear or goes where it must not, and soon after the last disturbance all is
 * delivered.
 */
import { Effect, type Scope } from "effect"
import { laboratoryKinds } from "nomitm/adapters/memory/NatKind"
import type { Person } from "./Person.ts"
import * as Plan from "./Plan.ts"
import { run } from "./run.ts"
import * as World from "./World.ts"

/**
 * So long after the last disturbance all has arrived, in milliseconds. Without a path it is noticed within 12 s that a
 * connection to the server leads nowhere, within 45 s otherwise; the server is tried again within 45 s, the person called
 * again within 25 s.
 */
export const patienceMillis = 60_000
/** So many datagrams a side sends at most in all searches, with everything that is said. */
const maxPackets = 20_000

export interface Outcome {
  readonly seed: number
  readonly problems: ReadonlyArray<string>
  /** From the last disturbance, or the last text if that came later, until all was delivered. */
  readonly millis: number
  readonly packets: number
  /** What both were shown. */
  readonly shown: ReadonlyArray<string>
}

const disturb = (world: World.World, disturbance: Plan.Disturbance, link: Plan.Plan["link"], number: number) => {
  const { network, server, homes, restartServer, allow } = world
  const between = (pairs: ReadonlyArray<readonly [World.Place, World.Place]>, connected: boolean) =>
    Effect.forEach(pairs, ([a, b]) => network.setLinkBetween(a, b, { ...link, connected }), { discard: true })
  const cut = (pairs: ReadonlyArray<readonly [World.Place, World.Place]>, lasts: number) =>
    Effect.andThen(between(pairs, false), Effect.andThen(Effect.sleep(lasts), between(pairs, true)))
  const alice = homes.alice.host
  const bob = homes.bob.host
  switch (disturbance._tag) {
    case "Blackout": {
      const away = disturbance.of === "both" ? (["alice", "bob"] as const) : [disturbance.of]
      const pairs = away.flatMap((name) =>
        [server, name === "alice" ? bob : alice].map((other) => [homes[name].host, other] as const),
      )
      return cut(pairs, disturbance.lasts)
    }
    case "PathCut":
      return cut([[alice, bob]], disturbance.lasts)
    case "ServerRestart":
      return restartServer(disturbance.lasts)
    case "NatRestart":
      return Effect.forEach(homes[disturbance.of].nats, (nat) => nat.restart(), { discard: true })
    case "NewAddress": {
      const { host, nats } = homes[disturbance.of]
      const address = World.outerAddress(disturbance.of, number)
      allow([address])
      const outer = nats.at(-1)
      if (outer === undefined) return host.move({ address })
      return Effect.flatMap(outer.state, ({ config }) =>
        config.mapping === "none" ? host.move({ address, nat: outer }) : outer.restart(address),
      )
    }
    case "Roaming": {
      const outside = World.outerAddress(disturbance.of, number)
      const inside = `172.16.${number}.5`
      allow([outside, inside])
      return Effect.flatMap(network.nat({ address: outside, kind: laboratoryKinds.portrestr }), (nat) =>
        homes[disturbance.of].host.move({ address: inside, nat }),
      )
    }
  }
}

const play = (plan: Plan.Plan): Effect.Effect<Outcome, never, Scope.Scope> =>
  Effect.gen(function* () {
    const { seed, kinds, link, texts, disturbances } = plan
    const world = yield* World.make({ seed, link, homes: World.pair(kinds.alice, kinds.bob) })
    const { alice, bob, until } = world
    const clock = yield* Effect.clockWith(Effect.succeed)
    const now = (): number => clock.currentTimeMillisUnsafe()
    const people: ReadonlyArray<Person> = [alice, bob]
    const isWrong = (): boolean => World.problems(world).length > 0

    const patiently = (isSo: () => boolean, what: () => string): Effect.Effect<string | undefined> =>
      Effect.map(
        Effect.timeoutOption(
          until(() => isSo() || isWrong()),
          patienceMillis,
        ),
        (result) => (result._tag === "None" ? what() : undefined),
      )
    const outcome = (millis: number, problem: string | undefined): Outcome => ({
      seed,
      problems: [...(problem === undefined ? [] : [problem]), ...World.problems(world)],
      millis,
      packets: Math.max(alice.watch.packets, bob.watch.packets),
      shown: World.shown(world),
    })

    yield* Effect.forkScoped(World.connect(world))
    const isConnected = (): boolean => people.every(({ connectedAt }) => connectedAt < Infinity)
    const unconnected = yield* patiently(isConnected, () => "they did not come together")
    if (unconnected !== undefined || isWrong()) return outcome(0, unconnected)
    const start = now()
    const at = (millis: number) => Effect.sleep(Math.max(0, start + millis - now()))

    const saying = Effect.forEach(
      texts,
      ({ at: when, by, bytes }) =>
        Effect.andThen(
          at(when),
          Effect.suspend(() => world[by].say(bytes)),
        ),
      { discard: true },
    )
    const disturbing = Effect.forEach(
      disturbances,
      (disturbance, i) => Effect.andThen(at(disturbance.at), disturb(world, disturbance, link, 50 + i)),
      { concurrency: "unbounded", discard: true },
    )
    yield* Effect.all([saying, disturbing], { concurrency: 2, discard: true })

    const calm = now()
    const isAllThere = (): boolean =>
      alice.delivered === alice.said.length &&
      bob.delivered === bob.said.length &&
      alice.read === bob.said.length &&
      bob.read === alice.said.length
    const state = ({ name, said, delivered, read }: Person): string =>
      `${name} said ${said.length}, of which ${delivered} are delivered, and read ${read}`
    const late = yield* patiently(isAllThere, () => `not all delivered: ${state(alice)}; ${state(bob)}`)
    const result = outcome(now() - calm, late)
    return result.packets <= maxPackets
      ? result
      : { ...result, problems: [...result.problems, `${result.packets} datagrams of one side`] }
  })

/** All the virtual time that there may be, in milliseconds. */
const limitMillis = 2 * patienceMillis + 60_000

export const playSeed = async (seed: number): Promise<Outcome> => {
  const result = await run(seed, play(Plan.of(seed)), limitMillis)
  return result === "hangs" ? { seed, problems: ["hangs"], millis: limitMillis, packets: 0, shown: [] } : result
}
