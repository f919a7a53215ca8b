/**
 * The socket of whoever has a profile: other commands ask there (`ProfileOwner`). 0600 in a folder 0700: the system lets
 * nobody else connect.
 *
 * ```
 * client: request as JSON, LF     owner: answer as JSON, LF; closes
 * ```
 *
 * One request a connection; 16 connections at a time, 10 seconds each, and no line longer than the longest list of
 * contacts. The path of a socket has at most 100 bytes on some systems; a profile that lies deeper has its socket in a
 * folder of `XDG_RUNTIME_DIR`, or of the system's for temporary files.
 */
import * as Effect from "effect/Effect"
import * as FiberSet from "effect/FiberSet"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as Crypto from "node:crypto"
import * as Files from "node:fs/promises"
import * as Net from "node:net"
import { tmpdir } from "node:os"
import { isAbsolute, join } from "node:path"
import * as ContactFile from "../../domain/profile/ContactFile.ts"
import { ProfileError } from "../../services/profile/ProfileError.ts"
import { Answer, ProfileOwner, Request } from "../../services/profile/ProfileOwner.ts"
import { errorCode } from "./errorCode.ts"
import * as ProfileHome from "./ProfileHome.ts"
import * as SecretFile from "./SecretFile.ts"

/** The longest path of a socket, in bytes: macOS has room for 104. */
const maxPathBytes = 100
/** The longest line, in bytes. */
export const maxLineBytes = ContactFile.maxBytes + 64 * 1024
export const maxConnections = 16
/** How long a request or its answer may take, in milliseconds. */
const patienceMillis = 10_000

const name = "socket"
/** While it is made it has another name: whoever finds the socket can connect. */
const unfinished = "socket.new"

/** The folder a profile's socket is in: the profile, or one that stands for it. */
export const folder = (home: string, runtimeDirectory = process.env["XDG_RUNTIME_DIR"]): string => {
  if (Buffer.byteLength(join(home, unfinished)) <= maxPathBytes) return home
  const short = Crypto.createHash("sha256").update(home).digest("hex").slice(0, 16)
  const runtime =
    runtimeDirectory !== undefined && isAbsolute(runtimeDirectory) && Buffer.byteLength(runtimeDirectory) < 50
      ? join(runtimeDirectory, "nomitm")
      : join(tmpdir(), `nomitm-${process.getuid?.() ?? 0}`)
  return join(runtime, short)
}

const attempt = <A>(path: string, run: () => Promise<A>): Effect.Effect<A, ProfileError> =>
  Effect.tryPromise({ try: run, catch: (cause) => ProfileHome.fromFile(SecretFile.reasonOf(path, cause)) })

/** The folder of the socket, checked as a profile is, its parent too where it is not the profile. */
const ensureFolder = Effect.fnUntraced(function* (home: string) {
  const path = folder(home)
  if (path !== home) yield* ProfileHome.ensure(join(path, ".."))
  yield* ProfileHome.ensure(path)
  return path
})

/** Calls `onLine` with the first line, at most once. */
const readLine = (socket: Net.Socket, onLine: (line: string) => void): void => {
  let chunks: Array<Buffer> = []
  let length = 0
  let over = false
  socket.on("data", (chunk: Buffer) => {
    if (over) return
    const end = chunk.indexOf(10)
    chunks.push(end < 0 ? chunk : chunk.subarray(0, end))
    length += chunk.length
    over = end >= 0 || length > maxLineBytes
    if (length > maxLineBytes) socket.destroy()
    else if (over) onLine(Buffer.concat(chunks).toString("utf8"))
    if (over) chunks = []
  })
}

const decodeRequest = Schema.decodeUnknownResult(Schema.fromJsonString(Request))
const decodeAnswer = Schema.decodeUnknownResult(Schema.fromJsonString(Answer))
const encodeRequest = Schema.encodeSync(Request)
const encodeAnswer = Schema.encodeSync(Answer)

const notUnderstood: Answer = {
  _tag: "Refused",
  code: "Not_understood",
  message: "The nomitm that has the profile does not understand this.",
  hint: "It may be of another version: start it again.",
  exitCode: 1,
}

