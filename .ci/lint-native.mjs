/**
 * `npm run lint`'s and `npm run format`'s share for C++ and C: clang-format over native/, and clang-tidy with the
 * rules of .clang-tidy. `--format` rewrites; without it, files that would change are errors.
 */
import { spawn, spawnSync } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { availableParallelism } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
// One version for everybody: others format differently, and older ones do not know all of C++20.
const format = "clang-format-19";
const tidier = "clang-tidy-19";
const sources = readdirSync(join(root, "native"), { recursive: true })
  .filter((name) => /\.(cc|c|h)$/.test(name) && !/^(build|generated)\//.test(name))
  .map((name) => join("native", name))
  .sort();

for (const tool of [format, tidier]) {
  if (spawnSync(tool, ["--version"]).status === 0) continue;
  process.stderr.write(`lint: ${tool} not found; install with: apt-get install clang-format-19 clang-tidy-19\n`);
  process.exit(1);
}

const isFormat = process.argv.includes("--format");
const mode = isFormat ? ["-i"] : ["--dry-run", "--Werror"];
const formatted = spawnSync(format, [...mode, ...sources], { cwd: root, stdio: "inherit" });
if (isFormat) process.exit(formatted.status);

const headers = [dirname(dirname(process.execPath)), "/usr"]
  .map((path) => join(path, "include", "node"))
  .find((path) => existsSync(join(path, "node_api.h")));
const flagsOfC = ["-std=gnu11", "-D_GNU_SOURCE", "-DSPORE_NODE_MAJOR=20", "-DSPORE_NODE_MINOR=19", "-Inative"];
const flags = ["-std=c++20", "-Inative", "-Inative/include", "-Inode_modules/node-addon-api", `-isystem${headers}`];

/** Runs clang-tidy on one file; resolves to what it found. */
function tidy(file) {
  const defines = file.includes("/checked/") ? ["-DNAPI_VERSION=9", "-DSPORE_CHECKED"] : ["-DNAPI_VERSION=9"];
  const ofLanguage = file.endsWith(".c") ? flagsOfC : [...flags, ...defines];
  const child = spawn(tidier, ["--quiet", file, "--", ...ofLanguage], { cwd: root });
  let output = "";
  child.stdout.on("data", (chunk) => (output += chunk));
  return new Promise((resolve) => child.on("close", (code) => resolve(code === 0 ? "" : output)));
}

const waiting = sources.filter((file) => /\.cc?$/.test(file));
let failures = 0;
async function work() {
  for (let file = waiting.shift(); file !== undefined; file = waiting.shift()) {
    const found = await tidy(file);
    if (found === "") continue;
    failures += 1;
    process.stdout.write(found);
  }
}
await Promise.all(Array.from({ length: availableParallelism() }, work));
process.exitCode = failures > 0 || formatted.status !== 0 ? 1 : 0;
