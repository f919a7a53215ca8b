/**
 * The paths of a chat: which are proven, which one is used, whether it still works (PROTOCOL.md, section 16.3).
 *
 * A path is proven by our own eight bytes coming back over it. The best proven one is used; of equally good ones the first
 * stays while it lives. Only the one in use is asked all the time. When it gives no answer the others are asked too, so
 * that at its death it is known which of them work.
 *
 * Values: every function gives a new book, and what is to be done.
 */
import * as Endpoint from "../Endpoint.ts"
import type * as Frame from "../record/Frame.ts"
import * as Challenges from "./Challenges.ts"
import * as Path from "./Path.ts"

/** The pause between two challenges on the path in use; it varies by a tenth, so that it shows no clock. In milliseconds. */
export const keepaliveMillis = 10_000
/** A keepalive that is unanswered for so long is a doubt, in milliseconds … */
export const doubtMillis = 1000
/** … and is sent again with this pause, in milliseconds. */
export const againMillis = 500
/** A path is dead after so many unanswered challenges. */
export const patience = 5
/** The pause while something waits to be acknowledged, in milliseconds … */
export const urgentMillis = 400
/** … and between those that follow: with it, a path is dead 1.6 s after the last sign of life, in milliseconds. */
export const urgentAgainMillis = 300
/** So many are left unanswered then. */
export const urgentPatience = 4
/** So many direct paths are kept as proven. */
export const maxProven = 8
/** So many that do not work any more, to be asked when nothing does. */
export const maxFormer = 4
/** The pauses between two such questions, in milliseconds: doubled from the least to the most. */
export const revivalMillis = { least: 1000, most: 15_000 }
/** With the relay in its place, a direct path that died is asked now and then for so long, in milliseconds. */
export const revivableMillis = 120_000
/** IPv6 that is proven so shortly after IPv4 comes before it, in milliseconds. */
export const ipv6Millis = 50

export interface Proven {
  readonly path: Path.Path
  readonly kind: Path.PathKind
  /** None before it is measured: the relay may be used at once. */
  readonly rttMillis: number | undefined
  readonly provenAt: number
  readonly answeredAt: number
}

export interface Former {
  readonly path: Path.Direct
  readonly kind: Path.PathKind
  readonly diedAt: number
}

/** All times are milliseconds of the monotonic clock. */
export interface Book {
  /** In the order in which they were proven; the relay is among them while it can be used. */
  readonly proven: ReadonlyArray<Proven>
  readonly active: Path.Path | undefined
  readonly challenges: Challenges.Challenges
  /** The last one last. */
  readonly former: ReadonlyArray<Former>
  /** Whether the link to the server is there to carry records. */
  readonly isRelayUp: boolean
  /** Whether something waits to be acknowledged. */
  readonly isUrgent: boolean
  readonly keepaliveAt: number
  /** The next challenge on the path in use, or to those that worked once. */
  readonly probeAt: number
  /** How many challenges on the path in use were left unanswered, one after the other. */
  readonly unanswered: number
  /** When the first of them was sent. */
  readonly doubtAt: number
  readonly revivalMillis: number
}

export const initial: Book = {
  proven: [],
  active: undefined,
  challenges: Challenges.none,
  former: [],
  isRelayUp: false,
  isUrgent: false,
  keepaliveAt: Infinity,
  probeAt: Infinity,
  unanswered: 0,
  doubtAt: Infinity,
  revivalMillis: revivalMillis.least,
}

export type Action =
  /** One record. */
  | {
      readonly _tag: "Send"
      readonly path: Path.Path
      readonly frames: ReadonlyArray<Frame.Frame>
      readonly ttl?: number
    }
  /** What everything else is sent on from now on; without a path the other side is out of reach. */
  | {
      readonly _tag: "Use"
      readonly path: Path.Path | undefined
      readonly kind: Path.PathKind | "none"
      readonly rttMillis: number | undefined
    }
  | { readonly _tag: "Measured"; readonly rttMillis: number }

export type Step = readonly [Book, ReadonlyArray<Action>]

export interface Tools {
  /** So many bytes that nobody can predict. */
  readonly randomBytes: (length: number) => Uint8Array
}

const nothing: ReadonlyArray<Action> = []

/** When `due` is next. */
export const dueAt = ({ probeAt }: Book): number => probeAt

export const find = ({ proven }: Book, path: Path.Path): Proven | undefined =>
  proven.find((it) => Path.equals(it.path, path))

export const active = (book: Book): Proven | undefined =>
  book.active === undefined ? undefined : find(book, book.active)

export const isActive = ({ active }: Pick<Book, "active">, path: Path.Path): boolean =>
  active !== undefined && Path.equals(active, path)

/** Whether a direct path is in use. */
export const isDirect = (book: Book): boolean => book.active?._tag === "Direct"

/** One record with a challenge, to be awaited. */
export const ask = (tools: Tools, book: Book, paths: ReadonlyArray<Path.Path>, now: number): Step => {
  const asked = paths.map((path) => Challenges.make(tools.randomBytes, path, now))
  return [{ ...book, challenges: Challenges.add(book.challenges, asked, now) }, asked.map(send)]
}

