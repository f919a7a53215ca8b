import { configDefaults, defineConfig } from "vitest/config"

const laboratory = "test/natlab/natlab.test.ts"

/** What only computes, in memory and in virtual time: such files change nothing of the process, and share it. */
const pure = ["domain", "fuzz", "vectors"].map((folder) => `test/${folder}/**/*.test.ts`)

export default defineConfig({
  // `nomitm`, imported by its name as users do, is what is in src.
  ssr: { resolve: { conditions: ["nomitm-source", "module", "node"] } },
  test: {
    globalSetup: ["test/globalSetup.ts"],
    // Processes, not threads: tests listen on sockets, send themselves signals and start commands.
    pool: "forks",
    maxWorkers: 2,
    testTimeout: 60_000,
    hookTimeout: 60_000,
    projects: [
      {
        extends: true,
        test: {
          name: "house",
          include: ["test/**/*.test.ts"],
          exclude: [...configDefaults.exclude, ...pure, laboratory],
          sequence: { groupOrder: 0 },
        },
      },
      {
        extends: true,
        test: { name: "pure", include: pure, isolate: false, sequence: { groupOrder: 0 } },
      },
      {
        extends: true,
        // Real NATs, after everything else and with the machine to itself: two laboratories at a time, for each waits
        // most of its time.
        test: {
          name: "laboratory",
          include: [laboratory],
          maxWorkers: 1,
          maxConcurrency: 2,
          sequence: { groupOrder: 1 },
        },
      },
    ],
  },
})
