import { configDefaults, defineConfig } from "vitest/config";

// What links small things, once more through a resident linker: `npm run test:resident`.
export default defineConfig({
  test: {
    include: ["test/link/**/*.test.ts", "test/command/**/*.test.ts"],
    exclude: configDefaults.exclude,
    pool: "forks",
    maxWorkers: "100%",
    testTimeout: 120_000,
    globalSetup: "test/harness/resident-linker.ts",
  },
});
