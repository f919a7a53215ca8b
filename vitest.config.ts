import { defineConfig } from "vitest/config"

export default defineConfig({
  // `nomitm`, imported by its name as users do, is what is in src.
  ssr: { resolve: { conditions: ["nomitm-source", "module", "node"] } },
  test: {
    include: ["test/**/*.test.ts"],
    globalSetup: ["test/globalSetup.ts"],
    // Processes, not threads: tests listen on sockets, send themselves signals and start commands.
    pool: "forks",
    maxWorkers: 2,
    testTimeout: 20_000,
    hookTimeout: 20_000,
  },
})
