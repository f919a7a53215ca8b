/**
 * How a new peer gets on with an original one (SPEC section 8), as far as no recording shows it.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { ChatSession } from "../../src/services/chat/ChatSession.ts"
import * as OriginalPeer from "./OriginalPeer.ts"
import * as PeerPlay from "./PeerPlay.ts"

/**
 * Our session with an original peer that comes up at once.
 *
 * @param options.lose whether the n-th token is lost, of either side's
 */
const talk = Effect.fnUntraced(function* (
  options: Partial<PeerPlay.Part> & { readonly original: OriginalPeer.State; readonly lose?: (n: number) => boolean },
) {
  const { original, lose = () => false } = options
  let tokens = 0
  const isLost = (datagram: string): boolean => datagram.includes("\nKeepAliveToken\n") && lose((tokens += 1))
  const outcome = yield* PeerPlay.play({
    self: "ours",
    number: 7,
    peer: original.name,
    startsAt: 0,
    deeds: [{ at: 10, hear: Buffer.from(OriginalPeer.connect(original)) }],
    endsAt: 120_000,
    react: (datagram, now) => {
      if (isLost(datagram)) return undefined
      const [answer] = OriginalPeer.hear(original, datagram, now)
      return answer === undefined || isLost(answer) ? undefined : answer
    },
    ...options,
  })
  return outcome
})

const countOf = (outcome: PeerPlay.Outcome, type: string, from = 0, to = Infinity): number =>
  outcome.sent.filter(({ at, datagram }) => at >= from && at < to && datagram.split("\n")[1] === type).length

const hear = (at: number, datagram: string): PeerPlay.Deed => ({ at, hear: Buffer.from(datagram) })

describe("SPEC 8.1: datagrams", () => {
  it.effect("have three lines and no NUL, whatever is said, so that none ends its receiver", () =>
    Effect.gen(function* () {
      const original = OriginalPeer.make("orig", 3)
      const texts = [
        "plain",
        "",
        "a\nb",
        "\0",
        "a\0b",
        "\r",
        "\r\n\r\n",
        "\n",
        " ",
        "é ü 名 😀",
        "orig\nConnect\nx\n\n",
      ]
      const outcome = yield* talk({
        original,
        deeds: [
          hear(10, OriginalPeer.connect(original)),
          ...texts.map((say, index) => ({ at: 1000 + index, say })),
          { at: 110_000, close: true },
        ],
      })
      for (const { datagram } of outcome.sent) {
        assert.match(datagram, /^ours\n(?:Connect\n7|Msg\n[^\n\r\0]*|KeepAliveToken\n|Close\n)\n\n$/)
      }
      assert.isFalse(original.deaf)
      assert.strictEqual(original.shown.length, texts.length)
    }).pipe(Effect.provide(ChatSession.layer)),
  )
})

describe("SPEC 8.2: Connect", () => {
  it.effect("is sent at a calm pace until one is received, and once more at once then", () =>
    Effect.gen(function* () {
      const outcome = yield* talk({
        original: OriginalPeer.make("orig", 3),
        deeds: [hear(10_020, "orig\nConnect\n3\n\n")],
        react: () => undefined,
        endsAt: 11_000,
      })
      assert.isAtMost(countOf(outcome, "Connect", 0, 10_000), 50)
      assert.isAtLeast(countOf(outcome, "Connect", 0, 10_000), 20)
      assert.strictEqual(countOf(outcome, "Connect", 10_020, 10_021), 1)
    }).pipe(Effect.provide(ChatSession.layer)),
  )

  it.effect("is answered a few times a second at most: no storm with one that echoes each", () =>
    Effect.gen(function* () {
      const outcome = yield* talk({ original: OriginalPeer.make("orig", 3), endsAt: 60_000 })
      assert.strictEqual(outcome.state, "open")
      assert.isAtMost(countOf(outcome, "Connect", 1000), 60)
    }).pipe(Effect.provide(ChatSession.layer)),
  )
})

describe("SPEC 8.3: a flood at the start", () => {
  it.effect("60,000 Connects in a second cost a few datagrams, and the first text gets through", () =>
    Effect.gen(function* () {
      const flood = Array.from({ length: 60_000 }, (_, i) => hear(1000 + Math.floor(i / 60), "orig\nConnect\n3\n\n"))
      const outcome = yield* talk({
        original: OriginalPeer.make("orig", 3),
        deeds: [...flood, hear(2000, "orig\nMsg\nhello\n\n"), { at: 2001, say: "hello yourself" }],
        react: () => undefined,
        endsAt: 2100,
      })
      assert.deepStrictEqual(outcome.shown, ["hello"])
      assert.isAtMost(outcome.sent.length, 20)
      assert.strictEqual(outcome.sent.at(-1)?.datagram, "ours\nMsg\nhello yourself\n\n")
    }).pipe(Effect.provide(ChatSession.layer)),
  )

  it.effect("no text is sent before its first Connect: it would not be heard", () =>
    Effect.gen(function* () {
      const outcome = yield* talk({
        original: OriginalPeer.make("orig", 3),
        deeds: [{ at: 1000, say: "too early" }, hear(2000, "orig\nConnect\n3\n\n"), { at: 2001, say: "now" }],
        react: () => undefined,
        endsAt: 2100,
      })
      const texts = outcome.sent.filter(({ datagram }) => datagram.includes("\nMsg\n")).map(({ datagram }) => datagram)
      assert.deepStrictEqual(texts, ["ours\nMsg\nnow\n\n"])
    }).pipe(Effect.provide(ChatSession.layer)),
  )
})

