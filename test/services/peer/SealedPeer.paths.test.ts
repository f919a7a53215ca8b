import { assert, describe } from "@effect/vitest"
import { Clock, Effect } from "effect"
import type { PeerEvent } from "nomitm/domain/PeerEvent"
import {
  accepted,
  call,
  connect,
  pastServer,
  type Person,
  type PersonOptions,
  problem,
  promise as promiseIn,
  type Stage,
} from "./SealedPeerStage.ts"
import { memoryWorld, type World, worlds } from "../worlds.ts"

type Closed = Extract<PeerEvent, { readonly event: "closed" }>

/** Waits until everything goes by such a path. */
const path = ({ screen }: Person, kind: string) =>
  Effect.repeat(screen.nextOf("path"), { until: (event) => event.event === "path" && event.kind === kind })

const deliveredUpTo = ({ screen }: Person, id: number) =>
  Effect.repeat(screen.nextOf("delivered"), { until: (event) => event.event === "delivered" && event.id === id })

const textOf = ({ screen }: Person) => Effect.map(screen.nextOf("message"), ({ text }) => text)

/** All that is shown until such an event, which is the last. */
const until = Effect.fnUntraced(function* ({ screen }: Person, name: string) {
  const shown = [yield* screen.next]
  while (shown.at(-1)!.event !== name) shown.push(yield* screen.next)
  return shown
})

