/**
 * Plays one side of a recorded conversation against this program's chat session, at the recorded times, on a UDP port
 * that is not real.
 *
 * How often a datagram is repeated is not compared (SPEC section 8.2): of what each side sends, repetitions in a row
 * count once.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Random from "effect/Random"
import * as TestClock from "effect/testing/TestClock"
import { ChatSession } from "../../src/services/chat/ChatSession.ts"
import type { PeerSocket } from "../../src/services/PeerTransport.ts"
import * as Recording from "./Recording.ts"
import { turn } from "./Wire.ts"

/** Where the scripted side is. */
const remote = { address: "127.0.0.3", port: 45_000 }

/** The longest step of the clock, in milliseconds. */
const stepMillis = 50

/** What happens to the session: a datagram comes, or its user says something or ends it. */
export type Deed =
  | { readonly at: number; readonly hear: Uint8Array; readonly elsewhere?: boolean }
  | { readonly at: number; readonly say: string }
  | { readonly at: number; readonly close: true }

export interface Part {
  readonly self: string
  /** The random number of its Connect. */
  readonly number: number
  readonly peer: string
  readonly startsAt: number
  readonly deeds: ReadonlyArray<Deed>
  /** When to stop. */
  readonly endsAt: number
  /** How the other side answers a datagram at a time, where the recording only counts its answers. */
  readonly react?: (datagram: string, now: number) => string | undefined
}

/** A datagram or text as it is compared: of long ones the beginning and the length. */
export const brief = (text: string): string => (text.length > 60 ? `${text.slice(0, 12)}… ${text.length} long` : text)

/** Without the repetitions in a row. */
export const collapse = (datagrams: ReadonlyArray<string>): ReadonlyArray<string> =>
  datagrams.filter((datagram, index) => index === 0 || datagram !== datagrams[index - 1])

export interface Sent {
  readonly at: number
  readonly datagram: string
}

export interface Outcome {
  readonly sent: ReadonlyArray<Sent>
  readonly shown: ReadonlyArray<string>
  /** `open`, or how it ended. */
  readonly state: string
}

export const play = Effect.fnUntraced(function* (part: Part) {
  const sent: Array<Sent> = []
  const answers: Array<string> = []
  const shown: Array<string> = []
  let handler: Parameters<PeerSocket["receive"]>[0] = () => {}
  let now = part.startsAt

  const socket: PeerSocket = {
    local: { address: "127.0.0.2", port: remote.port },
    send: (bytes) => {
      const datagram = Buffer.from(bytes).toString("utf8")
      sent.push({ at: now, datagram })
      const answer = part.react?.(datagram, now)
      if (answer !== undefined) answers.push(answer)
    },
    receive: (listener) => Effect.sync(() => void (handler = listener)),
  }

  const hear = (bytes: Uint8Array, elsewhere = false) =>
    Effect.sync(() => handler(bytes, elsewhere ? { ...remote, port: remote.port + 1 } : remote))

  const waitUntil = Effect.fnUntraced(function* (at: number) {
    while (now < at) {
      const step = Math.min(stepMillis, at - now)
      now += step
      yield* TestClock.adjust(step)
      for (const answer of answers.splice(0)) yield* hear(Buffer.from(answer))
    }
    yield* turn
  })

  const sessions = yield* ChatSession
  const chat = yield* sessions
    .open({
      socket,
      remote,
      dialect: "original",
      self: part.self,
      peer: Option.some(part.peer),
      patience: "60 seconds",
    })
    .pipe(Effect.provideService(Random.Random, always(part.number)))
  yield* chat.receive.pipe(
    Effect.tap((text) => Effect.sync(() => shown.push(text))),
    Effect.forever,
    Effect.ignore,
    Effect.forkScoped({ startImmediately: true }),
  )
  const ended = yield* Effect.forkScoped(chat.ended, { startImmediately: true })

  for (const deed of part.deeds) {
    yield* waitUntil(deed.at)
    if ("hear" in deed) yield* hear(deed.hear, deed.elsewhere)
    // What can't be said is not sent: that shows in what is.
    else if ("say" in deed) yield* Effect.ignore(chat.say(deed.say))
    else yield* Effect.forkScoped(chat.close, { startImmediately: true })
    yield* turn
  }
  yield* waitUntil(part.endsAt)
  const exit = ended.pollUnsafe()
  const state = exit === undefined ? "open" : Exit.isSuccess(exit) ? exit.value : "failed"
  return { sent, shown, state } satisfies Outcome
})

