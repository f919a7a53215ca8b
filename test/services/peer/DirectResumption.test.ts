import { assert, describe, it } from "@effect/vitest"
import { Clock, Effect, Option, Random } from "effect"
import * as DirectDatagram from "../../../src/domain/direct/DirectDatagram.ts"
import { bytesOf } from "../../domain/crypto/primitives.ts"
import { inVirtualTime } from "../../virtualTime.ts"
import * as SleepingMachine from "../SleepingMachine.ts"
import * as Stage from "./DirectStage.ts"

const hour = 3_600_000

/** A chat of two, each on a machine that can sleep, over a network that can be away. */
const talking = Effect.fnUntraced(function* (link: Stage.Setting["link"] = {}) {
  const network = { isUp: true, loses: (_datagram: Uint8Array): boolean => false }
  const middle: Stage.Middle = (datagram) => (network.isUp && !network.loses(datagram) ? [datagram] : [])
  const stage = yield* Stage.make({ link, middle })
  const start = (name: Stage.Name, machine: { readonly clock: Clock.Clock }, options: Stage.PersonOptions = {}) =>
    Stage.person(stage.transports[name], { remote: stage.at[Stage.other(name)] }, name, {
      policy: "anyone",
      ...options,
    }).pipe(Effect.provideService(Clock.Clock, machine.clock))
  const machines = { alice: yield* SleepingMachine.make, bob: yield* SleepingMachine.make }
  // Who is asked once would be asked again if anything rang.
  const alice = yield* start("alice", machines.alice, { policy: "ask" })
  const bob = yield* start("bob", machines.bob, { policy: "ask" })
  for (const { screen } of [alice, bob]) {
    yield* screen.nextOf("incoming")
    yield* screen.type("/accept")
  }
  yield* Effect.all([alice.screen.nextOf("connected"), bob.screen.nextOf("connected")])
  yield* alice.screen.type("hello")
  assert.strictEqual((yield* bob.screen.nextOf("message")).text, "hello")
  return { stage, network, start, machines, alice, bob }
})

const types = ({ screen }: Stage.Person, ...texts: ReadonlyArray<string>) =>
  Effect.forEach(texts, (text) => screen.type(text), { discard: true })

/** The next texts that are shown, when nothing else comes that concerns a person. */
const texts = ({ screen }: Stage.Person, count: number) =>
  Effect.gen(function* () {
    const shown: Array<string> = []
    while (shown.length < count) {
      const event = yield* screen.next
      assert.notInclude(["incoming", "connected", "closed", "error", "failed"], event.event)
      if (event.event === "message") shown.push(event.text)
    }
    return shown
  })

const endsWell = Effect.fnUntraced(function* (alice: Stage.Person, bob: Stage.Person) {
  yield* alice.screen.type("/close")
  assert.strictEqual((yield* bob.screen.nextOf("closed")).reason, "closed_by_peer")
  assert.deepStrictEqual([yield* alice.exit, yield* bob.exit], [Option.some(0), Option.some(0)])
})