describe.each(worlds.map((world) => ({ world, name: world.name })))(
  "a chat of whole peers $name",
  ({ world }: { world: World }) => {
    const promise = promiseIn(world)

    promise("tells of each text when it is sent and when it is delivered, by its number", ({ person }) =>
      Effect.gen(function* () {
        const [alice, bob] = [yield* person("alice", 2), yield* person("bob", 3)]
        yield* connect(alice, bob)
        for (const text of ["one", "two", "three"]) yield* alice.screen.type(text)
        for (const text of ["one", "two", "three"]) assert.strictEqual(yield* textOf(bob), text)
        const shown = yield* until(alice, "delivered")
        const rest = shown.at(-1)?.event === "delivered" ? shown : []
        let [sent, delivered] = [0, 0]
        for (const event of rest) {
          if (event.event === "sent") assert.strictEqual(event.id, ++sent)
          if (event.event === "delivered") assert.strictEqual(event.id, ++delivered)
        }
        while (delivered < 3) {
          const event = yield* alice.screen.next
          if (event.event === "sent") assert.strictEqual(event.id, ++sent)
          if (event.event === "delivered") {
            assert.strictEqual(event.id, ++delivered)
            assert.isAtMost(delivered, sent)
          }
        }
        assert.strictEqual(sent, 3)
        // What was shown before the other side ended the chat was delivered, however soon that was.
        yield* alice.screen.type("four")
        assert.strictEqual(yield* textOf(bob), "four")
        yield* bob.screen.type("/close")
        const last = yield* until(alice, "closed")
        assert.deepStrictEqual(
          last.filter(({ event }) => event !== "path" && event !== "sent"),
          [
            { event: "delivered", peer: "bob", id: 4 },
            { event: "closed", peer: "bob", reason: "closed_by_peer", trust: "introduced" },
          ],
        )
      }),
    )

    promise("goes by the relay alone if one side wants that: no address of either is told, no datagram sent", (stage) =>
      Effect.gen(function* () {
        let heard = ""
        const sent: Array<string> = []
        const sends = (_: Uint8Array, to: { readonly address: string }): void => void sent.push(to.address)
        const hears = (text: string): string => {
          heard += text
          return text
        }
        const alice = yield* stage.person("alice", 2, { relay: "always", sends, hears })
        const bob = yield* stage.person("bob", 3, { sends, hears })
        const [ours, theirs] = yield* connect(alice, bob)
        assert.deepStrictEqual([ours.kind, theirs.kind], ["relay", "relay"])
        assert.deepStrictEqual([ours.address, theirs.address], [undefined, undefined])
        for (let i = 0; i < 20; i++) {
          yield* alice.screen.type(`to bob ${i}`)
          yield* bob.screen.type(`to alice ${i}`)
        }
        for (let i = 0; i < 20; i++) {
          assert.deepStrictEqual([yield* textOf(bob), yield* textOf(alice)], [`to bob ${i}`, `to alice ${i}`])
        }
        yield* Effect.sleep("3 seconds")
        assert.deepStrictEqual(sent, [])
        const starts = heard.split("\n").filter((line) => line.startsWith("STARTCHAT"))
        assert.lengthOf(starts, 2)
        assert.isTrue(starts.every((line) => line.startsWith("STARTCHAT 0.0.0.0 0 ")))
        yield* alice.screen.type("/net")
        const net = yield* alice.screen.nextOf("net")
        assert.deepInclude(net, { kind: "relay", address: "", candidates: [], peer_candidates: [], packets: 0 })
      }),
    )

    promise("relays nothing if one side does not want that", ({ person }) =>
      Effect.gen(function* () {
        let said = ""
        const tells = (text: string): void => void (said += text)
        const alice = yield* person("alice", 2, { relay: "never", tells })
        const bob = yield* person("bob", 3, { relay: "never", tells })
        const [ours] = yield* connect(alice, bob)
        assert.include(["lan", "direct"], ours.kind)
        yield* alice.screen.type("hello")
        assert.strictEqual(yield* textOf(bob), "hello")
        yield* Effect.sleep("1 second")
        assert.notInclude(said, "RELAY")
      }),
    )

    promise("says what is known of the network, when asked", ({ person }) =>
      Effect.gen(function* () {
        const [alice, bob] = [yield* person("alice", 2), yield* person("bob", 3)]
        yield* Effect.all([alice.screen.nextOf("registered"), bob.screen.nextOf("registered")])
        yield* alice.screen.type("/net")
        yield* problem(alice, "No_chat")
        yield* call(alice, bob)
        yield* Effect.raceFirst(path(alice, "lan"), path(alice, "direct"))
        yield* alice.screen.type("/net")
        const net = yield* alice.screen.nextOf("net")
        assert.strictEqual(net.peer, "bob")
        assert.include(["lan", "direct"], net.kind)
        assert.match(net.address, new RegExp(`^${world.address(3).replaceAll(".", "\\.")}:\\d+$`))
        assert.isAtLeast(net.packets, 1)
        assert.isAbove(net.peer_candidates.length, 0)
        assert.strictEqual(net.paths[0]?.alive, true)
        assert.isAbove(net.why.length, 0)
      }),
    )

    promise("goes on when the server restarts, without a ring, and is no other chat", (stage) =>
      Effect.gen(function* () {
        const { person, startServer, stopServer } = stage
        const [alice, bob] = [yield* person("alice", 2), yield* person("bob", 3)]
        yield* connect(alice, bob)
        yield* Effect.all([pastServer(alice), pastServer(bob)])
        yield* alice.screen.type("before")
        assert.strictEqual(yield* textOf(bob), "before")
        yield* stopServer
        yield* problem(alice, "Server_lost")
        yield* bob.screen.type("meanwhile")
        assert.strictEqual(yield* textOf(alice), "meanwhile")
        yield* startServer()
        yield* Effect.all([alice.screen.nextOf("registered"), bob.screen.nextOf("registered")])
        yield* alice.screen.type("after")
        const shown = yield* until(bob, "message")
        assert.deepInclude(shown.at(-1), { event: "message", text: "after" })
        assert.isTrue(shown.every(({ event }) => event !== "incoming" && event !== "connected" && event !== "closed"))
        // Numbers go on, too.
        yield* deliveredUpTo(alice, 2)
      }),
    )
  },
)

