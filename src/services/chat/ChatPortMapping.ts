/**
 * The port that a router maps to a chat: it is asked for one only once in the network that this machine is in, however
 * often a path is searched for.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import type * as Endpoint from "../../domain/Endpoint.ts"
import type { ChatTools } from "./ChatTools.ts"

/** What it was asked for: for which way, and with which addresses of ours. */
interface Asked {
  readonly way: Scope.Closeable
  readonly network: string
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
   * Asks the router, unless it was.
   *
   * @param way the scope of the way that the port is for: the mapping goes with it
   * @param addresses of this machine; where they are others there is another router
   * @param onMapped called with what the router grants, as long as that is what counts
   */
  ask(
    way: Scope.Closeable,
    addresses: ReadonlyArray<string>,
    port: number,
    onMapped: (granted: Endpoint.Endpoint) => void,
  ): void {
    const network = addresses.join()
    const before = this.asked
    if (before?.way === way && before.network === network) return
    const mine: Asked = { way, network, own: Scope.forkUnsafe(way) }
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
