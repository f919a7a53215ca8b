/**
 * The command `nomitm`.
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as NodeServices from "@effect/platform-node/NodeServices"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import { run } from "./cli.ts"
import * as Presenter from "./presenter.ts"

run.pipe(
  Effect.provide([NodeServices.layer, Presenter.layer, Layer.succeed(Logger.LogToStderr, true)]),
  NodeRuntime.runMain({ teardown: Presenter.teardown }),
)
