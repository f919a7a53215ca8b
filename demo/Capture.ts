/**
 * What somebody on a wire has written down, searched for what was said.
 */

/** The characters of base64 that depend on nothing but the text, if `before` bytes stand before it in its group of three. */
const base64 = (text: Uint8Array, before: number): string => {
  const encoded = Buffer.concat([Buffer.alloc(before), text]).toString("base64")
  return encoded.slice(Math.ceil((before * 8) / 6), Math.floor(((before + text.length) * 8) / 6))
}

/** The ways in which a text may stand among other bytes, each with what it looks like. */
const forms = (text: Uint8Array): ReadonlyArray<readonly [string, Uint8Array]> => {
  const words = Buffer.from(text)
  const hex = words.toString("hex")
  const inBase64 = [0, 1, 2].map((before) => base64(text, before))
  return [
    ["as it is", words],
    ["turned around", words.toReversed()],
    ["with its bits turned over", words.map((byte) => byte ^ 0xff)],
    ["in UTF-16", Buffer.from(words.toString("utf8"), "utf16le")],
    ["in hexadecimal", Buffer.from(hex)],
    ["in hexadecimal, in capitals", Buffer.from(hex.toUpperCase())],
    ...inBase64.map((it) => ["in base64", Buffer.from(it)] as const),
    ...inBase64.map((it) => ["in base64url", Buffer.from(it.replaceAll("+", "-").replaceAll("/", "_"))] as const),
  ]
}

/** The way in which a text (or key) of at least five bytes stands in what was captured; none if it doesn't. */
export const find = (captured: Uint8Array, text: Uint8Array | string): string | undefined => {
  const all = Buffer.from(captured.buffer, captured.byteOffset, captured.length)
  const bytes = typeof text === "string" ? Buffer.from(text) : text
  return forms(bytes).find(([, form]) => all.includes(Buffer.from(form)))?.[0]
}
