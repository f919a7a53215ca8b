import { assert, describe, it } from "@effect/vitest"
import * as Arbitrary from "effect/Arbitrary"
import * as LineSplitter from "../../src/domain/LineSplitter.ts"
import * as arbitraries from "./arbitraries.ts"

const utf8 = (text: string) => new TextEncoder().encode(text)

/** The lines as text, a line that is too long as `null`. */
const shown = (lines: ReadonlyArray<LineSplitter.Line>) =>
  lines.map((line) => (line._tag === "Line" ? line.text : null))

/** All lines of a stream that comes in these chunks, the unended last one included. */
const split = (chunks: ReadonlyArray<Uint8Array | string>, maxBytes?: number) => {
  const lines: Array<LineSplitter.Line> = []
  let state = LineSplitter.initial
  for (const chunk of chunks) {
    const pushed = LineSplitter.push(state, typeof chunk === "string" ? utf8(chunk) : chunk, maxBytes)
    state = pushed[0]
    lines.push(...pushed[1])
  }
  return shown([...lines, ...LineSplitter.end(state)])
}

describe("a line", () => {
  it.each([
    ["LF", "one\ntwo\n"],
    ["CR", "one\rtwo\r"],
    ["CR LF", "one\r\ntwo\r\n"],
  ])("ends in %s", (_, stream) => {
    assert.deepStrictEqual(split([stream]), ["one", "two"])
    assert.deepStrictEqual(split([...stream]), ["one", "two"])
  })

  it("may end in another way than the one before", () =>
    assert.deepStrictEqual(split(["a\nb\rc\r\nd\n\re\r\n\nf"]), ["a", "b", "c", "d", "", "e", "", "f"]))

  it("that ends in CR is complete at once: nobody waits for an LF that may never come", () => {
    const [state, lines] = LineSplitter.push(LineSplitter.initial, utf8("one\r"))
    assert.deepStrictEqual(shown(lines), ["one"])
    assert.deepStrictEqual(shown(LineSplitter.push(state, utf8("\ntwo\n"))[1]), ["two"])
  })

  it("ends once in CR LF, also when an empty chunk comes between the two", () =>
    assert.deepStrictEqual(split(["one\r", "", "\n", "two\r", "\n"]), ["one", "two"]))

  it("may be empty", () => assert.deepStrictEqual(split(["\n\r\n\r\r"]), ["", "", "", ""]))

  it("may come in any pieces, also in the middle of a character", () => {
    const whole = utf8("Zoë 李 \u{1f600}\n")
    for (let at = 0; at <= whole.length; at++) {
      assert.deepStrictEqual(split([whole.subarray(0, at), whole.subarray(at)]), ["Zoë 李 \u{1f600}"])
    }
  })

  it("counts without a line end when the stream ends, unless it is empty", () => {
    assert.deepStrictEqual(split(["HELLO\nLISTUSERS"]), ["HELLO", "LISTUSERS"])
    assert.deepStrictEqual(split(["HELLO\n"]), ["HELLO"])
    assert.deepStrictEqual(split([]), [])
  })

  it("of broken UTF-8 has U+FFFD in it, and a byte order mark stays", () => {
    assert.deepStrictEqual(split([Uint8Array.of(0x61, 0xff, 0xc3, 0x0a)]), ["a\ufffd\ufffd"])
    assert.deepStrictEqual(split([Uint8Array.of(0xef, 0xbb, 0xbf, 0x61, 0x0a)]), ["\ufeffa"])
  })
})