describe("a chat of whole peers whose network fails", () => {
  const promise = promiseIn(memoryWorld)

  promise("by the relay alone loses nothing when the server restarts: what is typed waits", (stage) =>
    Effect.gen(function* () {
      const { person, startServer, stopServer } = stage
      const alice = yield* person("alice", 2, { relay: "always" })
      const bob = yield* person("bob", 3, { relay: "always" })
      yield* connect(alice, bob)
      yield* alice.screen.type("before")
      yield* stopServer
      yield* path(alice, "none")
      yield* alice.screen.type("meanwhile")
      yield* bob.screen.type("meanwhile, too")
      yield* Effect.sleep("1 minute")
      yield* startServer()
      const shown = yield* until(bob, "message")
      assert.deepInclude(shown.at(-1), { text: "before" })
      assert.strictEqual(yield* textOf(bob), "meanwhile")
      assert.strictEqual(yield* textOf(alice), "meanwhile, too")
      yield* alice.screen.type("after")
      const more = yield* until(bob, "message")
      assert.deepInclude(more.at(-1), { text: "after" })
      assert.isTrue([...shown, ...more].every(({ event }) => event !== "incoming" && event !== "connected"))
      yield* deliveredUpTo(alice, 3)
    }),
  )

  for (const minutes of [1, 8]) {
    promise(
      `of one side for ${minutes} minutes goes on without a ring, and what was typed meanwhile arrives`,
      (stage) =>
        Effect.gen(function* () {
          const [alice, bob] = [yield* stage.person("alice", 2), yield* stage.person("bob", 3)]
          yield* connect(alice, bob)
          yield* Effect.all([path(alice, "direct"), path(bob, "direct")])
          yield* stage.mishaps!.setUp(3, false)
          yield* alice.screen.type("are you there?")
          yield* bob.screen.type("are you?")
          yield* path(alice, "none")
          assert.strictEqual((yield* alice.screen.nextOf("stuck")).because, "Peer_silent")
          yield* Effect.sleep(`${minutes} minutes`)
          yield* alice.screen.type("now?")
          yield* stage.mishaps!.setUp(3, true)
          const start = yield* Clock.currentTimeMillis
          const shown = yield* until(bob, "message")
          assert.deepInclude(shown.at(-1), { text: "are you there?" })
          assert.isTrue(shown.every(({ event }) => event !== "incoming" && event !== "closed"))
          assert.strictEqual(yield* textOf(bob), "now?")
          assert.strictEqual(yield* textOf(alice), "are you?")
          assert.isBelow((yield* Clock.currentTimeMillis) - start, 60_000)
        }),
    )
  }

  promise("that the other side has ended is that, though its last word takes longer than the server", (stage) =>
    Effect.gen(function* () {
      const [alice, bob] = [yield* stage.person("alice", 2), yield* stage.person("bob", 3)]
      yield* connect(alice, bob)
      yield* Effect.all([path(alice, "direct"), path(bob, "direct")])
      yield* stage.mishaps!.setLatency(2, 3, 700)
      yield* alice.screen.type("/close")
      const shown = yield* until(bob, "closed")
      assert.deepInclude(shown.at(-1), { event: "closed", peer: "alice", reason: "closed_by_peer" })
    }),
  )

  promise("whose other side was killed and started anew ends as forgotten, and says what did not arrive", (stage) =>
    Effect.gen(function* () {
      const [alice, bob] = [yield* stage.person("alice", 2), yield* stage.person("bob", 3)]
      yield* connect(alice, bob)
      yield* Effect.all([path(alice, "direct"), path(bob, "direct")])
      // Without a farewell, and without an end of its connection.
      yield* stage.mishaps!.setUp(3, false)
      yield* bob.interrupt
      yield* alice.screen.type("never read")
      yield* path(alice, "none")
      yield* stage.mishaps!.setUp(3, true)
      const again = yield* stage.person("bob", 3)
      yield* again.screen.nextOf("registered")
      const shown = yield* until(alice, "closed")
      assert.deepInclude(shown.at(-1), {
        event: "closed",
        peer: "bob",
        reason: "forgotten",
        hint: "Type /chat bob to call them.",
      })
      assert.deepInclude(
        shown.find(({ event }) => event === "failed"),
        { peer: "bob", id: 1, text: "never read", reason: "forgotten" },
      )
      // It never rang, and can now.
      yield* alice.screen.type("/chat bob")
      assert.strictEqual((yield* again.screen.nextOf("incoming")).peer, "alice")
      yield* again.screen.type("/accept")
      yield* alice.screen.nextOf("connected")
    }),
  )

  promise(
    "is nobody else's: who calls while it is adrift finds us busy, where calls are taken without asking",
    (stage) =>
      Effect.gen(function* () {
        const [alice, bob] = [yield* stage.person("alice", 2, { policy: "anyone" }), yield* stage.person("bob", 3)]
        yield* connect(alice, bob)
        yield* stage.mishaps!.setUp(3, false)
        yield* alice.screen.type("wait")
        yield* path(alice, "none")
        const carol = yield* stage.person("carol", 4)
        yield* carol.screen.nextOf("registered")
        yield* carol.screen.type("/chat alice")
        yield* problem(carol, "Declined")
        yield* Effect.sleep("5 minutes")
        yield* stage.mishaps!.setUp(3, true)
        assert.strictEqual(yield* textOf(bob), "wait")
        yield* carol.screen.type("/chat alice")
        yield* problem(carol, "Declined")
      }),
  )

  promise("is given up with /close: what had not arrived is shown", (stage) =>
    Effect.gen(function* () {
      const [alice, bob] = [yield* stage.person("alice", 2), yield* stage.person("bob", 3)]
      yield* connect(alice, bob)
      yield* stage.mishaps!.setUp(3, false)
      for (const text of ["one", "two"]) yield* alice.screen.type(text)
      yield* path(alice, "none")
      yield* alice.screen.type("/close")
      const shown = yield* until(alice, "closed")
      assert.deepStrictEqual(
        shown.flatMap((event) => (event.event === "failed" ? [[event.id, event.text, event.reason]] : [])),
        [
          [1, "one", "closed"],
          [2, "two", "closed"],
        ],
      )
      yield* alice.screen.type("/quit")
      assert.strictEqual(yield* alice.exit, 0)
    }),
  )

  promise("is left by a script after ten seconds: what did not arrive is shown, and an exit code of its own", (stage) =>
    Effect.gen(function* () {
      const alice = yield* stage.person("alice", 2, { interactive: false })
      const bob = yield* stage.person("bob", 3, { policy: "anyone" })
      yield* bob.screen.nextOf("registered")
      yield* alice.screen.type("/chat bob")
      yield* alice.screen.type("arrives")
      yield* deliveredUpTo(alice, 1)
      yield* stage.mishaps!.setUp(3, false)
      yield* alice.screen.type("does not arrive")
      const start = yield* Clock.currentTimeMillis
      yield* alice.screen.end
      const shown = yield* until(alice, "closed")
      assert.deepInclude(
        shown.find(({ event }) => event === "failed"),
        { id: 2, text: "does not arrive" },
      )
      assert.notStrictEqual(yield* alice.exit, 0)
      const took = (yield* Clock.currentTimeMillis) - start
      assert.isAtLeast(took, 10_000)
      assert.isAtMost(took, 14_000)
    }),
  )
})

