/**
 * `npm run test:mutants`: makes each mutant in a copy of this tree and runs the tests that should notice it. Takes
 * about a minute for each.
 *
 *   --first N, --count N   some of the list
 *   --only TEXT            those whose file or text contains this
 */
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { cpSync, existsSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";

import { root } from "../harness/oracles.ts";
import { type Mutant, mutants } from "./mutants.ts";

const { values } = parseArgs({
  options: {
    first: { type: "string", default: "0" },
    count: { type: "string", default: "1000" },
    only: { type: "string", default: "" },
  },
});

const copy = join(root, "build", "mutants");
const parts = ["bin", "dist", "native", "src", "test", "testdata"];
const files = ["build.mjs", "package.json", "package-lock.json", "tsconfig.json", "vitest.config.ts"];

function makeCopy(): void {
  rmSync(copy, { recursive: true, force: true });
  for (const name of [...parts, ...files]) cpSync(join(root, name), join(copy, name), { recursive: true });
  symlinkSync(join(root, "node_modules"), join(copy, "node_modules"));
}

/** Whether a test noticed; or that the mutant does not compile, which is no mutant. */
async function verdictOn({ file, find, replace, tests }: Mutant): Promise<"noticed" | "survived" | "does not build"> {
  const path = join(copy, file);
  const text = readFileSync(path, "utf8");
  writeFileSync(
    path,
    text.replace(find, () => replace),
  );
  try {
    const built = spawnSync(process.execPath, ["build.mjs", "addon", "command"], { cwd: copy, encoding: "utf8" });
    if (built.status !== 0) {
      process.stdout.write(built.stderr);
      return "does not build";
    }
    const existing = tests.filter((name) => existsSync(join(copy, name)));
    const args = [join("node_modules", "vitest", "vitest.mjs"), "run", "--bail=1", ...existing];
    return (await pass(args)) ? "survived" : "noticed";
  } finally {
    writeFileSync(path, text);
  }
}

/** Whether the tests pass. What a mutant has linked may run for ever: all that they have started ends with them. */
async function pass(args: readonly string[]): Promise<boolean> {
  const tests = spawn(process.execPath, args, { cwd: copy, stdio: "ignore", detached: true });
  const end = (): unknown => process.kill(-tests.pid!, "SIGKILL");
  const timer = setTimeout(end, 600_000);
  const [status] = await once(tests, "exit");
  clearTimeout(timer);
  try {
    end();
  } catch {
    // nothing is left of the group
  }
  return status === 0;
}

makeCopy();
const chosen = mutants
  .slice(Number(values.first), Number(values.first) + Number(values.count))
  .filter(({ file, find }) => `${file} ${find}`.includes(values.only));
const survivors: Mutant[] = [];
for (const mutant of chosen) {
  const verdict = await verdictOn(mutant);
  process.stdout.write(`${verdict.padEnd(14)} ${mutant.file}: ${mutant.find.split("\n")[0].slice(0, 90)}\n`);
  if (verdict !== "noticed") survivors.push(mutant);
}
process.stdout.write(`${chosen.length} mutants, ${survivors.length} that no test noticed\n`);
process.exitCode = survivors.length === 0 ? 0 : 1;
