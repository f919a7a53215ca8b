/**
 * Texts over records: cut into frames, and put together of those that come (PROTOCOL.md, section 16). Values.
 *
 * A text whose parts do not all come is forgotten when too many others are waiting; nothing here repairs a loss.
 */
import * as Frame from "./Frame.ts"
import * as Parts from "./Parts.ts"

/** The longest text, in bytes of UTF-8. */
export const maxTextBytes = 4096
/** So many texts are put together at a time. */
export const maxWaiting = 8

const encoder = new TextEncoder()
// What is no UTF-8 becomes U+FFFD.
const decoder = new TextDecoder("utf-8", { ignoreBOM: true })

/** The texts of which parts have come, by their numbers; the oldest first. */
export type Waiting = ReadonlyArray<{ readonly number: number; readonly parts: Parts.Parts }>

export const none: Waiting = []

/** The frames of a text of at most `maxTextBytes`. */
export const frames = (number: number, text: string): ReadonlyArray<Frame.Text> =>
  Parts.cut(encoder.encode(text), Frame.maxTextPartBytes).map(({ part, parts, bytes }) => ({
    _tag: "Text",
    number,
    part,
    parts,
    bytes,
  }))

/** Takes a frame; the text, if it is whole now. What would be too long is dropped. */
export const add = (waiting: Waiting, frame: Frame.Text): readonly [Waiting, text: string | undefined] => {
  const { number } = frame
  if (frame.parts === 1) {
    return [waiting, frame.bytes.length <= maxTextBytes ? decoder.decode(frame.bytes) : undefined]
  }
  const parts = Parts.add(waiting.find((it) => it.number === number)?.parts, frame)
  const others = waiting.filter((it) => it.number !== number)
  if (Parts.size(parts) > maxTextBytes) return [others, undefined]
  const whole = Parts.whole(parts)
  return whole === undefined
    ? [[...others.slice(1 - maxWaiting), { number, parts }], undefined]
    : [others, decoder.decode(whole)]
}
