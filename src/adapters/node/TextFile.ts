/** Files that a person names on the command line. */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Files from "node:fs/promises"
import { errorCode } from "./errorCode.ts"
import * as SecretFile from "./SecretFile.ts"

/** What went wrong with a file, and what to do. */
export class TextFileError extends Schema.TaggedError<TextFileError>("nomitm/TextFileError")("TextFileError", {
  message: Schema.String,
  hint: Schema.String,
}) {}

/** The text of a file that others may read as well. */
export const read = (path: string, maxBytes: number): Effect.Effect<string, TextFileError> =>
  SecretFile.read(path, { maxBytes, readers: "Everybody", followLinks: true }).pipe(
    Effect.mapBoth({
      onSuccess: (bytes) => new TextDecoder().decode(bytes),
      onFailure: ({ message, hint }) => new TextFileError({ message, hint }),
    }),
  )

/** Writes a new file that only its owner may read. One that is there is not touched. */
export const create = (path: string, text: string): Effect.Effect<void, TextFileError> =>
  Effect.tryPromise({
    try: () => Files.writeFile(path, text, { flag: "wx", mode: 0o600 }),
    catch: (cause) =>
      errorCode(cause) === "EEXIST"
        ? new TextFileError({ message: `There is a ${path} already.`, hint: "Choose another name, or move it away." })
        : new TextFileError({
            message: `${path} can't be written (${errorCode(cause) ?? "unknown"}).`,
            hint: "Check that the folder is there and can be written.",
          }),
  })
