/**
 * A test with a server that speaks `nomitm/1`, and clients of it at any host of a world.
 */
import { assert } from "@effect/vitest"
import { Effect, Exit, Scope } from "effect"
import * as RawClient from "./RawClient.ts"
import * as Stage from "./SecureStage.ts"
import type { Host, World } from "../worlds.ts"

/** A client that has registered. */
export type Client = Effect.Success<ReturnType<typeof Stage.register>>

export interface Scene {
  readonly server: RawClient.Server & { readonly url: string | undefined }
  readonly host: (n: number) => Host
  readonly connect: (n: number) => Effect.Effect<RawClient.RawClient, unknown, Scope.Scope>
  readonly connectInPlaintext: (n: number) => Effect.Effect<RawClient.RawClient, unknown, Scope.Scope>
  readonly register: (
    name: string,
    n: number,
    options?: Parameters<typeof Stage.register>[3],
  ) => Effect.Effect<Client, unknown, Scope.Scope>
  /** Stops the server. */
  readonly stop: Effect.Effect<void>
}

/** A test in this world; `options` are the server's. */
export const promiseIn =
  (world: World, defaults: Stage.ServerOptions = {}) =>
  (
    name: string,
    program: (scene: Scene) => Effect.Effect<void, unknown, Scope.Scope>,
    options: Stage.ServerOptions = {},
  ): void =>
    world.test(name, (host) =>
      Effect.gen(function* () {
        const scope = yield* Scope.fork(yield* Effect.scope)
        const started = Stage.startServer(world.address(1), host(1), { ...defaults, ...options })
        const server = yield* Scope.provide(started, scope)
        const plain = { host: server.host, port: server.port }
        return yield* program({
          server,
          host,
          connect: (n) => Effect.provide(RawClient.connect(server, world.address(n)), host(n)),
          connectInPlaintext: (n) => Effect.provide(RawClient.connect(plain, world.address(n)), host(n)),
          register: (name, n, who) => Effect.provide(Stage.register(server, name, world.address(n), who), host(n)),
          stop: Scope.close(scope, Exit.void),
        })
      }),
    )

/** Nothing has been said to the client meanwhile. */
export const hearsNothing = (client: RawClient.RawClient) =>
  Effect.gen(function* () {
    yield* client.say("PING")
    assert.strictEqual(yield* client.hear, "PONG")
  })