describe("a call for which there is no path that both sides want", () => {
  const promise = promiseIn(memoryWorld)

  /** alice calls bob, who says yes; how it ends for both, and how long that takes in milliseconds. */
  const callInVain = Effect.fnUntraced(function* (
    { person }: Stage,
    ours: NonNullable<PersonOptions["relay"]>,
    theirs: NonNullable<PersonOptions["relay"]>,
  ) {
    const alice = yield* person("alice", 2, { relay: ours })
    const bob = yield* person("bob", 3, { relay: theirs })
    yield* accepted(alice, bob)
    const start = yield* Clock.currentTimeMillis
    const [atAlice, atBob] = yield* Effect.all([until(alice, "closed"), until(bob, "closed")], { concurrency: 2 })
    const took = (yield* Clock.currentTimeMillis) - start
    assert.isTrue([...atAlice, ...atBob].every(({ event }) => event !== "connected" && event !== "path"))
    const [alices, bobs] = [atAlice, atBob].map((shown) => shown.at(-1) as Closed)
    assert.isAtMost(took, 31_000)
    assert.deepInclude(alices, { peer: "bob", reason: "unreachable" })
    assert.deepInclude(bobs, { peer: "alice", reason: "unreachable" })
    return { alices: alices!, bobs: bobs! }
  })

  for (const [ours, theirs] of [
    ["never", "always"],
    ["always", "never"],
  ] as const) {
    promise(`ends after 30 seconds on both sides: --relay ${ours} calls --relay ${theirs}`, (stage) =>
      Effect.gen(function* () {
        const { alices, bobs } = yield* callInVain(stage, ours, theirs)
        const [never, always] = ours === "never" ? [alices, bobs] : [bobs, alices]
        assert.strictEqual(never.because, "Relay_unwanted")
        assert.include(never.message, "you do not want the relay (--relay never), and they want nothing else")
        assert.strictEqual(never.hint, "Start again without --relay never, or ask them to drop --relay always.")
        assert.strictEqual(always.because, "Peer_silent")
        assert.include(always.message, "nothing came by the relay, and you want nothing else (--relay always)")
        assert.include(always.hint, "ask them to drop --relay never. Start again without --relay always")
      }),
    )
  }

  promise("ends so, too, where UDP does not pass here, the relay is not wanted here, and there it is", (stage) =>
    Effect.gen(function* () {
      yield* stage.stopServer
      yield* stage.startServer(undefined, {})
      for (const n of [1, 3]) yield* stage.mishaps!.setUdp(2, n, false)
      const { alices, bobs } = yield* callInVain(stage, "never", "auto")
      assert.strictEqual(alices.because, "Udp_blocked")
      assert.include(alices.message, "UDP does not pass where you are, and you do not want the relay (--relay never)")
      assert.match(alices.hint!, /^Start again without --relay never/)
      assert.strictEqual(bobs.because, "Peer_silent")
      assert.include(bobs.message, "UDP does not pass where they are, and nothing came by the relay")
      assert.include(bobs.hint, "ask them to drop --relay never")
    }),
  )

  promise("ends so where UDP passes to the server and not between both, whoever calls", (stage) =>
    Effect.gen(function* () {
      yield* stage.mishaps!.setUdp(2, 3, false)
      const { alices, bobs } = yield* callInVain(stage, "auto", "never")
      assert.include(alices.message, "no direct path was found, and nothing came by the relay")
      assert.include(bobs.message, "no direct path was found, and you do not want the relay (--relay never)")
    }),
  )

  promise("says why as soon as that is known, once, and ends", (stage) =>
    Effect.gen(function* () {
      const alice = yield* stage.person("alice", 2, { relay: "never" })
      const bob = yield* stage.person("bob", 3, { relay: "always" })
      yield* accepted(alice, bob)
      const start = yield* Clock.currentTimeMillis
      yield* alice.screen.nextOf("calling")
      const stuck = yield* alice.screen.next
      assert.deepInclude(stuck, { event: "stuck", peer: "bob", because: "Relay_unwanted" })
      assert.isAtMost((yield* Clock.currentTimeMillis) - start, 2500)
      assert.strictEqual((yield* bob.screen.nextOf("stuck")).because, "Peer_silent")
      assert.isAtMost((yield* Clock.currentTimeMillis) - start, 20_000)
      for (const who of [alice, bob]) assert.strictEqual((yield* who.screen.next).event, "closed")
    }),
  )

  /** alice calls bob, who says yes; neither wants the relay, and no UDP passes between them. */
  const apart = Effect.fnUntraced(function* (stage: Stage) {
    yield* stage.mishaps!.setUdp(2, 3, false)
    const alice = yield* stage.person("alice", 2, { relay: "never" })
    const bob = yield* stage.person("bob", 3, { relay: "never" })
    yield* accepted(alice, bob)
    return { alice, bob }
  })

  promise("says once why, however often a direct path is looked for meanwhile", (stage) =>
    Effect.gen(function* () {
      const { alice } = yield* apart(stage)
      const shown = yield* until(alice, "closed")
      const after = shown.slice(shown.findIndex(({ event }) => event === "calling"))
      assert.deepStrictEqual(
        after.map(({ event }) => event),
        ["calling", "stuck", "closed"],
      )
    }),
  )

  promise("begins later than it was said why not, and then nothing is said of that again", (stage) =>
    Effect.gen(function* () {
      const { alice, bob } = yield* apart(stage)
      for (const who of [alice, bob]) assert.strictEqual((yield* who.screen.nextOf("stuck")).because, "No_answer")
      yield* stage.mishaps!.setUdp(2, 3, true)
      const shown = yield* until(alice, "connected")
      assert.deepStrictEqual(
        shown.map(({ event }) => event),
        ["connected"],
      )
      yield* bob.screen.nextOf("connected")
      yield* alice.screen.type("hello")
      const more = yield* until(bob, "message")
      assert.isTrue(more.every(({ event }) => event === "path" || event === "message"))
      const rest = yield* until(alice, "delivered")
      assert.isTrue(rest.every(({ event }) => event === "path" || event === "sent" || event === "delivered"))
    }),
  )

  promise("is over for a script, which says so by its exit code, and what it had to say was not sent", (stage) =>
    Effect.gen(function* () {
      const alice = yield* stage.person("alice", 2, { relay: "never", interactive: false })
      const bob = yield* stage.person("bob", 3, { relay: "always", policy: "anyone" })
      yield* bob.screen.nextOf("registered")
      for (const line of ["/chat bob", "hello"]) yield* alice.screen.type(line)
      yield* alice.screen.end
      const shown = yield* until(alice, "closed")
      assert.strictEqual((shown.at(-1) as Closed).reason, "unreachable")
      yield* problem(alice, "Not_sent")
      assert.notStrictEqual(yield* alice.exit, 0)
    }),
  )

  promise("is no chat that anybody could forget: where the other side goes away before, it was not reached", (stage) =>
    Effect.gen(function* () {
      const alice = yield* stage.person("alice", 2, { relay: "never" })
      const bob = yield* stage.person("bob", 3, { relay: "always" })
      yield* accepted(alice, bob)
      yield* Effect.sleep("5 seconds")
      // Without a farewell, and back at once.
      yield* stage.mishaps!.setUp(3, false)
      yield* bob.interrupt
      yield* stage.mishaps!.setUp(3, true)
      yield* stage.person("bob", 3)
      const shown = yield* until(alice, "closed")
      assert.deepInclude(shown.at(-1), { event: "closed", peer: "bob", reason: "unreachable" })
    }),
  )
})