export const send = ({ path, data }: Challenges.Challenge): Action & { readonly _tag: "Send" } => ({
  _tag: "Send",
  path,
  frames: [{ _tag: "PathChallenge", data }],
})

/** A link to the server carries records: that is used at once, and measured. What another one left unanswered is past. */
export const relayUp = (tools: Tools, book: Book, now: number): Step => {
  const [next, used] = withRelay(tools, { ...book, isRelayUp: true }, now)
  const [asked, sent] = ask(tools, next, [Path.relay], now)
  return [isActive(asked, Path.relay) ? alive(asked, now) : asked, [...used, ...sent]]
}

/** The relay works, as far as is known. */
export const withRelay = (tools: Tools, book: Book, now: number): Step => {
  if (!book.isRelayUp || find(book, Path.relay) !== undefined) return [book, nothing]
  const entry: Proven = { path: Path.relay, kind: "relay", rttMillis: undefined, provenAt: now, answeredAt: now }
  return choose(tools, { ...book, proven: [...book.proven, entry] }, now)
}

export const relayDown = (tools: Tools, book: Book, now: number): Step =>
  choose(tools, { ...book, isRelayUp: false, proven: book.proven.filter(({ path }) => path._tag !== "Relay") }, now)

/** Our eight bytes have come back by this path: it works. */
export const prove = (
  tools: Tools,
  book: Book,
  { path, at }: Challenges.Challenge,
  kind: Path.PathKind,
  now: number,
): Step => {
  const rttMillis = now - at
  const known = find(book, path)
  const provenAt = known?.provenAt ?? now
  const entry: Proven = { path: known?.path ?? path, kind, rttMillis, provenAt, answeredAt: now }
  const proven =
    known === undefined
      ? bounded([...book.proven, entry], book.active)
      : book.proven.map((it) => (it === known ? entry : it))
  const former = book.former.filter((it) => !Path.equals(it.path, path))
  const challenges = Challenges.without(book.challenges, path)
  const isInUse = isActive(book, path)
  const [next, used] = choose(tools, { ...book, proven, former, challenges }, now)
  return isInUse ? [alive(next, now), [...used, { _tag: "Measured", rttMillis }]] : [next, used]
}

/** Without the one that was proven first of those that are not used, if there are too many. */
const bounded = (proven: ReadonlyArray<Proven>, active: Path.Path | undefined): ReadonlyArray<Proven> => {
  if (proven.length <= maxProven + 1) return proven
  const goes = proven.find(({ path }) => path._tag === "Direct" && !isActive({ active }, path))
  return proven.filter((it) => it !== goes)
}

/** A record that went by this path was acknowledged. */
export const acknowledged = (book: Book, path: Path.Path, now: number): Book =>
  isActive(book, path) ? alive(book, now) : book

const alive = (book: Book, now: number): Book => ({
  ...book,
  unanswered: 0,
  doubtAt: Infinity,
  probeAt: book.isUrgent ? Math.min(book.keepaliveAt, now + urgent(book)) : book.keepaliveAt,
})

/** Where the way is long, an answer takes longer than this. */
const urgent = (book: Book): number => Math.max(urgentMillis, 1.5 * (active(book)?.rttMillis ?? 0))

/** Whether something waits to be acknowledged. */
export const waiting = (book: Book, isUrgent: boolean, now: number): Book => {
  if (book.isUrgent === isUrgent) return book
  const next = { ...book, isUrgent }
  if (book.active === undefined) return next
  if (isUrgent) return { ...next, probeAt: Math.min(book.probeAt, now + urgent(book)) }
  return book.unanswered === 0 ? { ...next, probeAt: book.keepaliveAt } : next
}

/** Something tells that the path in use may not work any more: it is asked now, and soon again. */
export const doubt = (book: Book, now: number): Book =>
  book.active === undefined || book.unanswered > 0 ? book : { ...book, probeAt: now }

/** Whether `due` found the path in use dead: then `died` is it. */
export type DueStep = readonly [Book, ReadonlyArray<Action>, died: Path.Path | undefined]

export const due = (tools: Tools, book: Book, now: number): DueStep => {
  if (now < book.probeAt) return [book, nothing, undefined]
  if (book.active === undefined) return [...revive(tools, book, now), undefined]
  if (book.unanswered >= (book.isUrgent ? urgentPatience : patience)) {
    return [...bury(tools, book, now), book.active]
  }
  const unanswered = book.unanswered + 1
  const [asked, sent] = ask(tools, book, [book.active, ...others(book, unanswered, now)], now)
  const pause = book.isUrgent ? urgentAgainMillis : unanswered === 1 ? doubtMillis : againMillis
  const next: Book = {
    ...asked,
    unanswered,
    doubtAt: unanswered === 1 ? now : book.doubtAt,
    probeAt: now + Math.max(pause, active(book)?.rttMillis ?? 0),
    keepaliveAt: now >= book.keepaliveAt ? now + keepalivePause(tools) : book.keepaliveAt,
  }
  return [next, sent, undefined]
}

