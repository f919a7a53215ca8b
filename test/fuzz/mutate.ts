/** Bytes that were valid once: what a broken, a foreign or a hostile program sends. */
import type { Random } from "./random.ts"

const encoder = new TextEncoder()

/** What breaks parsers: line ends, NUL, quotes, escapes, broken and overlong UTF-8, numbers at their bounds. */
const splinters: ReadonlyArray<Uint8Array> = [
  ["\n", "\r", "\r\n", "\0", " ", "  ", "\t", '"', '\\"', "\\", "\\u0000", "\\ud800", "-", "+", "%", "[", "::", "."],
  ["0", "65535", "65536", "-2147483648", "2147483648", "9".repeat(400), "1e308", "\u202e", "\u200b", "\ufeff"],
  "PORT STARTCHAT STARTUSERS ENDUSERS ERROR OK MSG Connect REGISTER __proto__ \u3164".split(" "),
]
  .flat()
  .map((text) => encoder.encode(text))
const brokenUtf8 = [[0xff], [0xc0, 0x80], [0xed, 0xa0, 0x80], [0xf4, 0x90, 0x80, 0x80], [0xe2, 0x82], [0x80]].map(
  (bytes) => Uint8Array.from(bytes),
)

const splice = (bytes: Uint8Array, at: number, remove: number, insert: Uint8Array): Uint8Array => {
  const end = Math.min(bytes.length, at + remove)
  const result = new Uint8Array(at + insert.length + bytes.length - end)
  result.set(bytes.subarray(0, at))
  result.set(insert, at)
  result.set(bytes.subarray(end), at + insert.length)
  return result
}

export const noise = (random: Random, length: number): Uint8Array =>
  Uint8Array.from({ length }, () => random.below(256))

/** Changes some bytes in one to six places. At most `longest` bytes long. */
export const mutate = (random: Random, seeds: ReadonlyArray<Uint8Array>, longest = 65_536): Uint8Array => {
  let bytes = random.pick(seeds)
  for (let i = random.below(6); i >= 0; i--) {
    const at = random.below(bytes.length + 1)
    switch (random.below(9)) {
      case 0:
        bytes = splice(bytes, at, 1, Uint8Array.of((bytes[at] ?? 0) ^ (1 << random.below(8))))
        break
      case 1:
        bytes = splice(bytes, at, 1 + random.below(8), new Uint8Array())
        break
      case 2:
        bytes = splice(bytes, at, random.below(3), random.pick(splinters))
        break
      case 3:
        bytes = splice(bytes, at, 0, random.pick(brokenUtf8))
        break
      case 4:
        bytes = splice(bytes, at, 0, noise(random, random.below(12)))
        break
      case 5:
        bytes = bytes.subarray(0, at)
        break
      case 6:
        bytes = splice(bytes, at, random.below(20), random.pick(seeds))
        break
      case 7: {
        const part = bytes.subarray(at, at + 1 + random.below(16))
        for (let times = random.below(20); times > 0; times--) bytes = splice(bytes, at, 0, part)
        break
      }
      default:
        if (random.chance(0.02)) bytes = splice(bytes, at, 0, new Uint8Array(4090 + random.below(12)).fill(0x61))
    }
  }
  return bytes.subarray(0, longest)
}