describe("a call that comes while the other side of a chat is out of reach", () => {
  const promise = promiseIn(memoryWorld)

  /** bob, who is in a chat with alice, whose network is gone; carol calls him. */
  const leftAlone = Effect.fnUntraced(function* ({ person, mishaps }: Stage) {
    const [alice, bob] = [yield* person("alice", 2), yield* person("bob", 3)]
    yield* connect(alice, bob)
    yield* mishaps!.setUp(2, false)
    yield* bob.screen.type("are you there?")
    yield* path(bob, "none")
    const carol = yield* person("carol", 4)
    yield* carol.screen.nextOf("registered")
    yield* carol.screen.type("/chat bob")
    return { alice, bob, carol }
  })

  promise("rings, and can be taken when that chat is closed, and not before", (stage) =>
    Effect.gen(function* () {
      const { bob, carol } = yield* leftAlone(stage)
      const { peer, beside } = yield* bob.screen.nextOf("incoming")
      assert.deepStrictEqual([peer, beside], ["carol", "alice"])
      yield* bob.screen.type("/accept carol")
      yield* problem(bob, "In_chat")
      yield* bob.screen.type("/close")
      assert.strictEqual((yield* bob.screen.nextOf("failed")).text, "are you there?")
      yield* bob.screen.nextOf("closed")
      yield* bob.screen.type("/accept")
      assert.strictEqual((yield* bob.screen.nextOf("connected")).peer, "carol")
      yield* carol.screen.nextOf("connected")
      yield* bob.screen.type("hello carol")
      assert.strictEqual(yield* textOf(carol), "hello carol")
    }),
  )

  promise("and is declined leaves that chat as it was: what was typed goes out when they are back", (stage) =>
    Effect.gen(function* () {
      const { alice, bob, carol } = yield* leftAlone(stage)
      yield* bob.screen.nextOf("incoming")
      yield* bob.screen.type("/decline")
      yield* problem(carol, "Declined")
      yield* stage.mishaps!.setUp(2, true)
      assert.strictEqual(yield* textOf(alice), "are you there?")
      // And nobody rings at who talks.
      yield* carol.screen.type("/chat bob")
      yield* problem(carol, "Declined")
    }),
  )
})
