import { assert, describe } from "@effect/vitest"
import { Clock, Context, Effect, Exit, Layer, Option, Scope } from "effect"
import type { Dialect } from "nomitm/domain/Dialect"
import type { ServerEvent } from "nomitm/domain/ServerEvent"
import { PortAllocator } from "nomitm/services/PortAllocator"
import { RendezvousServer } from "nomitm/services/server/RendezvousServer"
import { type Connection, RendezvousTransport } from "nomitm/services/RendezvousTransport"
import * as ServerLimits from "nomitm/services/server/ServerLimits"
import { ServerObserver } from "nomitm/services/ServerObserver"
import * as RawClient from "./RawClient.ts"
import { type Host, type World, worlds } from "../worlds.ts"

/** Draws 50001, 50002, … */
const countingPorts = Layer.sync(PortAllocator, () => {
  let last = 50_000
  return PortAllocator.of({ draw: () => Effect.sync(() => ++last) })
})

const startServer = Effect.fnUntraced(function* (
  world: World,
  host: Host,
  options: {
    readonly dialect?: Dialect
    readonly limits?: Partial<ServerLimits.Limits>
    readonly observe?: (event: ServerEvent) => void
  } = {},
) {
  const context = yield* Layer.build(
    RendezvousServer.layer({ address: world.address(1), port: 0, dialect: options.dialect ?? "readme" }).pipe(
      Layer.provide([
        host,
        countingPorts,
        Layer.succeed(ServerLimits.ServerLimits, { ...ServerLimits.defaults, ...options.limits }),
        Layer.succeed(ServerObserver, options.observe ?? (() => {})),
      ]),
    ),
  )
  const { local } = Context.get(context, RendezvousServer)
  return { host: local.address, port: local.port }
})

