import { assert, describe, it } from "@effect/vitest"
import * as Endpoint from "../../../src/domain/Endpoint.ts"
import * as AddressScope from "../../../src/domain/reach/AddressScope.ts"
import * as Challenges from "../../../src/domain/reach/Challenges.ts"
import * as Checks from "../../../src/domain/reach/Checks.ts"
import * as Path from "../../../src/domain/reach/Path.ts"
import * as PathBook from "../../../src/domain/reach/PathBook.ts"
import * as Reach from "../../../src/domain/reach/Reach.ts"
import * as Search from "../../../src/domain/reach/Search.ts"
import { pick } from "../arbitraries.ts"
import { type Doing, doings } from "./arbitraries.ts"
import { generator } from "./ReachWorld.ts"

type Sent = Extract<Reach.Action, { readonly _tag: "Send" }>

/** One machine, to which anything may happen. */
const play = (
  relay: Reach.Config["relay"],
  isLocalServer: boolean,
  all: ReadonlyArray<readonly [Doing, number]>,
  look: (state: Reach.State, actions: ReadonlyArray<Reach.Action>, event: Reach.Event, now: number) => void,
): void => {
  const random = generator(1)
  const tools = { randomBytes: (length: number) => Uint8Array.from({ length }, () => Math.floor(random() * 256)) }
  const config = { isInitiator: true, relay, isLocalServer }
  let state = Reach.initial(config)
  let now = 0
  const sent: Array<Sent> = []
  const on = (event: Reach.Event): void => {
    const [next, actions] = Reach.step(tools, state, event, now)
    state = next
    for (const action of actions) if (action._tag === "Send") sent.push(action)
    look(state, actions, event, now)
  }
  for (const [doing, pause] of all) {
    const until = now + pause
    for (let fired = 0; Reach.dueAt(state) <= until && fired < 2000; fired++) {
      now = Math.max(now, Reach.dueAt(state))
      on({ _tag: "Due" })
    }
    now = until
    if (doing._tag !== "Echo") {
      on(doing._tag === "Resumed" ? { ...doing, config } : doing)
      continue
    }
    const echoed = sent.at(-1 - doing.back)
    const question = echoed?.frames.find((frame) => frame._tag === "PathChallenge")
    if (echoed === undefined || question === undefined) continue
    const frames: ReadonlyArray<Reach.PathFrame> = [{ _tag: "PathResponse", data: question.data }]
    on({ _tag: "Heard", path: echoed.path, frames, isNewest: true })
  }
}

const policies = pick("auto", "never", "always")
const often = { arbitrary: { runs: 150, size: 40 } }

describe("whatever happens, in any order", () => {
  it.prop(
    "everything stays bounded, and the timer is asked for a time to come",
    [policies, pick(true, false), doings],
    ([relay, isLocalServer, doings]) =>
      play(relay, isLocalServer, doings, (state, _, event, now) => {
        const { book, search } = state
        if (event._tag === "Due") assert.isAbove(Reach.dueAt(state), now)
        assert.isAtMost(book.proven.length, PathBook.maxProven + 1)
        assert.isAtMost(book.former.length, PathBook.maxFormer)
        assert.isAtMost(book.challenges.length, Challenges.maxChallenges)
        assert.isAtMost(search?.packets ?? 0, Search.maxPackets)
        assert.isAtMost(search?.tells ?? 0, Search.maxTells)
        assert.isAtMost(search?.checks.pairs.length ?? 0, Checks.maxPairs)
        assert.isFalse(Number.isNaN(Reach.dueAt(state)))
        assert.isDefined(Reach.report(state).why)
      }),
    often,
  )

  it.prop(
    "nothing is sent to what can't be the other side: multicast, broadcast, link-local, ourselves, this machine",
    [pick("auto", "never"), doings],
    ([relay, doings]) =>
      play(relay, false, doings, (state, actions) => {
        for (const action of actions) {
          if (action._tag !== "Send" || action.path._tag === "Relay") continue
          const { address, port } = action.path.remote
          assert.include(["private", "global"], AddressScope.of(address), address)
          assert.isTrue(Endpoint.isPort(port))
          // What was known to be ours when it was asked for the last time. The other side has answered at an address
          // before it was ours, or it never was: where it answered it is asked again.
          const { path } = action
          const answered = [...state.book.proven, ...state.book.former].some((it) => Path.equals(it.path, path))
          if (state.situation !== undefined && path.socket === 0 && !answered) {
            assert.isFalse(state.situation.addresses.includes(address), address)
          }
        }
      }),
    often,
  )

  it.prop(
    "only the relay is used where nothing else is wanted, and never where it is not",
    [doings],
    ([doings]) => {
      play("always", false, doings, (_, actions) => {
        for (const action of actions) {
          assert.isFalse(action._tag === "Send" && action.path._tag === "Direct")
          assert.isFalse(action._tag === "Use" && action.path?._tag === "Direct")
          assert.notInclude(["Tell", "LookUp", "MapPort", "OpenSockets"], action._tag)
        }
      })
      play("never", false, doings, (_, actions) => {
        for (const action of actions) {
          assert.isFalse(action._tag === "Send" && action.path._tag === "Relay")
          assert.isFalse(action._tag === "Use" && action.path?._tag === "Relay")
        }
      })
    },
    often,
  )

  it.prop(
    "a record that came is answered there with one record at most, and beside that only by the path in use",
    [doings],
    ([doings]) =>
      play("auto", false, doings, (state, actions, event) => {
        if (event._tag !== "Heard" || event.path._tag === "Relay") return
        const path = event.path
        const sent = actions.filter((it) => it._tag === "Send")
        // A path that is proven by it may be the first, and ends what was searched; nothing more goes anywhere.
        const elsewhere = sent.filter(({ path: to }) => !Path.equals(to, path))
        assert.isAtMost(sent.length - elsewhere.length, 1)
        assert.isAtMost(elsewhere.length, 1)
        for (const { path: to, frames } of elsewhere) {
          assert.isTrue(state.book.active !== undefined && Path.equals(to, state.book.active))
          assert.isTrue(frames.every(({ _tag }) => _tag === "PathResponse"))
        }
        for (const { frames } of sent) assert.isAtMost(frames.length, 2)
        assert.isDefined(state)
      }),
    often,
  )

  it.prop(
    "what is used is always a path that was proven, or the relay",
    [policies, doings],
    ([relay, doings]) =>
      play(relay, true, doings, (state, actions) => {
        const { active } = state.book
        if (active !== undefined) assert.isDefined(PathBook.find(state.book, active))
        const used = actions.findLast((it) => it._tag === "Use")
        if (used !== undefined) assert.deepStrictEqual(used.path, active)
      }),
    often,
  )
})
