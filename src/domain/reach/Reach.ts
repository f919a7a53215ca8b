/**
 * How two sides reach each other, as a pure state machine: the relay at once, a search for a direct path, the choice
 * among those that are proven, and what is done when one dies (PROTOCOL.md, section 16.3; docs/decisions/0014).
 *
 * ```
 *              RelayUp                    a path is proven
 *  ┌──────┐ ───────────▶ ┌───────┐ ──────────────────────────▶ ┌────────┐
 *  │ None │              │ Relay │                             │ Direct │
 *  └──────┘ ◀─────────── └───────┘ ◀────────────────────────── └────────┘
 *            RelayDown       Search, anew     it died, or our addresses changed
 * ```
 *
 * This module joins the book of paths (`PathBook`) and the search (`Search`), and answers what is heard. The service that
 * runs it owns sockets, keys, the timer and the link: every record that opens is `Heard`, each `Send` is one record of
 * its own. Given the same random bytes the machine does the same.
 */
import type * as Frame from "../record/Frame.ts"
import * as CandidateMessage from "./CandidateMessage.ts"
import * as Challenges from "./Challenges.ts"
import * as Gathering from "./Gathering.ts"
import * as Path from "./Path.ts"
import * as PathBook from "./PathBook.ts"
import type { Action, Event } from "./ReachEvent.ts"
import { counts, facts, type State } from "./ReachState.ts"
import * as RemoteCandidates from "./RemoteCandidates.ts"
import * as Search from "./Search.ts"
import { kindOf, mayProbe, type Situation } from "./Situation.ts"
import * as Stuck from "./Stuck.ts"

/** So many addresses that only a record came from are asked at a time. */
export const maxStrangers = 4
/** The pause between two challenges on a path that is not proven, in milliseconds. */
export const askMillis = 100
/** While the relay serves, it is searched again after these pauses, the last one again and again, in milliseconds … */
export const relayedPauses = [60_000, 300_000, 900_000] as const
/** … and while nothing does. */
export const unreachedPauses = [15_000, 30_000, 60_000] as const

export type { Action, Config, Event, PathFrame } from "./ReachEvent.ts"
export { activeKind, initial, type State } from "./ReachState.ts"
export { report, type Report, unreached, type Why } from "./Report.ts"

export type Tools = PathBook.Tools

export type Step = readonly [State, ReadonlyArray<Action>]

const nothing: ReadonlyArray<Action> = []
const notStuck = { stuckAt: Infinity, stuck: undefined } as const

/** When `Due` is the next event to come, in milliseconds of the monotonic clock. */
export const dueAt = ({ book, search, situation, searchAt, stuckAt }: State): number =>
  Math.min(
    PathBook.dueAt(book),
    search === undefined || situation === undefined ? Infinity : Search.dueAt(search, situation),
    searchAt,
    stuckAt,
  )

/** What everything is sent on. */
export const active = ({ book }: State): Path.Path | undefined => book.active

/** @param now in milliseconds of the monotonic clock, never less than before */
export const step = (tools: Tools, state: State, event: Event, now: number): Step => {
  const { config, book } = state
  switch (event._tag) {
    case "Resumed":
      return resumed(tools, state, event.config, now)
    case "RelayUp":
      if (config.relay === "never") return [state, nothing]
      return onBook({ ...state, relayLost: undefined }, PathBook.relayUp(tools, book, now))
    case "RelayDown": {
      if (config.relay === "never") return [state, nothing]
      const lost = { ...state, relayLost: event.because ?? "Server_lost" }
      const [next, actions] = onBook(lost, PathBook.relayDown(tools, book, now))
      return [next.book.active === undefined ? doubting(next, now) : next, actions]
    }
    case "Started":
      return started(tools, state, event, now)
    case "NoPort":
      return [doubting({ ...state, isPortless: true }, now), nothing]
    case "LookedUp":
      return gathered(tools, state, now, (search, situation) =>
        Gathering.lookedUp(search.gathering, situation, { target: event.target, mapped: event.mapped }),
      )
    case "PortMapped": {
      const { address, port } = event.endpoint
      return gathered(tools, state, now, ({ gathering }) => ({ ...gathering, mapped: { address, port } }))
    }
    case "Told":
      return told(tools, state, event.message, now)
    case "Heard":
      return heard(tools, state, event, now)
    case "Acknowledged":
      return [{ ...state, book: PathBook.acknowledged(book, event.path, now) }, nothing]
    case "Waiting":
      return [{ ...state, book: PathBook.waiting(book, event.unacknowledged, now) }, nothing]
    case "AddressesChanged":
      return addressesChanged(tools, state, event.addresses, now)
    case "Due":
      return due(tools, state, now)
  }
}

