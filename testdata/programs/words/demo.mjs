/**
 * `npm run demo`: compiles the program of this folder, links it with Spore through gcc, runs it on its own
 * sources, and asks the program who linked it.
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const source = dirname(fileURLToPath(import.meta.url));
const root = dirname(dirname(dirname(source)));
const folder = mkdtempSync(join(tmpdir(), "spore-demo-"));

/** Runs one command, shown as a user would type it. */
function run(program, ...args) {
  const shown = args.map((word) => word.replaceAll(`${root}/`, "").replaceAll(`${folder}/`, "").replace(folder, "."));
  process.stdout.write(`$ ${[basename(program), ...shown].join(" ")}\n`);
  const { status, error } = spawnSync(program, args, { stdio: "inherit", cwd: root });
  if (error?.code === "ENOENT") fail(`${program} not found; install with: apt-get install gcc binutils`);
  if (status !== 0) fail(`${basename(program)} ended with status ${status ?? "of a signal"}`);
}

function fail(message) {
  process.stderr.write(`demo: ${message}\n`);
  process.exit(1);
}

process.on("exit", () => rmSync(folder, { recursive: true, force: true }));

const files = readdirSync(source).filter((name) => name.endsWith(".c"));
const objects = files.map((name) => join(folder, name.replace(/c$/, "o")));
for (const [index, name] of files.entries()) run("gcc", "-O2", "-g", "-c", join(source, name), "-o", objects[index]);
const archive = join(folder, "libhash.a");
run("ar", "rcs", archive, join(folder, "hash.o"));

const program = join(folder, "words");
const linked = objects.filter((object) => !object.endsWith("hash.o"));
const started = performance.now();
run("gcc", `-B${join(root, "bin")}`, ...linked, `-L${folder}`, "-lhash", "-lm", "-o", program);
const elapsed = performance.now() - started;
run(program, ...files.map((name) => join(source, name)));
process.stdout.write(`\nLinked by Spore in ${elapsed.toFixed(0)} ms, gcc included: ${statSync(program).size} bytes\n`);