describe("a chat without a server", () => {
  it.effect(
    "goes on when both have slept for an hour; what was typed arrives once and in order, and nobody rings",
    () =>
      inVirtualTime(
        Effect.gen(function* () {
          const { machines, alice, bob } = yield* talking()
          yield* Effect.sleep("20 seconds")
          machines.alice.sleep(hour)
          machines.bob.sleep(hour)
          yield* types(alice, "one", "two", "three")
          yield* types(bob, "uno", "dos", "tres")
          const start = yield* Clock.currentTimeMillis
          assert.deepStrictEqual(yield* texts(bob, 3), ["one", "two", "three"])
          assert.deepStrictEqual(yield* texts(alice, 3), ["uno", "dos", "tres"])
          assert.isBelow((yield* Clock.currentTimeMillis) - start, 3000)
          yield* Effect.sleep("5 minutes")
          yield* types(alice, "four")
          assert.deepStrictEqual(yield* texts(bob, 1), ["four"])
          yield* endsWell(alice, bob)
        }),
      ),
  )

  for (const sleeper of ["alice", "bob"] as const) {
    it.effect(`goes on at once when ${sleeper} wakes, while the other side has not noticed`, () =>
      inVirtualTime(
        Effect.gen(function* () {
          const chat = yield* talking()
          const [one, other] = [chat[sleeper], chat[Stage.other(sleeper)]]
          chat.machines[sleeper].sleep(hour)
          yield* types(one, "good morning")
          yield* types(other, "anybody there?")
          const start = yield* Clock.currentTimeMillis
          assert.deepStrictEqual(yield* texts(other, 1), ["good morning"])
          assert.deepStrictEqual(yield* texts(one, 1), ["anybody there?"])
          assert.isBelow((yield* Clock.currentTimeMillis) - start, 3000)
          yield* Effect.sleep("5 minutes")
          yield* endsWell(chat.alice, chat.bob)
        }),
      ),
    )

    it.effect(`goes on soon when the last message of the handshake is lost at first; ${sleeper} has slept`, () =>
      inVirtualTime(
        Effect.gen(function* () {
          const chat = yield* talking()
          let lost = 0
          chat.network.loses = ([type, message]) => type === 3 && message === 3 && lost++ < 4
          chat.machines[sleeper].sleep(hour)
          yield* types(chat[sleeper], "good morning")
          const start = yield* Clock.currentTimeMillis
          assert.deepStrictEqual(yield* texts(chat[Stage.other(sleeper)], 1), ["good morning"])
          assert.isAbove(lost, 4)
          assert.isBelow((yield* Clock.currentTimeMillis) - start, 5000)
          yield* endsWell(chat.alice, chat.bob)
        }),
      ),
    )

    it.effect(`waits while nothing gets through, and says little meanwhile; ${sleeper} has slept for an hour`, () =>
      inVirtualTime(
        Effect.gen(function* () {
          const chat = yield* talking()
          const [one, other] = [chat[sleeper], chat[Stage.other(sleeper)]]
          chat.network.isUp = false
          yield* types(other, "are you there?", "hello?")
          yield* Effect.sleep("4 minutes")
          const before = chat.stage.sent.length
          yield* Effect.sleep("16 minutes")
          chat.machines[sleeper].sleep(hour)
          const said = chat.stage.sent.slice(before)
          assert.isTrue(said.every(({ datagram }) => datagram.length === 36 && datagram[0] === 2))
          // Two sides, three CONNECTs every 15 to 25 seconds.
          assert.isAtMost(said.length, 2 * 3 * ((16 * 60) / 15 + 1))
          assert.isAtLeast(said.length, 2 * 3 * ((16 * 60) / 25 - 1))
          chat.network.isUp = true
          yield* types(one, "I was asleep")
          assert.deepStrictEqual(yield* texts(one, 2), ["are you there?", "hello?"])
          assert.deepStrictEqual(yield* texts(other, 1), ["I was asleep"])
          yield* endsWell(chat.alice, chat.bob)
        }),
        "1 hour",
      ),
    )
  }

  it.effect("goes on over a network that loses 30 %, again and again", () =>
    Effect.forEach([1, 2, 3, 4], (seed) =>
      inVirtualTime(
        Effect.gen(function* () {
          const { machines, alice, bob } = yield* talking({ loss: 0.3, jitterMillis: 30, duplication: 0.1 })
          for (let round = 0; round < 4; round++) {
            machines.alice.sleep(hour)
            if (round % 2 === 0) machines.bob.sleep(hour)
            yield* types(alice, `a${round}`, `b${round}`)
            yield* types(bob, `c${round}`, `d${round}`)
            assert.deepStrictEqual(yield* texts(bob, 2), [`a${round}`, `b${round}`])
            assert.deepStrictEqual(yield* texts(alice, 2), [`c${round}`, `d${round}`])
            yield* Effect.sleep(seed * 1000)
          }
        }).pipe(Effect.scoped, Random.withSeed(`asleep ${seed}`)),
        "1 hour",
      ),
    ),
  )
})