const onBook = (state: State, [book, actions]: PathBook.Step): Step => [{ ...state, book }, actions]

/** Runs one step after the other. */
const chain = (state: State, ...steps: ReadonlyArray<(state: State) => Step>): Step => {
  let current = state
  let all = nothing
  for (const step of steps) {
    const [next, actions] = step(current)
    current = next
    if (actions.length > 0) all = all.length === 0 ? actions : [...all, ...actions]
  }
  return [current, all]
}

/**
 * The search at hand is over: it has asked a server about us that may be gone, and what is told from now on is counted
 * anew. A direct path that works stays in use; is it in doubt, it has to be proven again.
 */
const resumed = (tools: Tools, state: State, config: State["config"], now: number): Step => {
  const { book, search: last } = state
  // A port that a router maps is asked for again, unless it serves.
  const gathering = last && (PathBook.isDirect(book) ? last.gathering : { ...last.gathering, mapped: undefined })
  const search = last && gathering && { ...last, gathering, isOver: true, spray: undefined }
  const next: State = { ...state, config, search, told: undefined, relayLost: undefined, searchAt: Infinity }
  return chain(
    PathBook.isDirect(book) ? next : doubting(next, now),
    (state) =>
      book.unanswered > 0
        ? onBook(state, PathBook.unsettle(tools, book, now))
        : [{ ...state, book: PathBook.doubt(book, now) }, nothing],
    (state) => [state, letGo(state)],
  )
}

/** Something has changed: in a while it is said why there is no direct path, if there is none then. */
const doubting = (state: State, now: number): State => ({ ...wondering(state, now), stuck: undefined })

/** The same, unless it was said already. */
const wondering = (state: State, now: number): State => ({ ...state, stuckAt: now + Stuck.afterMillis })

const started = (tools: Tools, state: State, event: Event & { readonly _tag: "Started" }, now: number): Step => {
  const { config } = state
  if (config.relay === "always") return [doubting({ ...state, isPortless: true }, now), nothing]
  const { observed, seen, addresses, port, targets } = event
  const situation: Situation = {
    isLocalServer: config.isLocalServer,
    observed: { address: observed.address, port: observed.port },
    seen,
    addresses,
    port,
    targets: Math.max(0, Math.min(4, targets)),
    remote: state.told,
  }
  return search(tools, { ...state, situation, isPortless: false, failures: 0 }, true, now)
}

/**
 * Begins a search, or begins anew.
 *
 * @param isFresh whether the other side has told for it where it is
 */
const search = (tools: Tools, state: State, isFresh: boolean, now: number): Step => {
  const { situation } = state
  if (situation === undefined) return [state, nothing]
  const generation = CandidateMessage.nextGeneration(state.generation)
  const [search, actions] = Search.start(situation, generation, isFresh, state.search, now)
  const next = { ...state, search, generation, before: counts(state), searchAt: Infinity }
  return chain(
    PathBook.isDirect(state.book) ? next : wondering(next, now),
    // What the one before has opened, it may not have come to closing.
    (state) => [state, [...letGo(state), ...actions]],
    (state) => due(tools, state, now),
  )
}

/** A search is wanted, but they do not follow each other at once. */
const searchSoon = (tools: Tools, state: State, now: number): Step => {
  const at = state.search === undefined ? now : state.search.startedAt + Search.pauseMillis
  return at <= now ? search(tools, state, false, now) : [{ ...state, searchAt: Math.min(state.searchAt, at) }, nothing]
}

const gathered = (
  tools: Tools,
  state: State,
  now: number,
  add: (search: Search.Search, situation: Situation) => Gathering.Gathering,
): Step => {
  const { search, situation } = state
  if (search === undefined || situation === undefined) return [state, nothing]
  const next = { ...state, search: Search.gathered(search, situation, add(search, situation), now) }
  // Too late for this search, but worth another one.
  const isLate = search.isOver && next.search.gathering.mapped !== search.gathering.mapped
  return isLate && !PathBook.isDirect(state.book) ? searchSoon(tools, next, now) : due(tools, next, now)
}

