/**
 * One search for a direct path, as a pure state machine (PROTOCOL.md, section 16.3).
 *
 * ```
 *  ┌───────────┐  both know their NATs,    ┌────────┐  0.4 s, one side     ┌──────────┐
 *  │ Gathering │──── or 500 ms passed ────▶│ Checks │──── symmetric ──────▶│ Spraying │
 *  └───────────┘                           └────────┘                      └──────────┘
 *        │ Tell, and again when more is known   │ 5 s, or a path is proven       │
 *        ▼                                      ▼                                ▼
 *   the other side                            Over ◀──── all was tried ──────────┘
 * ```
 *
 * Nothing else goes through our NAT between the lookups and the first checks: one that counts would count it. What a
 * search sends of itself is bounded by `maxPackets`.
 */
import * as Endpoint from "../Endpoint.ts"
import * as Candidate from "./Candidate.ts"
import type { CandidateMessage } from "./CandidateMessage.ts"
import * as Challenges from "./Challenges.ts"
import * as Checks from "./Checks.ts"
import * as Gathering from "./Gathering.ts"
import * as LocalCandidates from "./LocalCandidates.ts"
import * as NatMapping from "./NatMapping.ts"
import * as Path from "./Path.ts"
import * as PathBook from "./PathBook.ts"
import * as RemoteCandidates from "./RemoteCandidates.ts"
import { isNeighbour, kindOf, type Situation } from "./Situation.ts"
import * as Spray from "./Spray.ts"

/** A side sends at most so many records in a search, answers not counted. */
export const maxPackets = 3000
/** Searches that begin sooner after each other share what one may send, in milliseconds. */
export const pauseMillis = 5000
/** So many strangers are remembered in a search; more are not checked. */
export const maxStrangers = 128
/** So many messages about candidates are sent in a search. */
export const maxTells = 6
/** After an answer of the server others are likely to follow at once, in milliseconds. */
export const settleMillis = 20
/** Without knowing both NATs, checks begin after so long, in milliseconds. */
export const patienceMillis = 500
/** The same where our NAT counts, and the wrong first record would spoil it, in milliseconds. */
export const countingPatienceMillis = 700
/** Without a word of the other side's, where the server sees it is tried after so long, in milliseconds. */
export const silentMillis = 1000
/** Checks that prove nothing for so long are followed by spraying, in milliseconds. */
export const sprayAfterMillis = 400
/** The pause before it is looked again whether spraying would help, in milliseconds. */
export const sprayAgainMillis = 100
/** The pause between two sprays at all, in milliseconds. */
export const sprayPauseMillis = 60_000
/** How long an answer is waited for after the last record was sprayed, in milliseconds … */
export const sprayLingerMillis = 2000
/** … and how long the ports that a spray opened, while the other side tries many, in milliseconds. */
export const openLingerMillis = 5000
/** How long a search goes on for something better when a path is proven, in milliseconds. */
export const betterMillis = 300
/** Checks are over, and nothing is awaited any more, after so long, in milliseconds. */
export const checkingMillis = 6000
/** A search that has nobody to check is over after so long, in milliseconds. */
export const idleMillis = 10_000

/** Of most searches: one for all of them. */
const noStrangers: Search["strangers"] = new Map()

/** All times are milliseconds of the monotonic clock. */
export interface Search {
  readonly generation: number
  readonly startedAt: number
  readonly gathering: Gathering.Gathering
  /** What was told last. */
  readonly told: CandidateMessage | undefined
  readonly tells: number
  readonly tellAt: number
  /** When the other side's first message for it came. */
  readonly heardAt: number
  /** When the checks began. */
  readonly checkedAt: number | undefined
  readonly checks: Checks.Checks
  /** How many endpoints of those who are named, and may have no part in it, were checked, by whose they are. */
  readonly strangers: ReadonlyMap<string, number>
  readonly spray: Spray.Spray | undefined
  /** When it is looked whether spraying would help; never once it has begun. */
  readonly sprayAt: number
  readonly packets: number
  /** Since when it is counted what may be sent, and what searches before this one have sent of that. */
  readonly countedFrom: number
  readonly packetsBefore: number
  readonly endsAt: number
  readonly isOver: boolean
}

export type Action =
  | Gathering.Action
  | PathBook.Action
  | { readonly _tag: "Tell"; readonly message: CandidateMessage }
  | { readonly _tag: "OpenSockets"; readonly first: number; readonly count: number }