/** A source of chance that makes the session draw this number of 32 bits, with a sign. */
const always = (number: number): Random.Random => ({
  nextDoubleUnsafe: () => (number + 2 ** 31 + 0.5) / 2 ** 32,
  nextIntUnsafe: () => number,
})

/** How long a token may be kept, in milliseconds. */
const tokenMillis = 6100

const token = "\nKeepAliveToken\n"

/** What is known of the scripted side beyond its listed datagrams: it echoed all Connects, or all tokens, for a while. */
const reactions: Readonly<Record<string, NonNullable<Part["react"]>>> = {
  "udp/connect-echo": (datagram, now) =>
    datagram.includes("\nConnect\n") && now >= 558 && now <= 1702 ? "scr\nConnect\n101\n\n" : undefined,
  "udp/token-pingpong": (datagram, now) =>
    datagram.includes(token) && now <= 3962 ? "scr\nKeepAliveToken\n\n\n" : undefined,
}

/** What the original was told to do, and what it was sent. */
const deedOf = (event: Recording.Event): Deed | undefined => {
  const at = Math.round(event.t_ms)
  const bytes = Recording.bytesOf(event)
  if (event.dir === "scripted->orig" && bytes !== undefined) {
    return { at, hear: bytes, elsewhere: event.note?.includes("another UDP port") ?? false }
  }
  if (event.orig_cmd === "close") return { at, close: true }
  const long = /^saylong ([0-9]+)$/.exec(event.orig_cmd ?? "")
  if (long !== null) return { at, say: "L".repeat(Number(long[1])) }
  return event.orig_cmd?.startsWith("say ") ? { at, say: unescape(event.orig_cmd.slice("say ".length)) } : undefined
}

const escapes: Readonly<Record<string, string>> = { n: "\n", r: "\r", "0": "\0", '"': '"', "\\": "\\" }

const unescape = (text: string): string =>
  text.replace(/\\(?:u([0-9a-f]{4})|(.))/gs, (_, code: string | undefined, letter: string) =>
    code === undefined ? (escapes[letter] ?? letter) : String.fromCharCode(Number.parseInt(code, 16)),
  )

/** A recording of `udp/`. */
export const partOf = (recording: Recording.Recording): Part => {
  const deeds = recording.events.flatMap((event) => deedOf(event) ?? [])
  const lastToken = deeds.findLast((deed) => "hear" in deed && Buffer.from(deed.hear).includes(token))?.at ?? 0
  const react = reactions[recording.id]
  return {
    self: "orig",
    number: Number(/fixed to (-?[0-9]+)/.exec(recording.endpoints)![1]),
    peer: "scr",
    startsAt: 0,
    deeds,
    endsAt: Math.max(Math.ceil(recording.events.at(-1)!.t_ms), lastToken + tokenMillis),
    ...(react === undefined ? {} : { react }),
  }
}

/** A text that the original's window showed. It shows the name of the datagram before it, and long ones in part. */
const shownIn = (event: Recording.Event): ReadonlyArray<string> => {
  const inserted = /^area insert "(.*)" len=([0-9]+)$/s.exec(event.orig_ui ?? "")
  if (inserted === null) return []
  const line = unescape(inserted[1]!)
  const colon = line.indexOf(": ")
  if (colon < 0) return []
  const [text, length] = [line.slice(colon + 2), Number(inserted[2]) - colon - 2]
  return [length > 60 ? `${text.slice(0, 12)}… ${length - 1} long` : text.replace(/\n$/, "")]
}

/** What the original did in a recording of `udp/`. */
export const recorded = ({ events }: Recording.Recording): Recording.Transcript => {
  const sent = events.flatMap((event) => {
    const bytes = event.dir === "orig->scripted" ? Recording.bytesOf(event) : undefined
    return bytes === undefined ? [] : [Buffer.from(bytes).toString("utf8")]
  })
  const isOver = events.some(({ orig_ui }) => orig_ui?.startsWith('area insert "Not connected\\n"') ?? false)
  return {
    sent: collapse(sent).map(brief),
    shown: events.flatMap(shownIn),
    state: [isOver ? "timeout" : "open"],
  }
}

export const transcriptOf = ({ sent, shown, state }: Outcome): Recording.Transcript => ({
  sent: collapse(sent.map(({ datagram }) => datagram)).map(brief),
  shown: shown.map(brief),
  state: [state],
})
