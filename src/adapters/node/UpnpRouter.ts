/**
 * HTTP with a router, as UPnP wants it (`node:http`): one short request, one short answer. No redirects, nothing kept open,
 * and only ever to the router's own address.
 */
import * as Effect from "effect/Effect"
import { type Action, maxTextBytes, type Place } from "../../domain/portmap/Upnp.ts"

/** How long a router may take to answer, in milliseconds. */
const answerMillis = 1500

interface Answer {
  readonly status: number
  readonly text: string
}

/** What is at a place, or what an action there comes to. None if there is no answer, or more than is read of one. */
export const ask = (place: Place, action?: Action): Effect.Effect<Answer | undefined> =>
  Effect.andThen(
    Effect.promise(() => import("node:http")),
    (Http) =>
      Effect.callback<Answer | undefined>((resume) => {
        const body = action?.body ?? ""
        const request = Http.request({
          host: place.address,
          port: place.port,
          path: place.path,
          method: action === undefined ? "GET" : "POST",
          agent: false,
          headers:
            action === undefined
              ? {}
              : {
                  "Content-Type": 'text/xml; charset="utf-8"',
                  "Content-Length": Buffer.byteLength(body),
                  SOAPAction: action.header,
                },
        })
        const stop = (answer: Answer | undefined): void => {
          request.destroy()
          resume(Effect.succeed(answer))
        }
        request.on("error", () => stop(undefined))
        request.on("response", (response) => {
          const pieces: Array<Buffer> = []
          let size = 0
          response.on("error", () => stop(undefined))
          response.on("data", (piece: Buffer) => {
            size += piece.length
            if (size > maxTextBytes) return stop(undefined)
            pieces.push(piece)
          })
          response.on("end", () =>
            stop({ status: response.statusCode ?? 0, text: Buffer.concat(pieces).toString("utf8") }),
          )
        })
        request.end(body)
        return Effect.sync(() => void request.destroy())
      }),
  ).pipe(
    Effect.timeoutOption(answerMillis),
    Effect.map((answer) => (answer._tag === "Some" ? answer.value : undefined)),
  )