describe("where the other side of a chat without a server is", () => {
  for (const sleeper of ["alice", "bob"] as const) {
    it.effect(`is where it was last, if it has moved; then ${sleeper} sleeps for an hour`, () =>
      inVirtualTime(
        Effect.gen(function* () {
          const { stage, machines, alice, bob } = yield* talking()
          yield* stage.hosts.bob.move({ address: "203.0.113.77" })
          yield* types(bob, "I have moved")
          assert.deepStrictEqual(yield* texts(alice, 1), ["I have moved"])
          yield* Effect.repeat(alice.screen.nextOf("path"), {
            until: ({ address }) => address === `203.0.113.77:${Stage.port}`,
          })
          machines[sleeper].sleep(hour)
          yield* types(alice, "found you")
          assert.deepStrictEqual(yield* texts(bob, 1), ["found you"])
          yield* types(bob, "here I am")
          assert.deepStrictEqual(yield* texts(alice, 1), ["here I am"])
          yield* endsWell(alice, bob)
        }),
      ),
    )
  }

  it.effect("is nowhere else: who asks from another address is not answered", () =>
    inVirtualTime(
      Effect.gen(function* () {
        const { stage, machines, alice, bob } = yield* talking()
        const mallory = yield* stage.network.host({ address: "203.0.113.9" })
        const socket = yield* mallory.peerTransport.bind({ port: Stage.port })
        const heard: Array<Uint8Array> = []
        yield* socket.receive((datagram) => void heard.push(datagram))
        const connect = DirectDatagram.encode({
          _tag: "Connect",
          nonce: bytesOf("mallory", 16),
          echo: new Uint8Array(16),
        })
        for (const isAsleep of [false, true]) {
          if (isAsleep) machines.alice.sleep(hour)
          for (let i = 0; i < 20; i++) {
            socket.send(connect, stage.at.alice)
            yield* Effect.sleep(300)
          }
        }
        assert.deepStrictEqual(heard, [])
        yield* types(alice, "hello")
        assert.deepStrictEqual(yield* texts(bob, 1), ["hello"])
      }),
    ),
  )
})

/** Bob's program is gone without a word. */
const crashes = Effect.fnUntraced(function* ({ network, bob }: Effect.Success<ReturnType<typeof talking>>) {
  network.isUp = false
  yield* bob.interrupt
  yield* Effect.sleep("1 second")
  network.isUp = true
})

const closed = ({ screen }: Stage.Person) => Effect.map(screen.nextOf("closed"), ({ reason }) => reason)

/** Fails when anything is shown within that time but what concerns no person. */
const noNews = ({ screen }: Stage.Person, within: string) =>
  Effect.gen(function* () {
    const quiet = new Set(["path", "stuck", "sent"])
    const news = yield* Effect.timeoutOption(
      Effect.repeat(screen.next, { until: ({ event }) => !quiet.has(event) }),
      within as "1 second",
    )
    assert.deepStrictEqual(news, Option.none())
  })