const told = (tools: Tools, state: State, message: CandidateMessage.CandidateMessage, now: number): Step => {
  const { config, situation, told: last } = state
  if (config.relay === "always") return [state, nothing]
  const isAnew = last !== undefined && CandidateMessage.isNewer(message.generation, last.generation)
  // What is older was overtaken.
  if (last !== undefined && !isAnew && message.generation !== last.generation) return [state, nothing]
  const known = situation === undefined ? undefined : { ...situation, remote: message }
  const next: State = { ...state, told: message, situation: known }
  if (known === undefined || next.search === undefined) return [next, nothing]
  if (!isAnew) {
    const isLate = next.search.isOver && !PathBook.isDirect(next.book)
    const search = isLate ? Search.again(next.search, now) : Search.heard(next.search, known, now)
    return due(tools, { ...next, search }, now)
  }
  // Its path may have died, or its addresses may be others: does ours still work?
  const doubted = { ...next, book: PathBook.doubt(next.book, now) }
  if (now - next.search.startedAt >= Search.pauseMillis) return search(tools, doubted, true, now)
  return due(tools, { ...doubted, search: Search.again(next.search, now) }, now)
}

const addressesChanged = (tools: Tools, state: State, addresses: ReadonlyArray<string>, now: number): Step => {
  const { situation } = state
  if (situation === undefined) return [state, nothing]
  const old = new Set(situation.addresses)
  const isSame = addresses.length === old.size && addresses.every((address) => old.has(address))
  if (isSame) return [state, nothing]
  return chain(
    {
      ...state,
      situation: { ...situation, addresses },
      search: undefined,
      before: counts(state),
      failures: 0,
      stuck: undefined,
    },
    (state) => onBook(state, PathBook.unsettle(tools, state.book, now)),
    (state) => search(tools, state, false, now),
  )
}

const heard = (tools: Tools, state: State, event: Event & { readonly _tag: "Heard" }, now: number): Step => {
  const { path, frames } = event
  if (!isAdmitted(state, path)) return [state, nothing]
  // Of more than one in a record, the first: each is looked for among all that we have asked.
  const response = frames.find((frame) => frame._tag === "PathResponse")
  return chain(
    { ...state, isHeard: true },
    (state) => (path._tag === "Relay" ? onBook(state, PathBook.withRelay(tools, state.book, now)) : [state, nothing]),
    (state) => (response === undefined ? [state, nothing] : taken(tools, state, path, response.data, now)),
    (state) => answer(tools, state, event, now),
  )
}

const isAdmitted = ({ config, book, situation }: State, path: Path.Path): boolean =>
  path._tag === "Relay"
    ? config.relay !== "never" && book.isRelayUp
    : config.relay !== "always" && situation !== undefined && mayProbe(situation, path.remote)

/**
 * An answer to one of our challenges proves the path that it came by, if the challenge went there. By another path it
 * proves none, but the question has arrived by the path that is used: it works. A copy that somebody else was quicker with
 * must not end it.
 */
const taken = (tools: Tools, state: State, path: Path.Path, data: Uint8Array, now: number): Step => {
  const challenge = Challenges.answered(state.book.challenges, data, now)
  if (challenge === undefined) return [state, nothing]
  if (!Path.equals(challenge.path, path)) {
    return [{ ...state, book: PathBook.acknowledged(state.book, challenge.path, now) }, nothing]
  }
  if (path._tag === "Relay") return onBook(state, PathBook.prove(tools, state.book, challenge, "relay", now))
  const kind = kindOf(state.situation, path)
  return chain(
    state,
    (state) => onBook(state, PathBook.prove(tools, state.book, challenge, kind, now)),
    (state) => {
      const { situation } = state
      if (state.search === undefined || situation === undefined) return [state, nothing]
      const search = Search.proven(state.search, situation, path, now)
      return closing({ ...state, search, failures: 0, searchAt: Infinity, ...notStuck }, now)
    },
  )
}

/**
 * One record for the one that came: what it asks is answered, to where it came from; and as long as that path is not
 * proven, it is asked. A record can be copied and sent from anywhere, so addresses that nothing else speaks for are asked
 * only if it is the newest, and only some.
 */
const answer = (tools: Tools, state: State, event: Event & { readonly _tag: "Heard" }, now: number): Step => {
  const { path, frames, isNewest } = event
  const question = frames.find((frame) => frame._tag === "PathChallenge")
  const responses: ReadonlyArray<Frame.Frame> =
    question === undefined ? [] : [{ _tag: "PathResponse", data: Uint8Array.from(question.data) }]
  if (isProven(state, path))
    return [state, responses.length === 0 ? nothing : [{ _tag: "Send", path, frames: responses }]]
  const isStranger = path._tag === "Direct" && !isExpected(state, path)
  const { challenges } = state.book
  const asks = isStranger
    ? isNewest && Challenges.strangers(challenges, now) < maxStrangers
    : responses.length > 0 || now - Challenges.lastAt(challenges, path) >= askMillis
  const asked = asks ? [Challenges.make(tools.randomBytes, path, now, isStranger)] : []
  const sent: ReadonlyArray<Frame.Frame> = [
    ...responses,
    ...asked.map(({ data }) => ({ _tag: "PathChallenge" as const, data })),
  ]
  // Should the answer be lost, it is asked again like a candidate; also when we had given up, as long as nothing works.
  const { situation } = state
  const search =
    path._tag === "Relay" || isStranger || state.search === undefined || situation === undefined
      ? state.search
      : Search.reflexive(state.search, situation, { path, isNeeded: !PathBook.isDirect(state.book) }, now)
  return [
    { ...state, search, book: { ...state.book, challenges: Challenges.add(challenges, asked, now) } },
    [
      ...(sent.length === 0 ? nothing : [{ _tag: "Send", path, frames: sent } as const]),
      // Whoever asks may be where it always was, and somebody else quicker with a copy of the question.
      ...(isStranger && responses.length > 0 && state.book.active?._tag === "Direct"
        ? [{ _tag: "Send", path: state.book.active, frames: responses } as const]
        : nothing),
    ],
  ]
}

