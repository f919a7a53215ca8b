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

// Whose terminal is closed leaves as with Ctrl-C: the other side is told.
process.once("SIGHUP", () => process.kill(process.pid, "SIGTERM"))

// Who reads what is printed may go away; a server goes on, and a peer sends what was typed.
for (const output of [process.stdout, process.stderr]) output.on("error", () => {})

run.pipe(
  Effect.provide([NodeServices.layer, Presenter.layer, Layer.succeed(Logger.LogToStderr, true)]),
  NodeRuntime.runMain({ teardown: Presenter.teardown }),
)