describe("a line of 4 KiB", () => {
  const max = LineSplitter.maxLineBytes
  const longest = "x".repeat(max)

  it("is the longest, its end not counted", () => {
    assert.strictEqual(max, 4096)
    for (const end of ["\n", "\r", "\r\n"]) {
      assert.deepStrictEqual(split([longest + end]), [longest])
      assert.deepStrictEqual(split([longest, end]), [longest])
    }
    assert.deepStrictEqual(split([longest]), [longest])
  })

  it("is measured in bytes, not in characters", () => {
    assert.deepStrictEqual(split([`${"é".repeat(max / 2)}\n`]), ["é".repeat(max / 2)])
    assert.deepStrictEqual(split([`${"é".repeat(max / 2)}x\n`]), [null])
  })

  it("and one byte is too long, said once, and the lines after it are read", () => {
    assert.deepStrictEqual(split([`${longest}x\nHELLO\n`]), [null, "HELLO"])
    assert.deepStrictEqual(split([longest, "x", "\r", "\nHELLO\n"]), [null, "HELLO"])
    assert.deepStrictEqual(split([`${longest}x`]), [null])
  })

  it("is known to be too long before it ends", () => {
    const [state, lines] = LineSplitter.push(LineSplitter.initial, utf8(`${longest}x`))
    assert.deepStrictEqual(shown(lines), [null])
    assert.strictEqual(state.rest.length, 0)
  })

  it("is not kept when somebody sends without ever ending it", () => {
    let state = LineSplitter.initial
    let said = 0
    for (let i = 0; i < 1000; i++) {
      const [next, lines] = LineSplitter.push(state, utf8("y".repeat(1000)))
      assert.isAtMost(next.rest.length, max)
      state = next
      said += lines.length
    }
    assert.strictEqual(said, 1)
    assert.deepStrictEqual(shown(LineSplitter.push(state, utf8("\nHELLO\n"))[1]), ["HELLO"])
  })
})

/** What the splitter promises, said in another way: cut the whole stream at its line ends, then look at the lengths. */
const reference = (stream: Uint8Array, maxBytes: number): ReadonlyArray<string | null> => {
  const latin1 = Array.from(stream, (byte) => String.fromCharCode(byte)).join("")
  const lines = latin1.split(/\r\n|\r|\n/)
  if (lines.at(-1) === "") lines.pop()
  return lines.map((line) =>
    line.length > maxBytes
      ? null
      : new TextDecoder("utf-8", { ignoreBOM: true }).decode(
          Uint8Array.from(line, (character) => character.charCodeAt(0)),
        ),
  )
}

const lineEndsAndText = Arbitrary.map(
  Arbitrary.array(arbitraries.pick(10, 13, 10, 13, 97, 98, 0xc3, 0xa9), { maxLength: 60 }),
  (bytes) => Uint8Array.from(bytes),
)
const chunks = Arbitrary.array(arbitraries.oneOf(lineEndsAndText, arbitraries.bytes), { maxLength: 8 })

const concat = (chunks: ReadonlyArray<Uint8Array>) => Uint8Array.from(chunks.flatMap((chunk) => [...chunk]))

describe("the splitter", () => {
  it.prop(
    "gives the same lines whatever the chunks",
    [chunks, arbitraries.pick(0, 1, 2, 5, 30, 4096)],
    ([chunks, maxBytes]) => {
      const expected = reference(concat(chunks), maxBytes)
      assert.deepStrictEqual(split(chunks, maxBytes), expected)
      assert.deepStrictEqual(split([concat(chunks)], maxBytes), expected)
      assert.deepStrictEqual(
        split(
          [...concat(chunks)].map((byte) => Uint8Array.of(byte)),
          maxBytes,
        ),
        expected,
      )
    },
    arbitraries.thorough,
  )

  it.prop(
    "never keeps more than the longest line, nor a chunk it was given",
    [chunks, arbitraries.pick(0, 1, 2, 5, 30)],
    ([chunks, maxBytes]) => {
      let state = LineSplitter.initial
      for (const given of chunks) {
        const chunk = given.slice()
        state = LineSplitter.push(state, chunk, maxBytes)[0]
        const kept = state.rest.slice()
        assert.isAtMost(kept.length, maxBytes)
        assert.isAtMost(state.rest.buffer.byteLength, maxBytes)
        chunk.fill(0x21)
        assert.deepStrictEqual(state.rest, kept)
      }
    },
    arbitraries.thorough,
  )

  it.prop(
    "gives lines that no line end is left in and none longer than allowed",
    [chunks, arbitraries.pick(1, 5, 4096)],
    ([chunks, maxBytes]) => {
      for (const line of split(chunks, maxBytes)) {
        if (line === null) continue
        assert.notMatch(line, /[\r\n]/)
        assert.isAtMost(line.length, maxBytes)
      }
    },
    arbitraries.thorough,
  )
})
