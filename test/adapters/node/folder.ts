import { Effect } from "effect"
import * as Fs from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"

/** A program with a folder of its own, 0700, that is gone afterwards. */
export const inFolder = <A, E, R>(program: (folder: string) => Effect.Effect<A, E, R>) =>
  Effect.acquireUseRelease(
    Effect.sync(() => Fs.mkdtempSync(join(tmpdir(), "nomitm-files-"))),
    program,
    (folder) => Effect.sync(() => Fs.rmSync(folder, { recursive: true })),
  )
