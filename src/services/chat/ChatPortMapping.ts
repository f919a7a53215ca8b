/**
 * The port that a router maps to a chat: it is asked for one only once in the network that this machine is in, however
 * often a path is searched for.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import type * as Endpoint from "../../domain/Endpoint.ts"
import type { ChatTools } from "./ChatTools.ts"

/** For what a router is asked for a port. */
export interface Wanted {
  /** By which way of the chat we came to ask. */
  readonly way: unknown
  /** The network that we are in, as far as one can tell: our own addresses, and where the server sees us. */
  readonly network: string
  readonly port: number
  /** Whether the port that there is, if there is one, serves: then another way is no reason to ask again. */
  readonly isServed: boolean
  /** The mapping goes with it. */
  readonly scope: Scope.Scope
}

interface Asked extends Pick<Wanted, "way" | "network"> {
  readonly own: Scope.Closeable
}

export class ChatPortMapping {
  private readonly tools: Pick<ChatTools, "mapper" | "fork">
  /** Of the chat. */
  private readonly scope: Scope.Scope
  private asked: Asked | undefined

  constructor(tools: Pick<ChatTools, "mapper" | "fork">, scope: Scope.Scope) {
    this.tools = tools
    this.scope = scope
  }

  /**
   * Asks the router, unless it was. A port may be gone with an hour's sleep, and a router be another one that looks alike.
   *
   * @param onMapped called with what the router grants, as long as that is what counts
   */
  ask({ way, network, port, isServed, scope }: Wanted, onMapped: (granted: Endpoint.Endpoint) => void): void {
    const before = this.asked
    if (before?.network === network && (before.way === way || isServed)) return
    const mine: Asked = { way, network, own: Scope.forkUnsafe(scope) }
    this.asked = mine
    const ask = this.tools.mapper.map(port).pipe(
      Scope.provide(mine.own),
      Effect.map((granted) => {
        if (this.asked === mine) onMapped(granted)
      }),
      Effect.catch(() => {
        // The next search may ask again.
        if (this.asked === mine) this.asked = undefined
        return Scope.close(mine.own, Exit.void)
      }),
    )
    // What is given back must not be what was granted anew.
    this.tools.fork(before === undefined ? ask : Effect.andThen(Scope.close(before.own, Exit.void), ask), this.scope)
  }
}
