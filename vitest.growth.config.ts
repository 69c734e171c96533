import { defineConfig } from "vitest/config";

// Measures time: one link at a time.
export default defineConfig({
  test: {
    include: ["test/growth/**/*.test.ts"],
    pool: "forks",
    fileParallelism: false,
    testTimeout: 600_000,
  },
});