/** What a search works on beside itself. */
export interface Context {
  readonly tools: PathBook.Tools
  readonly situation: Situation
  readonly book: PathBook.Book
  /** The number of the next socket to open. */
  readonly nextSocket: number
  /** When spraying is allowed again. */
  readonly sprayableAt: number
  readonly now: number
}

export interface Result {
  readonly search: Search
  readonly book: PathBook.Book
  readonly nextSocket: number
  readonly sprayableAt: number
  readonly actions: ReadonlyArray<Action>
}

/**
 * @param isFresh whether what the other side told last belongs to this search: an older prediction is none
 * @param last the search before: the port that the router maps serves on, and so does the count of what is sent, for a while
 */
export const start = (
  situation: Situation,
  generation: number,
  isFresh: boolean,
  last: Search | undefined,
  now: number,
): readonly [Search, ReadonlyArray<Action>] => {
  const [gathering, actions] = Gathering.start(situation, last?.gathering.mapped, now)
  const counted = last !== undefined && now - last.countedFrom < pauseMillis ? last : undefined
  const search: Search = {
    generation,
    startedAt: now,
    gathering,
    told: undefined,
    tells: 0,
    tellAt: situation.targets === 0 ? now : Infinity,
    heardAt: isFresh && situation.remote !== undefined ? now : Infinity,
    checkedAt: undefined,
    checks: Checks.none,
    strangers: counted?.strangers ?? noStrangers,
    spray: undefined,
    sprayAt: Infinity,
    packets: 0,
    countedFrom: counted?.countedFrom ?? now,
    packetsBefore: counted === undefined ? 0 : counted.packetsBefore + counted.packets,
    endsAt: now + idleMillis,
    isOver: false,
  }
  return [search, actions]
}

export const dueAt = (search: Search, situation: Situation): number => {
  if (search.isOver) return Infinity
  const { gathering, tellAt, checks, spray, endsAt } = search
  return Math.min(
    Gathering.dueAt(gathering),
    tellAt,
    checksAt(search, situation),
    Checks.dueAt(checks),
    search.sprayAt,
    spray?.nextAt ?? Infinity,
    endsAt,
  )
}

/** The server has answered, or the router, or there will be no answer any more: that is told. */
export const gathered = (search: Search, situation: Situation, gathering: Gathering.Gathering, now: number): Search => {
  const { samples, mapped, isOver } = search.gathering
  const next = { ...search, gathering }
  if (samples === gathering.samples && mapped === gathering.mapped && isOver === gathering.isOver) return next
  const tellAt = gathering.isOver ? now : Math.min(search.tellAt, now + settleMillis)
  const told = { ...next, tellAt }
  if (told.checkedAt === undefined) return told
  const { mapping } = gathering
  if (mapping._tag === "Blocked") {
    return { ...told, checks: Checks.only(told.checks, (path) => kindOf(situation, path) === "lan") }
  }
  // UDP passes after all.
  const checks = search.gathering.mapping._tag === "Blocked" ? Checks.none : told.checks
  return withCandidates({ ...told, checks }, situation, now)
}

/** The other side has told something: what is new in it is checked too. */
export const heard = (search: Search, situation: Situation, now: number): Search => {
  const first = { ...search, heardAt: Math.min(search.heardAt, now) }
  return first.checkedAt === undefined ? first : withCandidates(first, situation, now)
}

/** The other side searches anew, or has something new when we were through: its candidates are checked once more. */
export const again = (search: Search, now: number): Search => ({
  ...search,
  heardAt: now,
  checkedAt: undefined,
  checks: Checks.none,
  sprayAt: Infinity,
  endsAt: now + idleMillis,
  isOver: false,
})

/**
 * A record came by a path that is not proven, from where the other side may be: it is checked like the others.
 *
 * @param isNeeded whether there is no direct path: then also what was given up is checked again
 */