describe("a chat without a server whose other side is not what it was", () => {
  for (const isAdrift of [true, false]) {
    it.effect(`ends as forgotten when the other side has started anew (${isAdrift ? "adrift" : "not adrift"})`, () =>
      inVirtualTime(
        Effect.gen(function* () {
          const chat = yield* talking()
          yield* crashes(chat)
          if (isAdrift) {
            chat.machines.alice.sleep(hour)
            yield* Effect.sleep("30 seconds")
          }
          yield* types(chat.alice, "lost")
          const bob = yield* chat.start("bob", chat.machines.bob, { policy: "ask" })
          const { reason, hint } = yield* chat.alice.screen.nextOf("closed")
          // There is no /chat without a server.
          assert.deepStrictEqual([reason, hint], ["forgotten", "Start nomitm again to talk to them."])
          assert.deepStrictEqual(yield* chat.alice.exit, Option.some(1))
          // The new program waits for a chat as it did before, and nobody is asked about the old one.
          assert.deepInclude(yield* bob.screen.next, { event: "listening" })
          assert.deepInclude(yield* bob.screen.next, { event: "calling" })
          yield* noNews(bob, "10 seconds")
          const alice = yield* chat.start("alice", chat.machines.alice)
          yield* bob.screen.nextOf("incoming")
          yield* types(bob, "/accept")
          yield* alice.screen.nextOf("connected")
          yield* types(alice, "hello again")
          assert.strictEqual((yield* bob.screen.nextOf("message")).text, "hello again")
        }),
      ),
    )
  }

  it.effect("refuses another person at the address, and waits on", () =>
    inVirtualTime(
      Effect.gen(function* () {
        const chat = yield* talking()
        yield* crashes(chat)
        chat.machines.alice.sleep(hour)
        const start = chat.stage.sent.length
        const mallory = yield* chat.start("bob", chat.machines.bob, { label: "mallory", policy: "anyone" })
        yield* Effect.all([noNews(chat.alice, "110 seconds"), Effect.sleep("110 seconds")], { concurrency: 2 })
        const said = chat.stage.sent.slice(start).filter(({ from }) => from === "alice")
        assert.isTrue(said.every(({ datagram }) => datagram[0] !== 1))
        assert.isAbove(said.length, 0)
        assert.isBelow(said.length, 110 * 12)
        assert.strictEqual(yield* closed(mallory), "unreachable")
        assert.deepStrictEqual(yield* mallory.exit, Option.some(3))
        yield* chat.start("bob", chat.machines.bob)
        assert.strictEqual(yield* closed(chat.alice), "forgotten")
      }),
    ),
  )
})

/** Whoever is on the way: sends what it likes to somebody, as if it came from the other. */
const injects = (stage: Stage.Stage, to: Stage.Name, datagrams: ReadonlyArray<Uint8Array>) =>
  Effect.sync(() => {
    for (const datagram of datagrams) stage.inject(to, datagram)
  })