/** Answers at the profile's socket while the scope lasts. Whoever calls this has the lock of the profile. */
export const serve = Effect.fnUntraced(function* (home: string) {
  const { ask } = yield* ProfileOwner
  const directory = yield* ensureFolder(home)
  const [path, temporary] = [join(directory, name), join(directory, unfinished)]
  const run = yield* FiberSet.makeRuntime<never>()

  const accept = (socket: Net.Socket): void => {
    // An answer that nobody reads, and a request that does not come, end with the connection.
    const timer = setTimeout(() => socket.destroy(), patienceMillis)
    socket.on("error", () => {})
    socket.once("close", () => clearTimeout(timer))
    // Who leaves without having asked takes up no room.
    const left = (): void => void socket.destroy()
    socket.once("end", left)
    readLine(socket, (line) => {
      socket.off("end", left)
      const request = decodeRequest(line)
      run(
        Effect.map(
          Result.isSuccess(request) ? ask(request.success) : Effect.succeed(notUnderstood),
          (answer) => void socket.end(`${JSON.stringify(encodeAnswer(answer))}\n`),
        ),
      )
    })
  }

  const sockets = new Set<Net.Socket>()
  yield* Effect.acquireRelease(
    Effect.gen(function* () {
      // What a process that is gone has left. Nobody else makes one: we have the lock.
      yield* attempt(temporary, () => Files.rm(temporary, { force: true }))
      const server = Net.createServer({ allowHalfOpen: true }, (socket) => {
        sockets.add(socket)
        socket.once("close", () => sockets.delete(socket))
        accept(socket)
      })
      server.maxConnections = maxConnections
      yield* Effect.callback<void, ProfileError>((resume) => {
        server.once("error", (cause) => {
          const detail = errorCode(cause) ?? "unknown"
          resume(Effect.fail(new ProfileError({ reason: "Io", path: temporary, detail })))
        })
        server.listen(temporary, () => resume(Effect.void))
      })
      server.removeAllListeners("error").on("error", () => {})
      yield* attempt(temporary, () => Files.chmod(temporary, 0o600))
      yield* attempt(path, () => Files.rename(temporary, path))
      return server
    }),
    (server) =>
      Effect.promise(async () => {
        await Files.rm(path, { force: true }).catch(() => {})
        for (const socket of sockets) socket.destroy()
        server.close()
      }),
  )
})

/**
 * Asks at the socket of a profile.
 *
 * @returns none if nobody is there
 */
export const ask = (home: string, request: Request): Effect.Effect<Option.Option<Answer>, ProfileError> =>
  Effect.gen(function* () {
    const directory = folder(home)
    if (directory !== home && !(yield* ProfileHome.check(join(directory, "..")))) return Option.none()
    if (!(yield* ProfileHome.check(directory))) return Option.none()
    const path = join(directory, name)
    const stats = yield* attempt(path, () => Files.lstat(path)).pipe(
      Effect.catchIf(
        ({ reason }) => reason === "Missing",
        () => Effect.undefined,
      ),
    )
    if (stats === undefined) return Option.none()
    const refuse = (reason: ProfileError["reason"]) => new ProfileError({ reason, path })
    if (stats.isSymbolicLink()) return yield* refuse("Symlink")
    if (!stats.isSocket()) return yield* refuse("NotAFile")
    if (process.getuid !== undefined && stats.uid !== process.getuid()) return yield* refuse("NotOurs")
    return yield* exchange(path, `${JSON.stringify(encodeRequest(request))}\n`)
  })

const exchange = (path: string, line: string): Effect.Effect<Option.Option<Answer>, ProfileError> =>
  Effect.callback<Option.Option<Answer>, ProfileError>((resume) => {
    const socket = Net.connect({ path })
    let connected = false
    socket.once("connect", () => {
      connected = true
      socket.write(line)
    })
    readLine(socket, (text) => {
      const answer = decodeAnswer(text)
      resume(Effect.succeedSome(Result.isSuccess(answer) ? answer.success : notUnderstood))
      socket.destroy()
    })
    socket.on("error", () => {})
    // Nobody listens, or whoever did is gone: as good as nobody. Cut off in the middle is something else.
    socket.once("close", () =>
      resume(
        connected ? Effect.fail(new ProfileError({ reason: "Busy", path })) : Effect.succeed(Option.none<Answer>()),
      ),
    )
    return Effect.sync(() => socket.destroy())
  }).pipe(
    Effect.timeoutOrElse({
      duration: patienceMillis,
      orElse: () => Effect.fail(new ProfileError({ reason: "Busy", path })),
    }),
  )