export const reflexive = (
  before: Search,
  situation: Situation,
  { path, isNeeded }: { readonly path: Path.Direct; readonly isNeeded: boolean },
  now: number,
): Search => {
  if (before.isOver && !isNeeded) return before
  const awake = before.isOver ? again(before, now) : before
  const isChecking = Checks.isChecking(awake.checks, path)
  const isNew = isChecking === undefined || (isNeeded && !isChecking)
  const search = isNew ? admitted(awake, situation, path) : awake
  if (search === undefined) return before
  const most = RemoteCandidates.probesOf(situation, path.remote.address)
  const wanted = { path, most, hasOpener: false, pace: Checks.paceMillis }
  // The first one goes with the answer.
  const from = now + Checks.checkMillis
  const checks = isNeeded ? Checks.renew(search.checks, wanted, from) : search.checks
  const endsAt = isNeeded ? Math.max(search.endsAt, from + (wanted.most + 1) * Checks.checkMillis) : search.endsAt
  // There is always room for candidates.
  const isFull = checks.pairs.length >= Checks.maxPairs - Candidate.maxCandidates
  return { ...search, endsAt, checks: isFull ? checks : Checks.add(checks, [wanted], from) }
}

/** A direct path is proven: only what may be better is checked on, and not for long. */
export const proven = (search: Search, situation: Situation, path: Path.Direct, now: number): Search => {
  if (search.isOver) return search
  const kind = Path.rank(kindOf(situation, path))
  const isIpv6 = Endpoint.isIpv6(path.remote.address)
  const checks = Checks.only(search.checks, (it) => {
    const rank = Path.rank(kindOf(situation, it))
    return rank < kind || (rank === kind && !isIpv6 && Endpoint.isIpv6(it.remote.address))
  })
  const isBest = Checks.dueAt(checks) === Infinity
  const endsAt = Math.min(search.endsAt, isBest ? now : now + betterMillis)
  return { ...search, checks, spray: undefined, sprayAt: Infinity, endsAt }
}

export const due = (search: Search, context: Context): Result => {
  const { tools, situation, now } = context
  let { book, nextSocket, sprayableAt } = context
  let next = search
  const actions: Array<Action> = []
  if (next.isOver) return { search, book, nextSocket, sprayableAt, actions }

  const [gathering, asked] = Gathering.due(next.gathering, situation, now)
  actions.push(...asked)
  next = gathered(next, situation, gathering, now)

  if (now >= next.tellAt) {
    const [told, tells] = tell(next, situation)
    next = told
    actions.push(...tells)
  }

  if (now >= checksAt(next, situation)) {
    const openerMillis = openerMillisOf(book)
    next = {
      ...next,
      checks: { ...next.checks, openerMillis },
      checkedAt: now,
      sprayAt: now + sprayAfter(book),
      endsAt: now + checkingMillis,
    }
    next = withCandidates(next, situation, now)
  }

  if (now >= next.sprayAt) {
    const isWanted = now >= sprayableAt && !PathBook.isDirect(book)
    const { mapping } = next.gathering
    const spray = isWanted ? Spray.plan(tools.randomBytes, situation, mapping, nextSocket, now) : undefined
    // What the two NATs do may be known a little later.
    next = { ...next, sprayAt: isWanted && !isDecided(next, situation) ? now + sprayAgainMillis : Infinity }
    if (spray !== undefined) {
      const count = Spray.socketsOf(spray.role)
      if (count > 0) actions.push({ _tag: "OpenSockets", first: nextSocket, count })
      nextSocket += count
      sprayableAt = now + sprayPauseMillis
      // What is sprayed takes a while, and so does its answer.
      next = { ...next, spray, sprayAt: Infinity, endsAt: now + 2 * checkingMillis }
    }
  }

  const [checks, checked] = Checks.due(next.checks, now, allowed(next))
  next = { ...next, checks, packets: next.packets + checked.length }
  // What may not be sent is not due either: nobody would sleep any more.
  if (allowed(next) <= 0) next = { ...next, checks: Checks.only(checks, () => false) }
  const shots: Array<Spray.Shot> = [...checked]
  if (next.spray !== undefined) {
    const [spray, sprayed] = Spray.due(next.spray, now, allowed(next))
    next = { ...next, spray, packets: next.packets + sprayed.length }
    shots.push(...sprayed)
    if (sprayed.length > 0 && spray.nextAt === Infinity) {
      next = { ...next, endsAt: now + (spray.role === "open" ? openLingerMillis : sprayLingerMillis) }
    }
  }
  if (shots.length > 0) {
    const challenges = shots.map(({ path }) => Challenges.make(tools.randomBytes, path, now))
    book = { ...book, challenges: Challenges.add(book.challenges, challenges, now) }
    challenges.forEach((challenge, i) => {
      const { ttl } = shots[i]!
      actions.push(ttl === undefined ? PathBook.send(challenge) : { ...PathBook.send(challenge), ttl })
    })
  }

  if (now >= next.endsAt) next = { ...next, isOver: true, spray: undefined }
  return { search: next, book, nextSocket, sprayableAt, actions }
}

