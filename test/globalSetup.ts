/** Builds the command once before the tests, which run it as people and scripts do. */
import { existsSync } from "node:fs"
import { join } from "node:path"
import { bundle, root } from "../scripts/bundle.ts"

export default async (): Promise<void> => {
  if (existsSync(join(root, "src/main/main.ts"))) await bundle()
}
