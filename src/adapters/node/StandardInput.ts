/** Text that is piped in, or typed. */
import * as Effect from "effect/Effect"

/**
 * Standard input up to its end, or until there is enough of it: a person who types does not have to end it.
 *
 * @param maxBytes what comes after so many bytes is left out
 */
export const read = (maxBytes: number, isEnough: (text: string) => boolean): Effect.Effect<string> =>
  Effect.callback<string>((resume) => {
    const { stdin } = process
    const chunks: Array<Buffer> = []
    let length = 0
    const text = (): string => Buffer.concat(chunks).subarray(0, maxBytes).toString("utf8")
    const take = (chunk: Buffer): void => {
      chunks.push(chunk)
      length += chunk.length
      if (length >= maxBytes || isEnough(text())) done()
    }
    const stop = (): void => {
      stdin.off("data", take).off("end", done).off("error", done)
      stdin.pause()
    }
    const done = (): void => {
      stop()
      resume(Effect.succeed(text()))
    }
    stdin.on("data", take).once("end", done).once("error", done)
    return Effect.sync(stop)
  })
