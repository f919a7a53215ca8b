/**
 * Draws the port number that both sides of a chat try: high, at random, no number twice in a call.
 *
 * Random numbers come from `Random`, so that tests are exact.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Random from "effect/Random"
import { isPort, type Port } from "../domain/Endpoint.ts"

/** The range the older server draws from; both ends included. */
export const defaultRange = { first: 40_000, last: 59_999 } as const

export class PortAllocator extends Context.Service<
  PortAllocator,
  {
    /** A port that is not among those already tried. If all are, one of them again. */
    readonly draw: (tried: ReadonlySet<Port>) => Effect.Effect<Port>
  }
>()("nomitm/services/PortAllocator") {
  static readonly layer = (
    range: { readonly first: Port; readonly last: Port } = defaultRange,
  ): Layer.Layer<PortAllocator> =>
    Layer.sync(PortAllocator, () => {
      const size = range.last - range.first + 1
      if (!isPort(range.first) || !isPort(range.last) || size < 1) throw new RangeError("no range of ports")
      return PortAllocator.of({
        draw: Effect.fnUntraced(function* (tried) {
          const start = yield* Random.nextIntBetween(0, size - 1)
          for (let i = 0; i < Math.min(size, tried.size + 1); i++) {
            const port = range.first + ((start + i) % size)
            if (!tried.has(port)) return port
          }
          return range.first + start
        }),
      })
    })
}