/** How many records may still be sent. */
const allowed = ({ packets, packetsBefore }: Search): number => maxPackets - packets - packetsBefore

/** What there is to tell, if it is something else than before. */
const tell = (search: Search, situation: Situation): readonly [Search, ReadonlyArray<Action>] => {
  const { generation, told, tells } = search
  const gathering = Gathering.settled(search.gathering)
  const candidates = LocalCandidates.of(situation, gathering)
  const message: CandidateMessage = { generation, mapping: gathering.mapping, candidates }
  const isTold =
    told !== undefined &&
    NatMapping.equals(told.mapping, message.mapping) &&
    told.candidates.length === candidates.length &&
    candidates.every((candidate, i) => Candidate.equals(candidate, told.candidates[i]!))
  if (isTold || tells >= maxTells) return [{ ...search, tellAt: Infinity }, []]
  return [{ ...search, tellAt: Infinity, told: message, tells: tells + 1 }, [{ _tag: "Tell", message }]]
}

/** When the checks may begin. */
const checksAt = (search: Search, { remote, targets }: Situation): number => {
  const { startedAt, heardAt, checkedAt, gathering } = search
  if (checkedAt !== undefined) return Infinity
  // Where nobody can be asked, nothing is known that would be worth waiting for.
  if (remote === undefined || heardAt === Infinity) return targets === 0 ? startedAt : startedAt + silentMillis
  const from = Math.max(startedAt, heardAt)
  if (gathering.isOver && remote.mapping._tag !== "Unknown") return from
  return from + (gathering.mapping._tag === "Sequential" ? countingPatienceMillis : patienceMillis)
}

/**
 * The two sides begin as far apart as their link is long. What is to arrive must not leave before the other side has
 * opened its NAT.
 */
const openerMillisOf = (book: PathBook.Book): number => {
  const halfway = (PathBook.find(book, Path.relay)?.rttMillis ?? 0) / 2
  return Math.max(Checks.openerMillis, Math.min(halfway + Checks.openerMillis / 4, 4 * Checks.openerMillis))
}

/** A check that is not answered at once may still be: on a long way, one round trip later. */
const sprayAfter = (book: PathBook.Book): number =>
  sprayAfterMillis + Math.min(PathBook.find(book, Path.relay)?.rttMillis ?? 0, sprayAfterMillis)

/** Whether nothing will be known later about the two NATs that would make spraying of use. */
const isDecided = ({ gathering }: Search, { remote }: Situation): boolean =>
  gathering.isOver && remote !== undefined && remote.mapping._tag !== "Unknown"

/** With checks for all candidates of the other side. */
const withCandidates = (search: Search, situation: Situation, now: number): Search => {
  const { remote } = situation
  const isBlocked = search.gathering.mapping._tag === "Blocked" || remote?.mapping._tag === "Blocked"
  let next = search
  const wanted: Array<Checks.Wanted> = []
  for (const { kind, endpoint, most } of RemoteCandidates.of(situation)) {
    const path = Path.direct(0, endpoint)
    const isLan = kindOf(situation, path) === "lan"
    // Where UDP does not pass, only one's own network is left.
    if ((isBlocked && !isLan) || Checks.isChecking(search.checks, path) !== undefined) continue
    const counted = admitted(next, situation, path)
    if (counted === undefined) continue
    next = counted
    const pace = kind === "predicted" ? Checks.predictedPaceMillis : Checks.paceMillis
    wanted.push({ path, most, hasOpener: !isNeighbour(situation, endpoint.address), pace })
  }
  return { ...next, checks: Checks.add(next.checks, wanted, now) }
}

/**
 * One more endpoint to check, counted where it is a stranger's as far as anybody knows. None if that one has had its
 * share: the other side may name ever other endpoints of it.
 */
const admitted = (search: Search, situation: Situation, { remote }: Path.Direct): Search | undefined => {
  if (RemoteCandidates.isPeer(situation, remote.address)) return search
  const { strangers } = search
  const customer = Endpoint.customer(remote.address)
  const count = (strangers.get(customer) ?? 0) + 1
  if (count > RemoteCandidates.strangerChecks || strangers.size >= maxStrangers) return undefined
  return { ...search, strangers: new Map(strangers).set(customer, count) }
}
