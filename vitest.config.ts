import { configDefaults, defineConfig } from "vitest/config";

// test/programs needs more than gcc and g++: `npm run test:programs`.
// test/growth measures time: `npm run test:growth`.
// test/package installs into an older Debian: `npm run test:package`.
export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    exclude: [...configDefaults.exclude, "test/programs/**", "test/growth/**", "test/package/**"],
    pool: "forks",
    // A resident linker that somebody has started is not what is tested.
    env: { SPORE_RESIDENT: "0" },
    // Side by side: most of a test is waiting for compilers and linkers. By default one core would stay idle.
    maxWorkers: "100%",
    // A build that is made to notice is slow.
    testTimeout: process.env["SPORE_LD"] === undefined ? 120_000 : 600_000,
  },
});