/**
 * What is asked beside the path in use: what may take its place where that gives no answer; and now and then, while only
 * the relay is left, whether a direct path that worked does so again.
 */
const others = ({ active, former, keepaliveAt, proven }: Book, unanswered: number, now: number): Array<Path.Path> => {
  if (unanswered > 1) return proven.flatMap(({ path }) => (isActive({ active }, path) ? [] : [path])).slice(0, 3)
  if (active?._tag !== "Relay" || now < keepaliveAt) return []
  return former.flatMap(({ path, diedAt }) => (now - diedAt < revivableMillis ? [path] : []))
}

/** The path in use is dead; so are those that did not answer since there was a doubt. The relay has its own link. */
const bury = (tools: Tools, book: Book, now: number): Step => {
  const lives = ({ path, answeredAt }: Proven): boolean =>
    !isActive(book, path) && (path._tag === "Relay" || answeredAt >= book.doubtAt)
  const dead = book.proven.filter((it) => !lives(it))
  return choose(tools, { ...book, proven: book.proven.filter(lives), former: withFormer(book, dead, now) }, now)
}

const withFormer = (book: Book, dead: ReadonlyArray<Proven>, diedAt: number): ReadonlyArray<Former> => {
  // The one that was in use is the likeliest to work again.
  const sorted = dead.toSorted((a, b) => Number(isActive(book, a.path)) - Number(isActive(book, b.path)))
  const all = [...book.former]
  for (const { path, kind } of sorted) if (path._tag === "Direct") all.push({ path, kind, diedAt })
  return all.slice(-maxFormer)
}

/** Direct paths have to be proven anew, and are asked at once: our addresses have changed. */
export const unsettle = (tools: Tools, book: Book, now: number): Step => {
  const direct = book.proven.filter(({ path }) => path._tag === "Direct")
  if (direct.length === 0) return [book, nothing]
  const former = withFormer(book, direct, now)
  const proven = book.proven.filter(({ path }) => path._tag === "Relay")
  const [next, used] = choose(tools, { ...book, former, proven }, now)
  const [asked, sent] = ask(
    tools,
    next,
    former.map(({ path }) => path),
    now,
  )
  return [asked, [...used, ...sent]]
}

/** Nothing works: all that ever did is asked, and less and less often. */
const revive = (tools: Tools, book: Book, now: number): Step => {
  const paths = [...(book.isRelayUp ? [Path.relay] : []), ...book.former.map(({ path }) => path)]
  if (paths.length === 0) return [{ ...book, probeAt: Infinity }, nothing]
  const [asked, sent] = ask(tools, book, paths, now)
  const pause = book.revivalMillis
  return [{ ...asked, probeAt: now + pause, revivalMillis: Math.min(2 * pause, revivalMillis.most) }, sent]
}

/** Uses the best path there is. */
const choose = (tools: Tools, before: Book, now: number): Step => {
  const book = succeeded(before, now)
  const best = bestOf(book)
  if (best === undefined) {
    if (book.active === undefined)
      return [{ ...book, probeAt: Math.min(book.probeAt, now + book.revivalMillis) }, nothing]
    const none: Book = { ...book, active: undefined, unanswered: 0, doubtAt: Infinity, keepaliveAt: Infinity }
    return [
      { ...none, probeAt: now + revivalMillis.least, revivalMillis: revivalMillis.least },
      [{ _tag: "Use", path: undefined, kind: "none", rttMillis: undefined }],
    ]
  }
  const { path, kind, rttMillis } = best
  if (isActive(book, path)) return [book, nothing]
  const keepaliveAt = now + keepalivePause(tools)
  const next = alive({ ...book, active: path, keepaliveAt, revivalMillis: revivalMillis.least }, now)
  return [next, [{ _tag: "Use", path, kind, rttMillis }]]
}

const bestOf = (book: Book): Proven | undefined => {
  let best = active(book)
  for (const it of book.proven) if (best === undefined || isBetter(it, best)) best = it
  return best
}

/** While the path in use does not answer and another one does, the other one is used, without waiting for a death. */
const succeeded = (book: Book, now: number): Book => {
  const current = active(book)
  const answers = ({ path, answeredAt }: Proven): boolean => path._tag === "Direct" && answeredAt >= book.doubtAt
  if (book.unanswered < 2 || current === undefined || answers(current) || !book.proven.some(answers)) return book
  const former = withFormer(book, [current], now)
  return { ...book, former, proven: book.proven.filter((it) => it !== current) }
}

const isBetter = (a: Proven, than: Proven): boolean => {
  const ranks = Path.rank(a.kind) - Path.rank(than.kind)
  if (ranks !== 0 || a.path._tag === "Relay" || than.path._tag === "Relay") return ranks < 0
  const isIpv6 = Endpoint.isIpv6(a.path.remote.address) && !Endpoint.isIpv6(than.path.remote.address)
  return isIpv6 && Math.abs(a.provenAt - than.provenAt) <= ipv6Millis
}

const keepalivePause = ({ randomBytes }: Tools): number => {
  const [byte = 0] = randomBytes(1)
  return keepaliveMillis * (0.9 + (0.2 * byte) / 255)
}
