/**
 * A server that drops, doubles, repeats, changes and makes up what it says to two people in a chat, each seed in another
 * way: nothing breaks, the chat stays theirs, and all is as before once it is honest again.
 */
import { assert, describe } from "@effect/vitest"
import { Effect } from "effect"
import * as Random from "../fuzz/random.ts"
import { type Person, promise } from "../services/peer/SealedPeerStage.ts"
import { memoryWorld } from "../services/worlds.ts"

/** So many lines are remembered, to be said again. */
const memory = 200

/** What is heard in the place of what an honest server says. */
const mangler = (random: Random.Random, isHonest: () => boolean) => {
  const said: Array<string> = []
  const madeUp = (callId: string): string =>
    random.pick([
      `ENDED ${callId} Peer_gone`,
      `ENDED ${callId} No_such_chat`,
      `PORT 5${random.below(9999)} ${callId}`,
      `STARTCHAT 198.51.100.${random.below(200)} 1234 alice ${callId}`,
      `STARTCHAT 0.0.0.0 0 alice ${callId}`,
      "ERROR Relay_refused",
      "ERROR Unavailable",
      "REFLEX x",
    ])
  const mangled = (line: string): ReadonlyArray<string> => {
    const before = random.pick(said)
    const words = line.split(" ")
    const callId = words.find((word) => /^[\w-]{22}$/.test(word))
    const lies = callId !== undefined && random.chance(0.1) ? [madeUp(callId)] : []
    switch (random.below(12)) {
      case 0:
        return lies
      case 1:
        return [line, line, ...lies]
      case 2:
        return [line, before, ...lies]
      case 3:
        return [words.with(random.below(words.length), random.pick(before.split(" "))).join(" "), ...lies]
      default:
        return [line, ...lies]
    }
  }
  return (text: string): string => {
    const lines = text.split("\n").filter((line) => line !== "")
    said.push(...lines)
    said.splice(0, said.length - memory)
    return isHonest() ? text : `${lines.flatMap(mangled).join("\n")}\n`
  }
}

/** Waits until somebody was told this, and was not told before it that the chat is over. */
const hears = ({ screen }: Person, text: string) =>
  Effect.repeat(screen.next, {
    until: (event) => {
      assert.notStrictEqual(event.event, "closed")
      return event.event === "message" && event.text === text
    },
  })

describe("a server that mangles what it says in a chat", () => {
  for (const relay of ["auto", "always"] as const) {
    for (let seed = 1; seed <= 15; seed++) {
      promise(memoryWorld)(`ends it for neither, and loses nothing: relay ${relay}, seed ${seed}`, ({ person }) =>
        Effect.gen(function* () {
          const random = Random.make(seed)
          let isHonest = true
          const options = { policy: "anyone", relay, hears: mangler(random, () => isHonest) } as const
          const [bob, alice] = [yield* person("bob", 3, options), yield* person("alice", 2, options)]
          yield* alice.screen.nextOf("registered")
          yield* bob.screen.nextOf("registered")
          yield* alice.screen.type("/chat bob")
          yield* Effect.all([alice.screen.nextOf("connected"), bob.screen.nextOf("connected")])

          isHonest = false
          for (let i = 0; i < 12; i++) {
            yield* alice.screen.type(random.chance(0.2) ? "/net" : `text ${i}`)
            yield* bob.screen.type(random.chance(0.2) ? "/chat alice" : `text ${i}`)
            yield* Effect.sleep(random.below(12_000))
          }
          isHonest = true

          yield* alice.screen.type("to the end")
          yield* bob.screen.type("to the end")
          yield* Effect.all([hears(alice, "to the end"), hears(bob, "to the end")])
        }),
      )
    }
  }
})
