/**
 * `KnownServers` in a file of the profile, 0600: `known-servers`, see `domain/KnownServerList`.
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Semaphore from "effect/Semaphore"
import { join } from "node:path"
import * as KnownServerList from "../../domain/KnownServerList.ts"
import { KnownServers, KnownServersError } from "../../services/KnownServers.ts"
import * as SecretFile from "./SecretFile.ts"

export const fileName = "known-servers"

const { maxBytes } = KnownServerList

/** @param directory the profile's; made if need be */
export const layer = (directory: string): Layer.Layer<KnownServers> =>
  Layer.effect(
    KnownServers,
    Effect.map(Semaphore.make(1), (one) => {
      const path = join(directory, fileName)
      const fail = ({ message, hint }: SecretFile.SecretFileError) => new KnownServersError({ message, hint })
      const read = SecretFile.read(path, { maxBytes }).pipe(
        Effect.map((bytes) => new TextDecoder().decode(bytes)),
        Effect.catchIf(
          ({ reason }) => reason === "Missing",
          () => Effect.succeed(""),
        ),
        Effect.mapError(fail),
      )
      const update = (change: (list: string) => string): Effect.Effect<void, KnownServersError> =>
        Effect.gen(function* () {
          const before = yield* read
          const after = change(before)
          if (after === before) return
          const bytes = new TextEncoder().encode(after)
          if (bytes.length > maxBytes) {
            return yield* new KnownServersError({
              message: `${path} is full.`,
              hint: "Delete lines of servers that you don't use any more.",
            })
          }
          yield* Effect.mapError(SecretFile.write(path, bytes), fail)
        }).pipe(one.withPermits(1))
      return KnownServers.of({
        find: (server) => Effect.map(read, (list) => KnownServerList.find(list, server)),
        remember: (server, serverKey) => update((list) => KnownServerList.withKey(list, server, serverKey)),
        forget: (server) => update((list) => KnownServerList.without(list, server)),
      })
    }),
  )
