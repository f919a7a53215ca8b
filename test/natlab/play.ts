/**
 * Plays a scenario: a laboratory with the built command as the server and as two people, who call each other and talk
 * all the while, until the chat is on the path where it belongs and what was said has arrived.
 */
import { mkdir, mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { root } from "../../scripts/bundle.ts"
import { Chatter, type Timed } from "./Chatter.ts"
import * as Lab from "./Laboratory.ts"
import type { PathKind, Scenario } from "./Scenario.ts"
import { heard, type Person, person, Talk } from "./Talk.ts"

export interface Conditions {
  /** The file to run. */
  readonly command: string
  /** One way, on each side's line to the public network, in milliseconds; none that is simulated without it. */
  readonly delay?: number
  /** The longest wait for anything but the direct path, in milliseconds. */
  readonly patience: number
  /** The longest wait for the path, in milliseconds. */
  readonly searchPatience: number
  /** How long to look on where the relay may be the last word, so that the whole search is counted. Milliseconds. */
  readonly lookOn: number
}

/** What a scenario showed. Times are milliseconds from the moment at which the call was accepted. */
export interface Outcome {
  /** What is not as it must be, in words. */
  readonly problems: ReadonlyArray<string>
  /** Where each ended. */
  readonly paths: ReadonlyArray<PathKind | "none">
  /** The first text has arrived, whoever said it. */
  readonly firstMessage: number | undefined
  /** Each has heard the other. */
  readonly bothHeard: number | undefined
  /** Both are on a path past the server, for the first time. */
  readonly direct: number | undefined
  /** UDP datagrams that either side sent from acceptance until the end of its search, the larger of both counts. */
  readonly packets: number
  readonly failover: number | undefined
  /** What both programs said, if something is wrong. */
  readonly transcript: string
}

/** More than one search may send in all. */
export const packetLimit = 3000

const pathOf = ({ chatter }: Person): Timed | undefined => chatter.named("path").at(-1)
const kindOf = (one: Person): PathKind | undefined => pathOf(one)?.["kind"] as PathKind | undefined

/** Adds the delay to the sites that are plugged into the public network and have none of their own. */
const withDelay = (sites: ReadonlyArray<string>, delay: number | undefined): ReadonlyArray<string> =>
  delay === undefined
    ? sites
    : sites.map((site) => (site.includes("@") || site.includes(":delay=") ? site : `${site}:delay=${delay}`))

export const play = async (scenario: Scenario, conditions: Conditions): Promise<Outcome> => {
  const { command, delay, lookOn, patience, searchPatience } = conditions
  const [aliceAt, bobAt] = scenario.hosts ?? ["a1", "b1"]
  const folder = await mkdtemp(join(tmpdir(), "nomitm-natlab-"))
  await using disposal = new AsyncDisposableStack()
  disposal.defer(() => rm(folder, { recursive: true, force: true }))
  const laboratory = disposal.use(await Lab.Laboratory.build(withDelay(scenario.sites, delay)))

  const start = async (host: string, name: string, args: ReadonlyArray<string>): Promise<Chatter> => {
    const home = join(folder, name)
    await mkdir(home, { mode: 0o700 })
    return new Chatter({ laboratory, host, command, args, home })
  }
  const { address, host, other } = Lab.server
  const listening = ["--bind", address, "--host", address, "--alt-host", other]
  const server = await start(host, "server", ["server", ...listening, "--data", join(folder, "data"), "--json"])
  const { url } = await server.event("listening", patience)
  const reach = (name: string) => {
    const own = ["--home", join(folder, `${name}-profile`), "--accept", "ask", "--json"]
    return ["peer", name, "--server", String(url), ...own]
  }
  const [alice, bob] = [
    person("alice", await start(aliceAt, "alice", reach("alice"))),
    person("bob", await start(bobAt, "bob", reach("bob"))),
  ]
  const people = [alice, bob] as const
  const talk = new Talk(alice, bob)
  disposal.defer(() => talk.stop())

  const problems: Array<string> = []
  const fail = (problem: string): void => {
    problems.push(problem)
  }
  /** Waits until both are on a path of these kinds. */
  const settle = async (kinds: ReadonlyArray<PathKind>, within: number): Promise<boolean> => {
    const isThere = (one: Person) => {
      const kind = kindOf(one)
      return (kind !== undefined && kinds.includes(kind)) || undefined
    }
    const until = performance.now() + within
    // One may leave again while the other is waited for.
    do {
      for (const one of people) await one.chatter.until(() => isThere(one), Math.max(0, until - performance.now()))
      if (people.every(isThere)) return true
    } while (performance.now() < until && people.every(({ chatter }) => chatter.ended === undefined))
    return false
  }
  const settleOn = async (kinds: ReadonlyArray<PathKind>, within: number): Promise<void> => {
    if (await settle(kinds, within)) return
    fail(`paths ${people.map((one) => kindOf(one) ?? "none").join(" and ")}, expected ${kinds.join(" or ")}`)
  }
  const count = (): Promise<ReadonlyArray<number>> =>
    Promise.all([aliceAt, bobAt].map((host) => laboratory.datagramsSent(host)))

  let accepted = performance.now()
  let packets = 0
  let failover: number | undefined
  try {
    await Promise.all(people.map(({ chatter }) => chatter.event("registered", patience)))
    const before = await count()
    alice.chatter.type("/chat bob")
    await bob.chatter.event("incoming", patience)
    accepted = performance.now()
    bob.chatter.type("/accept alice")
    await Promise.all(
      people.map(async (one) => {
        await one.chatter.event("connected", patience)
        Talk.say(one)
      }),
    )
    talk.start()
    const mayStay = scenario.paths.includes("relay")
    await settleOn(scenario.paths, mayStay ? patience : searchPatience)
    await talk.for(mayStay ? lookOn : 300)
    const after = await count()
    packets = Math.max(...after.map((sent, i) => sent - (before[i] ?? 0)))
    if (packets > packetLimit) fail(`${packets} datagrams from one side, ${packetLimit} are the limit`)

    if (scenario.during !== undefined && problems.length === 0) {
      const noteFailover = (millis: number): void => {
        failover = millis
      }
      await scenario.during({ laboratory, talk, alice, bob, patience, settleOn, fail, noteFailover })
      if (problems.length === 0) await settleOn(scenario.paths, patience)
    }
    talk.stop()
    talk.both()
    // Who failed already has had enough time.
    await talk.arrived(problems.length === 0 ? patience : 3000)
    // What comes twice may come late.
    await new Promise((resolve) => setTimeout(resolve, 100))
    if (problems.length === 0) await settleOn(scenario.paths, searchPatience)
    const { needs } = scenario
    if (needs !== undefined && !people.some((one) => kindOf(one) === needs)) fail(`nobody is on a ${needs} path`)
    for (const one of people) {
      const address = pathOf(one)?.["address"]
      if (scenario.address !== undefined && !String(address).startsWith(scenario.address)) {
        fail(`${one.name}'s path goes to ${String(address)}, expected ${scenario.address}…`)
      }
    }
  } catch (error) {
    const [reason = ""] = String(error).split("\n")
    fail(reason)
  }
  talk.stop()
  for (const { chatter, name } of people) {
    for (const { reason } of chatter.named("closed")) fail(`${name}'s chat was closed: ${String(reason)}`)
    if (chatter.ended !== undefined) fail(`${name}'s program ended with ${chatter.ended}`)
  }
  problems.push(...talk.problems())

  const since = (at: number | undefined): number | undefined => (at === undefined ? undefined : at - accepted)
  const first = people.map((one) => since(heard(one)[0]?.at))
  const direct = people.map(({ chatter }) => since(chatter.named("path").find(({ kind }) => kind !== "relay")?.at))
  return {
    problems,
    paths: people.map((one) => kindOf(one) ?? "none"),
    firstMessage: first.reduce((least, time) => (least === undefined || (time ?? Infinity) < least ? time : least)),
    bothHeard: latest(first),
    direct: latest(direct),
    packets,
    failover,
    transcript:
      problems.length === 0
        ? ""
        : [alice.chatter, bob.chatter, server].map((chatter) => chatter.transcript(accepted)).join("\n"),
  }
}

/** The later of the times; nothing if one has not come. */
const latest = (times: ReadonlyArray<number | undefined>): number | undefined =>
  times.reduce((last, time) => (last === undefined || time === undefined ? undefined : Math.max(last, time)))

/** The command as it was built. */
export const built: string = join(root, "dist/nomitm.mjs")
