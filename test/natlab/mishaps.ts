/**
 * What befalls a chat: loss, silence, NATs that forget, addresses that change.
 */
import type { Scenario, Stage } from "./Scenario.ts"
import { heard, type Person, Talk } from "./Talk.ts"

const group = "something happens"

/** Silence, in which a NAT would forget what nobody keeps alive. Milliseconds. */
const silence = 60_000

const pause = (millis: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, millis))

/** Milliseconds from `since` until this person heard a text that was said after it; nothing if it never came. */
const heardAgain = async (to: Person, from: Person, since: number, within: number): Promise<number | undefined> => {
  const at = await to.chatter.until(() => {
    const first = from.said.findIndex(({ at }) => at >= since)
    return first < 0 ? undefined : heard(to)[first]?.at
  }, within)
  return at === undefined ? undefined : at - since
}

/** Both talk, something happens, and both must hear each other again. */
const whileTalking = async (stage: Stage, happens: () => Promise<void>): Promise<number | undefined> => {
  const { alice, bob, patience, talk } = stage
  await talk.for(1000)
  await happens()
  const since = performance.now()
  const times = await Promise.all([heardAgain(alice, bob, since, patience), heardAgain(bob, alice, since, patience)])
  if (times.includes(undefined)) stage.fail("they never heard each other again")
  await talk.for(500)
  return times.includes(undefined) ? undefined : Math.max(...times.map((time) => time ?? 0))
}

const lossy = (percent: number): Scenario => ({
  name: `${percent} % loss with 40 ms of delay`,
  group,
  sites: [`a=portrestr:loss=${percent}:delay=20`, "b=portrestr:delay=20"],
  paths: ["direct"],
  during: ({ talk }) => talk.for(5000),
})

export const mishaps: ReadonlyArray<Scenario> = [
  {
    name: "60 s of silence where UDP is forgotten after 20 s",
    group,
    sites: ["a=portrestr:udpto=20", "b=portrestr:udpto=20"],
    paths: ["direct"],
    during: async ({ alice, bob, fail, talk }) => {
      talk.stop()
      await pause(1000)
      const paths = () =>
        [alice, bob].map(({ chatter }) => new Set(chatter.named("path").map(({ address }) => address)).size).join()
      const before = paths()
      await pause(silence)
      if (paths() !== before) fail("the path changed in the silence")
      Talk.say(alice)
      await pause(500)
      Talk.say(bob)
    },
  },
  lossy(5),
  lossy(20),
  {
    name: "the direct path dies under traffic, and comes back",
    group,
    sites: ["a=portrestr", "b=portrestr"],
    paths: ["direct"],
    during: async (stage) => {
      const { laboratory, settleOn } = stage
      const millis = await whileTalking(stage, () => laboratory.blockUdp("a"))
      if (millis !== undefined) stage.noteFailover(millis)
      await settleOn(["relay"], 5000)
      await laboratory.allowUdp("a")
    },
  },
  {
    name: "a NAT forgets all its mappings",
    group,
    sites: ["a=sym", "b=addrrestr"],
    paths: ["direct"],
    during: async (stage) => {
      await whileTalking(stage, () => stage.laboratory.forget("a"))
    },
  },
  {
    name: "a NAT restarts and is away for 3 s",
    group,
    sites: ["a=eim", "b=portrestr"],
    paths: ["direct"],
    during: async (stage) => {
      await whileTalking(stage, () => stage.laboratory.restart("a", 3000))
    },
  },
  {
    name: "a NAT gets another address from its provider",
    group,
    sites: ["a=portrestr", "b=portrestr"],
    paths: ["direct"],
    during: async (stage) => {
      await whileTalking(stage, () => stage.laboratory.renumberRouter("a", "203.0.113.200"))
    },
  },
  {
    name: "a computer gets another address in its LAN",
    group,
    sites: ["a=portrestr", "b=portrestr"],
    paths: ["direct"],
    during: async (stage) => {
      await whileTalking(stage, () => stage.laboratory.renumberHost("a1", "192.168.1", 77))
    },
  },
]
