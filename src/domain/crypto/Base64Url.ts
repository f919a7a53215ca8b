/**
 * Base64url without padding (RFC 4648, section 5), by tables: records through the server are written and read by the
 * thousand, and a general codec costs ten times as much.
 */
const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
const codes = Uint8Array.from(alphabet, (character) => character.charCodeAt(0))
/** What is no character of the alphabet: it shows in whatever it is combined with. */
const none = 0x80
const values = new Uint8Array(256).fill(none)
for (const [value, code] of codes.entries()) values[code] = value

const ascii = new TextDecoder()
const utf8 = new TextEncoder()

export const encode = (bytes: Uint8Array): string => {
  const { length } = bytes
  const text = new Uint8Array(Math.ceil((length * 4) / 3))
  let from = 0
  let to = 0
  for (; from + 2 < length; from += 3) {
    const bits = (bytes[from]! << 16) | (bytes[from + 1]! << 8) | bytes[from + 2]!
    text[to++] = codes[bits >> 18]!
    text[to++] = codes[(bits >> 12) & 63]!
    text[to++] = codes[(bits >> 6) & 63]!
    text[to++] = codes[bits & 63]!
  }
  if (from < length) {
    const bits = (bytes[from]! << 16) | ((bytes[from + 1] ?? 0) << 8)
    text[to++] = codes[bits >> 18]!
    text[to++] = codes[(bits >> 12) & 63]!
    if (from + 1 < length) text[to] = codes[(bits >> 6) & 63]!
  }
  return ascii.decode(text)
}

/** Only the one text that `encode` writes is read. Never throws. */
export const decode = (text: string): Uint8Array | undefined => {
  const { length } = text
  const rest = length & 3
  // A text with characters beyond ASCII has more bytes than characters.
  const characters = utf8.encode(text)
  if (rest === 1 || characters.length !== length) return undefined
  const bytes = new Uint8Array((length * 3) >> 2)
  const whole = length - rest
  let wrong = 0
  let to = 0
  for (let from = 0; from < whole; from += 4) {
    const a = values[characters[from]!]!
    const b = values[characters[from + 1]!]!
    const c = values[characters[from + 2]!]!
    const d = values[characters[from + 3]!]!
    wrong |= a | b | c | d
    bytes[to++] = (a << 2) | (b >> 4)
    bytes[to++] = (b << 4) | (c >> 2)
    bytes[to++] = (c << 6) | d
  }
  if (rest !== 0) {
    const a = values[characters[whole]!]!
    const b = values[characters[whole + 1]!]!
    const c = rest === 3 ? values[characters[whole + 2]!]! : 0
    wrong |= a | b | c
    bytes[to++] = (a << 2) | (b >> 4)
    if (rest === 3) bytes[to] = (b << 4) | (c >> 2)
    // Bits beyond the last byte are zero in the one form.
    if ((rest === 3 ? c & 3 : b & 15) !== 0) return undefined
  }
  return (wrong & none) === 0 ? bytes : undefined
}
