import { defineConfig } from "vitest/config";

// Installs the package in a Debian 11 without compiler, with several Nodes and package managers.
export default defineConfig({
  test: {
    include: ["test/package/**/*.test.ts"],
    pool: "forks",
    fileParallelism: false,
    testTimeout: 300_000,
    hookTimeout: 600_000,
  },
});