describe("SPEC 8.4: the token", () => {
  it.effect("is started by whoever has the higher number, and by nobody else", () =>
    Effect.gen(function* () {
      for (const [number, count] of [
        [3, 1],
        [7, 0],
        [11, 0],
      ] as const) {
        const outcome = yield* talk({
          original: OriginalPeer.make("orig", number),
          react: () => undefined,
          endsAt: 3000,
        })
        assert.strictEqual(countOf(outcome, "KeepAliveToken"), count, `7 against ${number}`)
      }
    }).pipe(Effect.provide(ChatSession.layer)),
  )

  it.effect("is kept for some seconds: it does not fly to and fro thousands of times a second", () =>
    Effect.gen(function* () {
      const original = OriginalPeer.make("orig", 3)
      const outcome = yield* talk({ original, endsAt: 60_000 })
      assert.isAtMost(countOf(outcome, "KeepAliveToken"), 30)
      assert.isAtLeast(countOf(outcome, "KeepAliveToken"), 6)
      assert.isBelow(original.longestWait, OriginalPeer.patienceMillis)
    }).pipe(Effect.provide(ChatSession.layer)),
  )

  it.effect("surplus ones are dropped: of many at once, one goes back", () =>
    Effect.gen(function* () {
      const token = "orig\nKeepAliveToken\n\n\n"
      const outcome = yield* talk({
        original: OriginalPeer.make("orig", 11),
        deeds: [hear(10, "orig\nConnect\n11\n\n"), ...Array.from({ length: 1000 }, () => hear(1000, token))],
        react: () => undefined,
        endsAt: 6500,
      })
      assert.isAtMost(countOf(outcome, "KeepAliveToken", 0, 6500), 2)
      assert.isAtLeast(countOf(outcome, "KeepAliveToken", 0, 6500), 1)
    }).pipe(Effect.provide(ChatSession.layer)),
  )

  for (const number of [3, 7, 11]) {
    it.effect(`the original, with number ${number}, is never without one for 20 s, though every third is lost`, () =>
      Effect.gen(function* () {
        const original = OriginalPeer.make("orig", number)
        const outcome = yield* talk({ original, lose: (n) => n % 3 === 0, endsAt: 300_000 })
        assert.strictEqual(outcome.state, "open")
        assert.isDefined(original.tokenAt)
        assert.isBelow(Math.max(original.longestWait, 300_000 - original.tokenAt!), OriginalPeer.patienceMillis)
      }).pipe(Effect.provide(ChatSession.layer)),
    )
  }

  it.effect("nor when the first ones are lost, as in half of the recorded chats", () =>
    Effect.gen(function* () {
      for (const number of [3, 11]) {
        const original = OriginalPeer.make("orig", number)
        const outcome = yield* talk({ original, lose: (n) => n <= 2, endsAt: 60_000 })
        assert.strictEqual(outcome.state, "open")
        assert.isAtLeast(original.tokenAt ?? 0, 40_000)
        assert.isBelow(original.longestWait, OriginalPeer.patienceMillis)
      }
    }).pipe(Effect.provide(ChatSession.layer)),
  )
})

describe("SPEC 8.5: the end", () => {
  it.effect("20 s without a word are the end; an echo that is still under way is no word", () =>
    Effect.gen(function* () {
      const connects = Array.from({ length: 300 }, (_, i) => hear(100 + i * 100, "orig\nConnect\n3\n\n"))
      const outcome = yield* talk({
        original: OriginalPeer.make("orig", 3),
        deeds: connects,
        react: () => undefined,
        endsAt: 21_000,
      })
      assert.strictEqual(outcome.state, "timeout")
    }).pipe(Effect.provide(ChatSession.layer)),
  )

  it.effect("one who has closed the chat is silent", () =>
    Effect.gen(function* () {
      const original = OriginalPeer.make("orig", 3)
      const outcome = yield* talk({
        original,
        deeds: [hear(10, OriginalPeer.connect(original)), { at: 5000, close: true }],
        endsAt: 60_000,
      })
      assert.strictEqual(outcome.state, "closed")
      assert.deepStrictEqual(
        outcome.sent.filter(({ at }) => at > 6000),
        [],
      )
    }).pipe(Effect.provide(ChatSession.layer)),
  )
})
