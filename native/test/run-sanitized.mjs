// Builds the native tests with AddressSanitizer and UndefinedBehaviorSanitizer and runs them: everything
// that does not see Node-API, and every test beside this file; and with the checked build's define those in
// checked/. `npm run test:sanitize`; CXX is honoured.
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
/** Programs of tests: what each is built from, and with which defines. */
const programs = [
  { name: "native-tests", from: folders, defines: [] },
  {
    name: "checked-tests",
    from: ["staging", "test/checked"],
    also: ["tables/protection.cc", "test/main.cc"],
    defines: ["-DSPORE_CHECKED"],
  },
];
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

const compiler = process.env.CXX ?? "g++";
mkdirSync(build, { recursive: true });
for (const { name, from, also = [], defines } of programs) {
  const found = from.flatMap((folder) => filesOf(folder).map((file) => `${folder}/${file}`));
  const sources = [...found.filter((file) => file.endsWith(".cc")), ...also];
  const objectOf = (source) => join(build, `${name}-${source.replaceAll("/", "-")}.o`);
  const isStale = (source) =>
    !existsSync(objectOf(source)) ||
    statSync(objectOf(source)).mtimeMs < Math.max(newestHeader, statSync(join(native, source)).mtimeMs);
  const rules = sources
    .filter(isStale)
    .map((source) => [...flags, ...defines, ...sanitizers, "-c", source, "-o", objectOf(source)]);
  // One compiler per core: xargs is in every Debian, and takes one argument list a line.
  run("xargs", ["-r", "-P", String(availableParallelism()), "-L1", compiler], {
    input: rules.map((rule) => rule.map((word) => `'${word}'`).join(" ")).join("\n"),
    stdio: ["pipe", "inherit", "inherit"],
  });
  const program = join(build, name);
  run(compiler, [...sanitizers, ...sources.map(objectOf), "-o", program, "-lpthread", "-ldl", "-l:libz.so.1"]);
  run(program, process.argv.slice(2), { env: { ...process.env, UBSAN_OPTIONS: "print_stacktrace=1" } });
}
