/** The package as it is published, on a Debian 11 without compiler, with the Nodes and package managers of today. */
import { readFileSync } from "node:fs";
import { beforeAll, expect, test } from "vitest";

import { root, run } from "../harness/oracles.ts";
import { lacks, lacksRoot } from "../harness/requirements.ts";
import { type Scratch, scratch } from "../harness/scratch.ts";
import { bareSystem, newFolder, runBare } from "./bare-system.ts";

const isSkipped = lacks([{ needs: "debootstrap", from: "debootstrap" }]) || lacksRoot("chroot");

/** Of Node: what package.json asks for, the lines that are maintained, and the newest. */
const nodes = ["20.19", "20", "22", "24", "latest"];
const managers = ["pnpm", "yarn", "@yarnpkg/cli-dist", "@oven/bun-linux-x64"];

let dir: Scratch;
let files: Readonly<Record<string, string>>;

beforeAll(async () => {
  if (isSkipped) return;
  await bareSystem(nodes, managers);
  dir = await scratch({
    "start.c": `
      static long call(long number, long a, long b, long c) {
        long result;
        __asm__ volatile("syscall" : "=a"(result) : "a"(number), "D"(a), "S"(b), "d"(c) : "rcx", "r11", "memory");
        return result;
      }
      extern const char greeting[];
      void _start(void) { call(1, 1, (long)greeting, 6); call(60, 0, 0, 0); }`,
    "greeting.c": 'const char greeting[] = "hello\\n";',
    "package.json": '{ "name": "user", "version": "1.0.0", "private": true }',
    "use.mjs": `
      import { StageMode, stageFiles } from "spore-ld/staging";
      import * as spore from "spore-ld";
      console.log(stageFiles(StageMode.MmapShared, ["start.o"]).bytes(0)[1], typeof spore.link);`,
    "use.cjs": `console.log(typeof require("spore-ld").link, typeof require("spore-ld/staging").stage);`,
  });
  for (const name of ["start", "greeting"]) await dir.compile(`${name}.c`, ["-ffreestanding", "-O2", "-fno-pie"]);
  await dir.archive("libgreeting.a", ["greeting.o"]);
  const env = { NODE_OPTIONS: undefined };
  await run("npm", ["pack", "--pack-destination", dir.path], { cwd: root, env, timeoutMs: 300_000 });
  const { version } = JSON.parse(readFileSync(`${root}/package.json`, "utf8")) as { version: string };
  await dir.mustRun("mv", [`spore-ld-${version}.tgz`, "spore-ld.tgz"]);
  const names = ["start.o", "libgreeting.a", "package.json", "use.mjs", "use.cjs", "spore-ld.tgz"];
  files = Object.fromEntries(names.map((name) => [name, dir.file(name)]));
  return async () => dir[Symbol.asyncDispose]();
});

const install = "npm install --save-dev --offline --no-audit --no-fund ./spore-ld.tgz";
const link = "ld start.o -L. -lgreeting -o hello";

for (const node of nodes)
  test.skipIf(isSkipped)(`with Node ${node}: installed, linked, run, imported`, async () => {
    const folder = newFolder(`node-${node}`, files);
    const installed = await runBare(folder, node, install);
    expect(installed, installed.stderr).toMatchObject({ status: 0 });
    // exec finds no compiler here: the build is one that calls ld itself.
    const linked = await runBare(folder, node, `npx spore exec -- ${link}; ./hello`);
    expect(linked).toMatchObject({ status: 0, stdout: "hello\n", stderr: expect.stringMatching(/^spore: 1 link in /) });
    const used = await runBare(folder, node, "node --no-warnings use.mjs; node --no-warnings use.cjs");
    expect(used).toMatchObject({ status: 0, stderr: "", stdout: "69 function\nfunction function\n" });
    // Forked workers run JavaScript.
    const forked = await runBare(
      folder,
      node,
      "node node_modules/spore-ld/examples/many-workers/main.mjs package.json",
    );
    expect(forked).toMatchObject({ status: 0, stderr: "", stdout: "0 package.json\n0 total\n" });
  });

/** How each installs a tarball at its defaults, and runs a program of a package. */
const ways: readonly { readonly manager: string; readonly install: string; readonly run: string }[] = [
  {
    manager: "pnpm",
    install: "node /managers/pnpm/pnpm/bin/pnpm.mjs add --save-dev ./spore-ld.tgz",
    run: "node_modules/.bin/spore",
  },
  {
    manager: "Yarn 1",
    install: "node /managers/yarn/yarn/bin/yarn.js add --dev ./spore-ld.tgz",
    run: "node_modules/.bin/spore",
  },
  {
    manager: "Yarn 4, without node_modules",
    install:
      "echo > yarn.lock; node /managers/@yarnpkg/cli-dist/@yarnpkg/cli-dist/bin/yarn.js add --dev ./spore-ld.tgz",
    run: "node /managers/@yarnpkg/cli-dist/@yarnpkg/cli-dist/bin/yarn.js spore",
  },
  {
    manager: "Bun",
    install: "/managers/@oven/bun-linux-x64/@oven/bun-linux-x64/bin/bun add --dev ./spore-ld.tgz",
    run: "node_modules/.bin/spore",
  },
];

for (const { manager, install: command, run: spore } of ways)
  test.skipIf(isSkipped)(`${manager} installs it, and it links`, async () => {
    const folder = newFolder(manager.replaceAll(/\W/g, "-"), files);
    const installed = await runBare(folder, "24", command);
    expect(installed, installed.stdout + installed.stderr).toMatchObject({ status: 0 });
    const linked = await runBare(folder, "24", `${spore} exec -- ${link}; ./hello`);
    expect(linked).toMatchObject({ status: 0, stdout: "hello\n", stderr: expect.stringMatching(/^spore: 1 link in /) });
  });

test.skipIf(isSkipped)("an older Node than it needs is told so", async () => {
  await bareSystem(["18"], []);
  const folder = newFolder("node-18", files);
  await runBare(folder, "24", install);
  const linked = await runBare(folder, "18", `node_modules/spore-ld/bin/${link} || echo status $?`);
  expect(linked.stderr).toContain("Node 20.19");
});