describe("somebody on the way to a chat without a server", () => {
  it.effect("says again all that was said at the beginning, and when the chat went on: nothing comes of it", () =>
    inVirtualTime(
      Effect.gen(function* () {
        const { stage, machines, alice, bob } = yield* talking()
        machines.alice.sleep(hour)
        yield* types(alice, "good morning")
        yield* texts(bob, 1)
        yield* Effect.sleep("15 seconds")
        const said = stage.sent.filter(({ datagram }) => datagram[0] !== 1)
        assert.isAbove(said.filter(({ datagram }) => datagram[0] === 3).length, 8)
        const replay = Effect.forEach(said, ({ from, datagram }) =>
          Effect.andThen(injects(stage, Stage.other(from), [datagram]), Effect.sleep(300)),
        )
        for (const isAsleep of [false, true]) {
          if (isAsleep) machines.alice.sleep(hour)
          const before = stage.sent.length
          yield* replay
          const answers = stage.sent.slice(before).filter(({ datagram }) => datagram[0] !== 1)
          // A CONNECT for one that came, whoever it came from; nothing more while both are well.
          if (!isAsleep) assert.isTrue(answers.every(({ datagram }) => datagram.length === 36))
          if (!isAsleep) assert.isAtMost(answers.length, said.length)
          yield* types(alice, "still there")
          assert.deepStrictEqual(yield* texts(bob, 1), ["still there"])
        }
        yield* endsWell(alice, bob)
      }),
    ),
  )

  it.effect(
    "leads two whose chat is well into handshakes with each other: one in a while comes of it, and no more",
    () =>
      inVirtualTime(
        Effect.gen(function* () {
          const { stage, alice, bob } = yield* talking()
          yield* Effect.sleep("1 minute")
          const before = stage.sent.length
          /** The last CONNECT that somebody has said. */
          const nonceOf = (name: Stage.Name): Uint8Array | undefined =>
            stage.sent
              .slice(before)
              .findLast(({ from, datagram }) => from === name && datagram[0] === 2)
              ?.datagram.slice(4, 20)
          const zeros = new Uint8Array(16)
          for (let i = 0; i < 300; i++) {
            const invented = bytesOf(`invented ${i}`, 16)
            stage.inject("bob", DirectDatagram.encode({ _tag: "Connect", nonce: invented, echo: zeros }))
            yield* Effect.sleep(100)
            const nonce = nonceOf("bob")
            if (nonce !== undefined)
              stage.inject("alice", DirectDatagram.encode({ _tag: "Connect", nonce, echo: zeros }))
            yield* Effect.sleep(100)
          }
          const last = stage.sent.slice(before).filter(({ datagram }) => datagram[0] === 3 && datagram[1] === 3)
          const handshakes = new Set(last.map(({ datagram }) => datagram.join()))
          // It can be provoked, or this would say nothing.
          assert.isAtLeast(handshakes.size, 1)
          assert.isAtMost(handshakes.size, 3)
          yield* types(alice, "hello")
          assert.deepStrictEqual(yield* texts(bob, 1), ["hello"])
          yield* types(bob, "hello, too")
          assert.deepStrictEqual(yield* texts(alice, 1), ["hello, too"])
          yield* endsWell(alice, bob)
        }),
      ),
  )

  it.effect("sends CONNECT and pieces of its own to a chat that is well: it gets little, and the chat goes on", () =>
    inVirtualTime(
      Effect.gen(function* () {
        const { stage, alice, bob } = yield* talking()
        yield* Effect.sleep("1 second")
        const before = stage.sent.length
        let own: Uint8Array | undefined
        for (let i = 0; i < 600; i++) {
          own ??= stage.sent
            .slice(before)
            .find(({ datagram }) => datagram[0] === 2)
            ?.datagram.slice(4, 20)
          const nonce = bytesOf(`invented ${i}`, 16)
          const xx1 = new Uint8Array(1536).fill(1, 0, 34)
          yield* injects(stage, "alice", [
            DirectDatagram.encode({ _tag: "Connect", nonce, echo: new Uint8Array(16) }),
            ...(own === undefined ? [] : DirectDatagram.fragments(1, xx1, { nonce, echo: own })),
          ])
          yield* Effect.sleep(50)
        }
        const said = stage.sent.slice(before).filter(({ from, datagram }) => from === "alice" && datagram[0] !== 1)
        const connects = said.filter(({ datagram }) => datagram[0] === 2)
        assert.isAtMost(connects.length, 4 + 4 * 31)
        // Handshakes that she began, or answered: a few other sides, each message twice a second.
        assert.isAtMost(said.length - connects.length, 31 * (4 * 2 + 4 * 2 * 2))
        yield* Effect.sleep("15 seconds")
        const after = stage.sent.length
        yield* types(alice, "hello")
        assert.deepStrictEqual(yield* texts(bob, 1), ["hello"])
        yield* Effect.sleep("1 minute")
        // What nothing came of is dropped, and nothing is said to it any more.
        assert.isTrue(stage.sent.slice(after).every(({ datagram }) => datagram[0] === 1))
        yield* endsWell(alice, bob)
      }),
    ),
  )
})

it.effect("a chat without a server that nothing is heard of for a day is over", () =>
  inVirtualTime(
    Effect.gen(function* () {
      const { network, machines, alice, bob } = yield* talking()
      network.isUp = false
      machines.alice.sleep(23 * hour)
      yield* noNews(alice, "10 minutes")
      machines.alice.sleep(hour)
      assert.strictEqual(yield* closed(alice), "timeout")
      assert.deepStrictEqual(yield* alice.exit, Option.some(1))
      yield* noNews(bob, "1 minute")
    }),
    "1 hour",
  ),
)
