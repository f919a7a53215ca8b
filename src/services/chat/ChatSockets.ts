/**
 * The UDP sockets of one chat, by the numbers that `domain/reach` gives them: 0 is the one that the chat began with, the
 * others are bound and closed as a search goes on.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Scope from "effect/Scope"
import type * as Endpoint from "../../domain/Endpoint.ts"
import type { ChatTools } from "./ChatTools.ts"
import type { PeerSocket } from "../PeerTransport.ts"

/** So many datagrams wait for a socket that is still being bound. */
const maxEarly = 2
/** So many sockets are bound at a time. */
const bindingAtOnce = 32

interface Early {
  readonly datagram: Uint8Array
  readonly to: Endpoint.Endpoint
  readonly ttl: number | undefined
}

/** A socket of the chat: `undefined` while it is being bound. */
interface Held {
  readonly index: number
  socket: PeerSocket | undefined
  early: Array<Early> | undefined
  readonly scope: Scope.Closeable
}

export interface Owner {
  /** A datagram has come to this socket. */
  readonly received: (index: number, datagram: Uint8Array, from: Endpoint.Endpoint) => void
}

export class ChatSockets {
  private readonly tools: Pick<ChatTools, "transport" | "fork">
  private readonly owner: Owner
  /** Of the chat. */
  private readonly scope: Scope.Scope
  /** One for as long as most chats live, and thousands of chats have them: a map would be several times as large. */
  private held: ReadonlyArray<Held> = []

  constructor(tools: Pick<ChatTools, "transport" | "fork">, owner: Owner, scope: Scope.Scope) {
    this.tools = tools
    this.owner = owner
    this.scope = scope
  }

  /** The socket of a number, unless there is none or it is still being bound. */
  get(index: number): PeerSocket | undefined {
    return this.find(index)?.socket
  }

  /** Takes a socket as the one of a number; `scope` is closed with it. */
  hold(index: number, socket: PeerSocket, scope: Scope.Closeable): void {
    this.bound(this.reserve(index, scope), socket)
  }

  /** Binds as many sockets, from a number on, except those that are there: those that are closed meanwhile never are. */
  open(first: number, count: number, address: string | undefined): void {
    const reserved: Array<Held> = []
    for (let index = first; index < first + count; index++) {
      if (this.find(index) === undefined) reserved.push(this.reserve(index, Scope.forkUnsafe(this.scope)))
    }
    const bindOne = (held: Held): Effect.Effect<void> => this.bind(held, address)
    this.tools.fork(Effect.forEach(reserved, bindOne, { concurrency: bindingAtOnce, discard: true }), this.scope)
  }

  /** Closes all but these. */
  closeAllBut(keep: ReadonlyArray<number>): void {
    for (const held of this.held) if (!keep.includes(held.index)) this.release(held)
  }

  /** False if there is no such socket. */
  send(index: number, datagram: Uint8Array, to: Endpoint.Endpoint, ttl?: number): boolean {
    const held = this.find(index)
    if (held === undefined) return false
    if (held.socket !== undefined) held.socket.send(datagram, to, ttl)
    else if ((held.early ??= []).length < maxEarly) held.early.push({ datagram, to, ttl })
    return true
  }

  private bind(held: Held, address: string | undefined): Effect.Effect<void> {
    const { transport } = this.tools
    return Effect.gen({ self: this }, function* () {
      if (!this.isHeld(held)) return
      const socket = yield* Effect.option(Scope.provide(transport.bind({ port: 0, address }), held.scope))
      if (Option.isSome(socket) && this.isHeld(held)) this.bound(held, socket.value)
      else {
        this.drop(held)
        yield* Scope.close(held.scope, Exit.void)
      }
    }).pipe(Effect.uninterruptible)
  }

  private reserve(index: number, scope: Scope.Closeable): Held {
    const held: Held = { index, socket: undefined, early: undefined, scope }
    this.held = [...this.held.filter((it) => it.index !== index), held]
    return held
  }

  private bound(held: Held, socket: PeerSocket): void {
    const { early = [], index, scope } = held
    held.socket = socket
    held.early = undefined
    const receive = socket.receive((datagram, from) => this.owner.received(index, datagram, from))
    this.tools.fork(Scope.provide(receive, scope), this.scope)
    for (const { datagram, to, ttl } of early) socket.send(datagram, to, ttl)
  }

  private find(index: number): Held | undefined {
    for (const held of this.held) if (held.index === index) return held
    return undefined
  }

  private isHeld(held: Held): boolean {
    return this.find(held.index) === held
  }

  private drop(held: Held): void {
    this.held = this.held.filter((it) => it !== held)
  }

  private release(held: Held): void {
    this.drop(held)
    this.tools.fork(Scope.close(held.scope, Exit.void), this.scope)
  }
}
