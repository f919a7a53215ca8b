/**
 * The version of this package, as `package.json` states it.
 *
 * The package is imported by its own name, so that one import holds from `src`, from the published library and in the
 * bundled command, where the number is written into the file.
 */
import manifest from "nomitm/package.json" with { type: "json" }

export const version: string = manifest.version
