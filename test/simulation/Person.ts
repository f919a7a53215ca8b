/**
 * Somebody with a whole peer, as the command has it, on a host of the in-memory network: what they are shown is noted,
 * and each text of the other side is held against what that one said.
 */
import { Effect, Layer } from "effect"
import type { MemoryHost } from "nomitm/adapters/memory/MemoryNetwork"
import * as MemoryScreen from "nomitm/adapters/memory/MemoryScreen"
import * as EnglishWords from "nomitm/adapters/node/EnglishWords"
import type { PathKind } from "nomitm/domain/net/PathKind"
import type { PeerEvent } from "nomitm/domain/PeerEvent"
import type { PersonName } from "nomitm/domain/PersonName"
import type { ServerAddress } from "nomitm/domain/ServerAddress"
import type { Cryptography } from "nomitm/services/Cryptography"
import { KnownServers } from "nomitm/services/KnownServers"
import { Profile } from "nomitm/services/profile/Profile"
import { SealedChat } from "nomitm/services/chat/SealedChat"
import * as SealedPeer from "nomitm/services/peer/SealedPeer"
import { SealedRendezvous } from "nomitm/services/link/SealedRendezvous"
import { bytesOf } from "../domain/crypto/primitives.ts"
import * as Watch from "./Watch.ts"

export type Name = "alice" | "bob"

/** What is used, since when, in milliseconds. */
export interface PathSince {
  readonly at: number
  readonly kind: PathKind
  readonly address: string
}

export interface Person {
  readonly name: Name
  readonly host: MemoryHost
  readonly watch: Watch.Watch
  readonly type: (text: string) => Effect.Effect<void>
  /** Says the next text, of so many bytes or a few more. */
  readonly say: (bytes: number) => Effect.Effect<void>
  /** What they said, in order. */
  readonly said: Array<string>
  /** How many of their texts are with the other side, as they were told. */
  delivered: number
  /** How many of the other's texts they have read; the first and the last time, in milliseconds. */
  read: number
  firstReadAt: number
  lastReadAt: number
  registeredAt: number
  incomingAt: number
  connectedAt: number
  /** In the order of time. */
  readonly paths: Array<PathSince>
  readonly stuck: Array<string>
  /** What must not happen. */
  readonly problems: Array<string>
  /** What they were shown, with its time, for a failure's report. */
  readonly shown: Array<string>
}

/** That a server is lost, and cannot be reached at once, people are told. */
const aboutServer: ReadonlySet<string> = new Set(["Server_lost", "Unreachable", "Server_silent", "Shutting_down"])

/** So much of what was shown is kept. */
const maxShown = 400

/** What they use now. */
export const kind = ({ paths }: Person): PathKind => paths.at(-1)?.kind ?? "none"

const textOf = (name: Name, number: number, bytes: number): string => {
  const start = `${name} ${number}: ${Watch.marker} `
  return start.length >= bytes ? start : start + String.fromCharCode(97 + (number % 26)).repeat(bytes - start.length)
}

interface Options {
  readonly name: Name
  readonly host: MemoryHost
  readonly watch: Watch.Watch
  readonly server: ServerAddress
  readonly cryptography: Layer.Layer<Cryptography>
  /** What the other one said. */
  readonly heard: ReadonlyArray<string>
  readonly said: Array<string>
  /** Shown when something of interest happened. */
  readonly onNews: () => void
}

/** Starts the peer; it ends with the scope. */
export const make = Effect.fnUntraced(function* (options: Options) {
  const { name, host, watch, server, heard, said, onNews, cryptography } = options
  const clock = yield* Effect.clockWith(Effect.succeed)
  const now = (): number => clock.currentTimeMillisUnsafe()
  const screen = yield* MemoryScreen.make()
  const person: Person = {
    name,
    host,
    watch,
    type: screen.type,
    say: (bytes) =>
      Effect.suspend(() => {
        const text = textOf(name, said.length + 1, bytes)
        said.push(text)
        return screen.type(text)
      }),
    said,
    delivered: 0,
    read: 0,
    firstReadAt: Infinity,
    lastReadAt: -Infinity,
    registeredAt: Infinity,
    incomingAt: Infinity,
    connectedAt: Infinity,
    paths: [],
    stuck: [],
    problems: [],
    shown: [],
  }

  const read = (text: string): void => {
    const expected = heard[person.read]
    if (text !== expected) {
      const [got, wanted] = [text, expected ?? "nothing"].map((it) => it.slice(0, 40))
      person.problems.push(`${name} read "${got}" where "${wanted}" was next`)
    }
    person.read++
    person.firstReadAt = Math.min(person.firstReadAt, now())
    person.lastReadAt = now()
  }

  const onEvent = (event: PeerEvent): Effect.Effect<void> => {
    if (person.shown.length < maxShown) person.shown.push(`${now()} ${name} ${JSON.stringify(event).slice(0, 160)}`)
    switch (event.event) {
      case "registered":
        person.registeredAt = Math.min(person.registeredAt, now())
        break
      case "incoming":
        person.incomingAt = now()
        return screen.type("/accept")
      case "connected":
        person.connectedAt = now()
        if (event.kind !== undefined) person.paths.push({ at: now(), kind: event.kind, address: event.address ?? "" })
        break
      case "path":
        person.paths.push({ at: now(), kind: event.kind, address: event.address })
        break
      case "stuck":
        person.stuck.push(event.because)
        break
      case "message":
        read(event.text)
        break
      case "delivered":
        if (event.id !== ++person.delivered) person.problems.push(`${name} was told of ${event.id} out of order`)
        break
      case "failed":
      case "closed":
        person.problems.push(`${name}: ${event.event} ${event.reason}`)
        break
      case "error":
        if (!aboutServer.has(event.code)) person.problems.push(`${name}: error ${event.code}`)
    }
    onNews()
    return Effect.void
  }
  yield* Effect.forkScoped(Effect.forever(Effect.flatMap(screen.next, onEvent)))

  const profile = Layer.merge(Profile.layerMemory({ seed: bytesOf(name, 32) }), KnownServers.layerMemory)
  const peer = SealedPeer.throughServer({
    name: name as PersonName,
    server,
    unlisted: false,
    policy: "ask",
    relay: "auto",
  }).pipe(
    Effect.provide(
      Layer.mergeAll(SealedRendezvous.layer, SealedChat.layer, screen.layer, profile).pipe(
        Layer.provide([cryptography, EnglishWords.layer, Watch.transports(host, watch)]),
        Layer.provideMerge(cryptography),
      ),
    ),
    Effect.matchCause({
      onSuccess: () => person.problems.push(`${name}'s peer ended`),
      onFailure: (cause) => person.problems.push(`${name}'s peer ended: ${String(cause)}`),
    }),
  )
  yield* Effect.forkScoped(peer)
  return person
})