describe.each(worlds)("a rendezvous server $name", (world) => {
  interface People {
    /** A connection from host n. */
    readonly connect: (n: number) => Effect.Effect<RawClient.RawClient, unknown, Scope.Scope>
    readonly register: (name: string, n: number) => Effect.Effect<RawClient.RawClient, unknown, Scope.Scope>
    /** A connection that nobody reads. */
    readonly deaf: (n: number) => Effect.Effect<Connection, unknown, Scope.Scope>
    /** Ends the server. */
    readonly stop: Effect.Effect<void>
  }

  const promise = (
    name: string,
    options: Parameters<typeof startServer>[2],
    program: (people: People) => Effect.Effect<void, unknown, Scope.Scope>,
  ) =>
    world.test(name, (host) =>
      Effect.gen(function* () {
        const scope = yield* Scope.fork(yield* Effect.scope)
        const server = yield* Scope.provide(startServer(world, host(1), options), scope)
        return yield* program({
          connect: (n) => Effect.provide(RawClient.connect(server, world.address(n)), host(n)),
          register: (name, n) => Effect.provide(RawClient.register(server, name, world.address(n)), host(n)),
          deaf: (n) =>
            Effect.flatMap(RendezvousTransport, (transport) =>
              transport.connect({ ...server, localAddress: world.address(n) }),
            ).pipe(Effect.provide(host(n))),
          stop: Scope.close(scope, Exit.void),
        })
      }),
    )

  /** What two who agree on a port are told. */
  const started = (n: number, port: number, name: string) => `STARTCHAT ${world.address(n)} ${port} ${name}`

  promise("greets, registers, and lists the others in order of registration", {}, ({ connect, register }) =>
    Effect.gen(function* () {
      const alice = yield* connect(2)
      yield* alice.say("HELLO", "REGISTER alice", "LISTUSERS")
      assert.deepEqual(yield* alice.hearUntil("ENDUSERS"), ["HELLO", "REGISTER alice OK", "STARTUSERS", "ENDUSERS"])
      yield* register("zoë", 3)
      yield* register("bob", 4)
      yield* alice.say("LISTUSERS")
      assert.deepEqual(yield* alice.hearUntil("ENDUSERS"), ["STARTUSERS", "zoë", "bob", "ENDUSERS"])
    }),
  )

  promise("says the own name too in the original dialect", { dialect: "original" }, ({ connect }) =>
    Effect.gen(function* () {
      const alice = yield* connect(2)
      yield* alice.say("REGISTER alice", "LISTUSERS")
      assert.deepEqual(yield* alice.hearUntil("ENDUSERS"), ["REGISTERED alice OK", "STARTUSERS", "alice", "ENDUSERS"])
    }),
  )

  promise("refuses with a code word and goes on", {}, ({ connect, register }) =>
    Effect.gen(function* () {
      yield* register("bob", 3)
      const alice = yield* connect(2)
      const answers: ReadonlyArray<readonly [string, string]> = [
        ["LISTUSERS", "ERROR Not_registered"],
        ["CHAT bob", "ERROR Not_registered"],
        ["OK", "ERROR Operation_unknown"],
        ["ERROR", "ERROR Operation_unknown"],
        ["hello", "ERROR Operation_unknown"],
        [" HELLO", "ERROR Operation_unknown"],
        ["", "ERROR Operation_unknown"],
        ["PORT 5", "ERROR Operation_unknown"],
        ["REGISTER", "ERROR Malformed"],
        ["REGISTER two words", "ERROR Malformed"],
        ["REGISTER ", "ERROR Name_invalid"],
        ["REGISTER PORTER", "ERROR Name_invalid"],
        ["REGISTER ENDUSERS", "ERROR Name_invalid"],
        [`REGISTER ${"x".repeat(33)}`, "ERROR Name_invalid"],
        ["REGISTER a\u202eb", "ERROR Name_invalid"],
        ["REGISTER bob", "ERROR User_exists bob"],
        ["REGISTER alice", "REGISTER alice OK"],
        ["REGISTER alice2", "ERROR Already_auth alice2"],
        ["REGISTER alice", "ERROR User_exists alice"],
        ["CHAT", "ERROR Malformed"],
        ["CHAT nobody", "ERROR User_not_online nobody"],
        ["CHAT alice", "ERROR Self_call alice"],
        ["x".repeat(4097), "ERROR Too_long"],
        ["HELLO there", "HELLO"],
      ]
      for (const [line, answer] of answers) {
        yield* alice.say(line)
        assert.strictEqual(yield* alice.hear, answer, line.slice(0, 40))
      }
    }),
  )

  promise("reads lines however they are cut and ended", {}, ({ connect }) =>
    Effect.gen(function* () {
      const alice = yield* connect(2)
      for (const piece of ["HEL", "LO\r", "\nHELLO\rREGI", "STER alice\nHELLO", "\n"]) {
        yield* alice.write(piece)
        yield* Effect.sleep(5)
      }
      assert.deepEqual(yield* Effect.replicateEffect(alice.hear, 4), ["HELLO", "HELLO", "REGISTER alice OK", "HELLO"])
      yield* alice.write("REGISTER late")
      yield* alice.leave
      assert.strictEqual(yield* alice.hear, "ERROR Already_auth late")
      assert.strictEqual(yield* alice.hear, "<end>")
    }),
  )

  promise("never keeps a line that has no end", {}, ({ connect }) =>
    Effect.gen(function* () {
      const alice = yield* connect(2)
      for (let i = 0; i < 64; i++) yield* alice.write("x".repeat(8192))
      yield* alice.say("", "HELLO")
      assert.deepEqual(yield* Effect.replicateEffect(alice.hear, 2), ["ERROR Too_long", "HELLO"])
    }),
  )

  promise("says goodbye", {}, ({ connect, register }) =>
    Effect.gen(function* () {
      const alice = yield* register("alice", 2)
      yield* alice.say("CLOSE", "HELLO")
      assert.deepEqual(yield* Effect.replicateEffect(alice.hear, 2), ["CLOSE", "<end>"])
      const again = yield* connect(3)
      yield* again.say("REGISTER alice")
      assert.strictEqual(yield* again.hear, "REGISTER alice OK")
    }),
  )

  promise("starts a chat on a port that is free on both sides", {}, ({ register }) =>
    Effect.gen(function* () {
      const [alice, bob] = [yield* register("alice", 2), yield* register("bob", 3)]
      yield* alice.say("CHAT bob")
      assert.strictEqual(yield* alice.hear, "PORT 50001")
      assert.strictEqual(yield* bob.hear, "PORT 50001")
      yield* alice.say("OK")
      yield* bob.say("ERROR")
      assert.strictEqual(yield* alice.hear, "PORT 50002")
      assert.strictEqual(yield* bob.hear, "PORT 50002")
      yield* bob.say("OK")
      yield* alice.say("ERROR 42 is not free")
      assert.strictEqual(yield* alice.hear, "PORT 50003")
      assert.strictEqual(yield* bob.hear, "PORT 50003")
      yield* alice.say("OK")
      yield* bob.say("OK")
      assert.strictEqual(yield* alice.hear, started(3, 50003, "bob"))
      assert.strictEqual(yield* bob.hear, started(2, 50003, "alice"))
    }),
  )

  promise("asks both at once, and serves both meanwhile", {}, ({ register }) =>
    Effect.gen(function* () {
      const [alice, bob] = [yield* register("alice", 2), yield* register("bob", 3)]
      yield* alice.say("CHAT bob", "LISTUSERS", "HELLO")
      assert.deepEqual(yield* alice.hearUntil("HELLO"), ["PORT 50001", "STARTUSERS", "bob", "ENDUSERS", "HELLO"])
      assert.strictEqual(yield* bob.hear, "PORT 50001")
      yield* bob.say("HELLO", "OK")
      assert.strictEqual(yield* bob.hear, "HELLO")
      yield* alice.say("OK")
      assert.strictEqual(yield* bob.hear, started(2, 50001, "alice"))
    }),
  )

  promise("gives up after twenty refusals and tells both", {}, ({ register }) =>
    Effect.gen(function* () {
      const [alice, bob] = [yield* register("alice", 2), yield* register("bob", 3)]
      yield* alice.say("CHAT bob")
      for (let i = 1; i <= 20; i++) {
        assert.strictEqual(yield* alice.hear, `PORT ${50_000 + i}`)
        assert.strictEqual(yield* bob.hear, `PORT ${50_000 + i}`)
        yield* i % 2 === 0 ? alice.say("OK") : alice.say("ERROR")
        yield* i % 2 === 0 ? bob.say("ERROR") : bob.say("OK")
      }
      assert.strictEqual(yield* alice.hear, "ERROR Too_many_tries bob")
      assert.strictEqual(yield* bob.hear, "ERROR Too_many_tries alice")
      yield* alice.say("CHAT bob")
      assert.strictEqual(yield* alice.hear, "PORT 50021")
    }),
  )

  promise("ends a call that is not wanted", {}, ({ register }) =>
    Effect.gen(function* () {
      const [alice, bob] = [yield* register("alice", 2), yield* register("bob", 3)]
      for (const word of ["Busy", "Declined"]) {
        yield* alice.say("CHAT bob")
        yield* alice.hear
        yield* bob.hear
        yield* bob.say(`ERROR ${word}`)
        assert.strictEqual(yield* alice.hear, `ERROR ${word} bob`)
      }
      // Who declined need not be told; an answer that is late answers nothing.
      yield* alice.say("OK", "HELLO")
      yield* bob.say("HELLO")
      assert.strictEqual(yield* alice.hear, "HELLO")
      assert.strictEqual(yield* bob.hear, "HELLO")
    }),
  )

  promise("makes one chat of two crossing calls", {}, ({ register }) =>
    Effect.gen(function* () {
      const [alice, bob] = [yield* register("alice", 2), yield* register("bob", 3)]
      yield* Effect.all([alice.say("CHAT bob"), bob.say("CHAT alice")])
      assert.strictEqual(yield* alice.hear, "PORT 50001")
      assert.strictEqual(yield* bob.hear, "PORT 50001")
      yield* Effect.all([alice.say("OK", "HELLO"), bob.say("OK", "HELLO")])
      assert.sameMembers([...(yield* Effect.replicateEffect(alice.hear, 2))], ["HELLO", started(3, 50001, "bob")])
      assert.sameMembers([...(yield* Effect.replicateEffect(bob.hear, 2))], ["HELLO", started(2, 50001, "alice")])
    }),
  )

  promise("tells a third caller that the line is busy, and the busy one that he is calling", {}, ({ register }) =>
    Effect.gen(function* () {
      const [alice, bob, carol] = [yield* register("alice", 2), yield* register("bob", 3), yield* register("carol", 4)]
      yield* alice.say("CHAT bob")
      assert.strictEqual(yield* alice.hear, "PORT 50001")
      assert.strictEqual(yield* bob.hear, "PORT 50001")
      yield* carol.say("CHAT bob", "CHAT alice")
      assert.deepEqual(yield* Effect.replicateEffect(carol.hear, 2), ["ERROR Busy bob", "ERROR Busy alice"])
      yield* bob.say("CHAT carol")
      assert.strictEqual(yield* bob.hear, "ERROR Already_calling carol")
      yield* alice.say("OK")
      yield* bob.say("OK")
      assert.strictEqual(yield* alice.hear, started(3, 50001, "bob"))
      yield* carol.say("CHAT bob")
      assert.strictEqual(yield* carol.hear, "PORT 50002")
    }),
  )

  const steps = ["asked", "after its OK", "after the other's OK", "after its refusal"] as const
  for (const who of ["caller", "callee"] as const) {
    for (const step of steps) {
      promise(`frees the other when the ${who} leaves ${step}`, {}, ({ register }) =>
        Effect.gen(function* () {
          const [alice, bob] = [yield* register("alice", 2), yield* register("bob", 3)]
          const [leaver, other, name] = who === "caller" ? [alice, bob, "alice"] : [bob, alice, "bob"]
          yield* alice.say("CHAT bob")
          yield* alice.hear
          yield* bob.hear
          if (step === "after its OK") yield* leaver.say("OK")
          if (step === "after its refusal") yield* leaver.say("ERROR")
          if (step === "after the other's OK") yield* other.say("OK")
          yield* leaver.leave
          assert.strictEqual(yield* other.hear, `ERROR Peer_gone ${name}`)
          yield* other.say("LISTUSERS")
          assert.deepEqual(yield* other.hearUntil("ENDUSERS"), ["STARTUSERS", "ENDUSERS"])
          // The name is free, and so is the one who stayed.
          const again = yield* register(name, who === "caller" ? 2 : 3)
          yield* again.say(`CHAT ${who === "caller" ? "bob" : "alice"}`)
          assert.strictEqual(yield* again.hear, "PORT 50002")
          assert.strictEqual(yield* other.hear, "PORT 50002")
        }),
      )
    }
  }

  promise("waits five seconds for an answer and tells both", { limits: { answerMillis: 300 } }, ({ register }) =>
    Effect.gen(function* () {
      const [alice, bob] = [yield* register("alice", 2), yield* register("bob", 3)]
      for (const silent of [alice, bob]) {
        yield* alice.say("CHAT bob")
        yield* alice.hear
        yield* bob.hear
        yield* (silent === alice ? bob : alice).say("OK")
        assert.strictEqual(yield* alice.hear, "ERROR No_answer bob")
        assert.strictEqual(yield* bob.hear, "ERROR No_answer alice")
      }
    }),
  )

  promise("sends a connection without a name away", { limits: { guestMillis: 300 } }, ({ connect, register }) =>
    Effect.gen(function* () {
      const alice = yield* register("alice", 2)
      const guest = yield* connect(3)
      yield* guest.say("HELLO")
      assert.deepEqual(yield* Effect.replicateEffect(guest.hear, 3), ["HELLO", "ERROR Idle", "<end>"])
      yield* alice.say("HELLO")
      assert.strictEqual(yield* alice.hear, "HELLO")
    }),
  )

  promise("takes only so many connections", { limits: { connections: 2 } }, ({ connect, register }) =>
    Effect.gen(function* () {
      const alice = yield* register("alice", 2)
      yield* register("bob", 3)
      const carol = yield* connect(4)
      assert.deepEqual(yield* Effect.replicateEffect(carol.hear, 2), ["ERROR Server_full", "<end>"])
      yield* alice.say("CLOSE")
      yield* alice.hearUntil("<end>")
      yield* Effect.sleep(50)
      yield* register("carol", 4)
    }),
  )

  promise("takes only so many connections from one address", { limits: { connectionsPerAddress: 1 } }, (people) =>
    Effect.gen(function* () {
      yield* people.register("alice", 2)
      const second = yield* people.connect(2)
      assert.deepEqual(yield* Effect.replicateEffect(second.hear, 2), ["ERROR Too_many_connections", "<end>"])
      yield* people.register("bob", 3)
    }),
  )

  promise(
    "reads who sends too fast more slowly, and loses nothing",
    { limits: { lines: { burst: 5, perSecond: 10 } } },
    ({ register }) =>
      Effect.gen(function* () {
        const [alice, bob] = [yield* register("alice", 2), yield* register("bob", 3)]
        const before = yield* Clock.currentTimeMillis
        yield* alice.say(...Array.from({ length: 25 }, () => "HELLO"))
        yield* bob.say("HELLO")
        assert.strictEqual(yield* bob.hear, "HELLO")
        assert.isBelow((yield* Clock.currentTimeMillis) - before, 1000)
        assert.deepEqual(
          yield* Effect.replicateEffect(alice.hear, 25),
          Array.from({ length: 25 }, () => "HELLO"),
        )
        assert.isAtLeast((yield* Clock.currentTimeMillis) - before, 1900)
      }),
  )

  promise(
    "answers all that was said before the client ended its stream, though that takes a while",
    { limits: { lines: { burst: 5, perSecond: 50 } } },
    ({ register }) =>
      Effect.gen(function* () {
        const alice = yield* register("alice", 2)
        yield* alice.say(...Array.from({ length: 20 }, () => "HELLO"))
        yield* Effect.forkScoped(alice.leave, { startImmediately: true })
        assert.deepEqual(yield* alice.hearUntil("<end>"), [...Array.from({ length: 20 }, () => "HELLO"), "<end>"])
      }),
  )

  promise(
    "is not delayed by somebody who asks much and reads nothing",
    { limits: { lines: { burst: 1_000_000, perSecond: 1_000_000 } } },
    ({ deaf, register }) =>
      Effect.gen(function* () {
        const bob = yield* register("bob", 3)
        yield* Effect.forEach(Array.from({ length: 50 }), (_, i) => register(`user${i}`, 4))
        const connection = yield* deaf(2)
        connection.send("REGISTER alice\n")
        for (let i = 0; i < 5000; i++) connection.send("LISTUSERS\n")
        for (let i = 0; i < 20; i++) {
          const before = yield* Clock.currentTimeMillis
          yield* bob.say("HELLO")
          assert.strictEqual(yield* bob.hear, "HELLO")
          assert.isBelow((yield* Clock.currentTimeMillis) - before, 1000)
        }
      }),
  )

  promise("answers who asks for many lists at once and reads them all", {}, ({ register }) =>
    Effect.gen(function* () {
      yield* Effect.forEach(Array.from({ length: 200 }), (_, i) => register(`${"x".repeat(28)}${i}`, 4))
      const alice = yield* register("alice", 2)
      yield* alice.say(...Array.from({ length: 100 }, () => "LISTUSERS"), "HELLO")
      const heard = yield* alice.hearUntil("HELLO")
      assert.strictEqual(heard.length, 100 * 202 + 1)
    }),
  )

  promise(
    "lets nobody call who is gone, and frees the name at once, whatever is still to be carried out",
    { limits: { lines: { burst: 10, perSecond: 20 } } },
    ({ deaf, register, connect }) =>
      Effect.gen(function* () {
        const victim = yield* register("victim", 3)
        const mallory = yield* deaf(2)
        mallory.send(`REGISTER mallory\n${"HELLO\n".repeat(100)}CHAT victim\n`)
        yield* Effect.sleep(300)
        mallory.abort()
        yield* Effect.sleep(300)
        const next = yield* connect(4)
        yield* next.say("REGISTER mallory")
        assert.strictEqual(yield* next.hear, "REGISTER mallory OK")
        yield* Effect.sleep(1000)
        yield* victim.say("HELLO")
        assert.strictEqual(yield* victim.hear, "HELLO")
      }),
  )

  promise(
    "sends away who is ten seconds ahead of the limit",
    { limits: { lines: { burst: 5, perSecond: 2 } } },
    ({ connect }) =>
      Effect.gen(function* () {
        const alice = yield* connect(2)
        yield* alice.write("HELLO\r\n".repeat(26))
        assert.deepEqual(yield* alice.hearUntil("<end>"), ["ERROR Too_fast", "<end>"])
      }),
  )

  promise(
    "does not send away as nameless who has a name, however long the first lines take",
    { limits: { guestMillis: 300, lines: { burst: 5, perSecond: 20 } } },
    ({ connect }) =>
      Effect.gen(function* () {
        const alice = yield* connect(2)
        yield* alice.say("REGISTER alice", ...Array.from({ length: 20 }, () => "HELLO"), "CLOSE")
        const heard = yield* alice.hearUntil("CLOSE")
        assert.strictEqual(heard.length, 22)
      }),
  )

  promise("keeps few of those it refuses, and none for long", { limits: { connections: 1 } }, ({ deaf, register }) =>
    Effect.gen(function* () {
      yield* register("alice", 3)
      const refused = yield* Effect.forEach(Array.from({ length: 80 }), () => deaf(2), { concurrency: 10 })
      yield* Effect.sleep(2500)
      const ends = yield* Effect.forEach(refused, (connection) =>
        Effect.flip(Effect.forever(connection.receive)).pipe(Effect.timeoutOption("1 second")),
      )
      assert.isTrue(ends.every(Option.isSome))
      // Who may take its time hears the end of the stream first; more than 64 may not, and are cut off.
      assert.isAtLeast(ends.filter((end) => Option.isSome(end) && end.value.reason === "Reset").length, 80 - 64)
    }),
  )

  promise(
    "understands who missed one question when the next is answered",
    { limits: { answerMillis: 300 } },
    (people) =>
      Effect.gen(function* () {
        const [alice, bob] = [yield* people.register("alice", 2), yield* people.register("bob", 3)]
        yield* alice.say("CHAT bob")
        yield* Effect.all([alice.hear, bob.hear])
        yield* alice.say("OK")
        assert.strictEqual(yield* alice.hear, "ERROR No_answer bob")
        assert.strictEqual(yield* bob.hear, "ERROR No_answer alice")
        yield* alice.say("CHAT bob")
        yield* Effect.all([alice.hear, bob.hear])
        yield* Effect.all([alice.say("OK"), bob.say("OK")])
        assert.strictEqual(yield* alice.hear, started(3, 50002, "bob"))
      }),
  )

  promise("tells everybody when it stops", {}, ({ connect, register, stop }) =>
    Effect.gen(function* () {
      const [alice, guest] = [yield* register("alice", 2), yield* connect(3)]
      yield* guest.say("HELLO")
      yield* guest.hear
      yield* stop
      assert.deepEqual(yield* Effect.replicateEffect(alice.hear, 2), ["ERROR Shutting_down", "<end>"])
      assert.deepEqual(yield* Effect.replicateEffect(guest.hear, 2), ["ERROR Shutting_down", "<end>"])
    }),
  )

  const events: Array<ServerEvent> = []
  promise("reports what happens", { observe: (event) => void events.push(event) }, ({ register }) =>
    Effect.gen(function* () {
      const [alice, bob] = [yield* register("alice", 2), yield* register("bob", 3)]
      yield* alice.say("CHAT bob")
      yield* Effect.all([alice.hear, bob.hear])
      yield* Effect.all([alice.say("OK"), bob.say("OK")])
      yield* Effect.all([alice.hear, bob.hear])
      yield* alice.leave
      yield* Effect.sleep(100)
      assert.deepEqual(
        events.map(({ event }) => event),
        ["listening", "registered", "registered", "call", "chat", "left"],
      )
    }),
  )
})