const isProven = ({ book }: State, path: Path.Path): boolean => {
  const proven = PathBook.find(book, path)
  return proven !== undefined && proven.rttMillis !== undefined
}

/** Whether the path leads where the other side can be by more than this record. */
const isExpected = ({ situation, book }: State, { remote }: Path.Direct): boolean =>
  situation !== undefined &&
  (remote.address === situation.observed.address ||
    RemoteCandidates.of(situation).some(({ endpoint }) => endpoint.address === remote.address) ||
    book.former.some(({ path }) => path.remote.address === remote.address))

const due = (tools: Tools, state: State, now: number): Step =>
  chain(
    state,
    (state) => booked(tools, state, now),
    (state) => (now >= state.searchAt ? search(tools, { ...state, searchAt: Infinity }, false, now) : [state, nothing]),
    (state) => searched(tools, state, now),
    (state) => said(state, now),
  )

const booked = (tools: Tools, state: State, now: number): Step => {
  const [book, actions, died] = PathBook.due(tools, state.book, now)
  const next = { ...state, book }
  if (died === undefined) return [next, actions]
  const doubted = book.active === undefined ? doubting(next, now) : next
  const [searching, more] = died._tag === "Direct" ? searchSoon(tools, doubted, now) : [doubted, nothing]
  return [searching, [...actions, ...more]]
}

const searched = (tools: Tools, state: State, now: number): Step => {
  const { situation, search, book, nextSocket, sprayableAt } = state
  if (situation === undefined || search === undefined || search.isOver) return [state, nothing]
  const result = Search.due(search, { tools, situation, book, nextSocket, sprayableAt, now })
  const { actions, ...changed } = result
  const [next, closed] = closing({ ...state, ...changed }, now)
  return [next, closed.length === 0 ? actions : [...actions, ...closed]]
}

/** What follows when a search is over: sockets that prove nothing are closed, and the next one is planned. */
const closing = (state: State, now: number): Step => {
  const { search, book } = state
  if (search === undefined || (!search.isOver && search.endsAt > now)) return [state, nothing]
  const next = { ...state, search: { ...search, isOver: true, spray: undefined } }
  const actions = letGo(state)
  if (PathBook.isDirect(book)) return [next, actions]
  const pauses = book.active === undefined ? unreachedPauses : relayedPauses
  const pause = pauses[Math.min(state.failures, pauses.length - 1)]!
  return [{ ...next, failures: state.failures + 1, searchAt: Math.min(state.searchAt, now + pause) }, actions]
}

/** Closes the sockets that no path needs. */
const letGo = ({ book, nextSocket }: State): ReadonlyArray<Action> => {
  if (nextSocket === 1) return nothing
  const used = [...book.proven, ...book.former].flatMap(({ path }) => (path._tag === "Direct" ? [path.socket] : []))
  return [{ _tag: "CloseSockets", keep: [...new Set([0, ...used])].toSorted((a, b) => a - b) }]
}

/** Says why there is no direct path: once, until there was one or something else has changed. */
const said = (state: State, now: number): Step => {
  if (now < state.stuckAt) return [state, nothing]
  const { book, search, stuckAt } = state
  const waits = search?.spray !== undefined && stuckAt < search.startedAt + Stuck.sprayMillis
  if (waits && !PathBook.isDirect(book)) return [{ ...state, stuckAt: now + Stuck.againMillis }, nothing]
  const because = PathBook.isDirect(book) ? undefined : Stuck.because(facts(state))
  const next = { ...state, stuckAt: Infinity }
  if (because === undefined || because === state.stuck) return [next, nothing]
  return [{ ...next, stuck: because }, [{ _tag: "Stuck", because }]]
}
