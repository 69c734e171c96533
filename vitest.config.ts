import { configDefaults, defineConfig } from "vitest/config";

// test/programs needs more than gcc and g++: `npm run test:programs`.
export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    exclude: [...configDefaults.exclude, "test/programs/**"],
    pool: "forks",
    testTimeout: 120_000,
  },
});
