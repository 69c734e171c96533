import { defineConfig } from "vitest/config";

// Real programs, one at a time: each uses all cores.
export default defineConfig({
  test: {
    include: ["test/programs/**/*.test.ts"],
    pool: "forks",
    fileParallelism: false,
    testTimeout: 900_000,
    passWithNoTests: true,
  },
});
