// Builds the native tests with AddressSanitizer and UndefinedBehaviorSanitizer and runs them: everything
// that does not see Node-API, and every test beside this file. `npm run test:sanitize`; CXX is honoured.
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, statSync } from "node:fs";
import { availableParallelism } from "node:os";
import { dirname, join } from "node:path";

/** Where zlib.h is: among Node's own headers. */
function nodeHeaders() {
  const folders = [process.env["npm_config_nodedir"], dirname(dirname(process.execPath)), "/usr"];
  const found = folders.find((folder) => folder && existsSync(join(folder, "include", "node", "zlib.h")));
  return join(found ?? "/usr", "include", "node");
}

const native = join(import.meta.dirname, "..");
const build = join(native, "build", "sanitize");
const folders = ["staging", "elf", "tables", "targets", "kernels", "generated", "test"];
const flags = [
  "-std=c++20",
  "-O1",
  "-g",
  "-Wall",
  "-Wextra",
  "-I.",
  "-Iinclude",
  `-isystem${nodeHeaders()}`,
  "-fno-omit-frame-pointer",
];
const sanitizers = ["-fsanitize=address,undefined", "-fno-sanitize-recover=all"];

const filesOf = (folder) => (existsSync(join(native, folder)) ? readdirSync(join(native, folder)) : []);
const sources = folders.flatMap((folder) =>
  filesOf(folder)
    .filter((name) => name.endsWith(".cc"))
    .map((name) => `${folder}/${name}`),
);
const newestHeader = Math.max(
  ...[...folders, "include/spore"].flatMap((folder) =>
    filesOf(folder)
      .filter((name) => name.endsWith(".h"))
      .map((name) => statSync(join(native, folder, name)).mtimeMs),
  ),
);

function run(command, args, options = {}) {
  const { status, signal, error } = spawnSync(command, args, { cwd: native, stdio: "inherit", ...options });
  if (status === 0) return;
  console.error(`${command} failed: ${error?.message ?? signal ?? `exit status ${status}`}`);
  process.exit(1);
}

const objectOf = (source) => join(build, `${source.replace("/", "-")}.o`);
const isStale = (source) =>
  !existsSync(objectOf(source)) ||
  statSync(objectOf(source)).mtimeMs < Math.max(newestHeader, statSync(join(native, source)).mtimeMs);
const compiler = process.env.CXX ?? "g++";
const rules = sources.filter(isStale).map((source) => [...flags, ...sanitizers, "-c", source, "-o", objectOf(source)]);

mkdirSync(build, { recursive: true });
// One compiler per core: xargs is in every Debian, and takes one argument list a line.
run("xargs", ["-r", "-P", String(availableParallelism()), "-L1", compiler], {
  input: rules.map((rule) => rule.map((word) => `'${word}'`).join(" ")).join("\n"),
  stdio: ["pipe", "inherit", "inherit"],
});
const program = join(build, "native-tests");
run(compiler, [...sanitizers, ...sources.map(objectOf), "-o", program, "-lpthread", "-ldl", "-l:libz.so.1"]);
run(program, process.argv.slice(2), { env: { ...process.env, UBSAN_OPTIONS: "print_stacktrace=1" } });
