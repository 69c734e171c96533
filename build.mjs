#!/usr/bin/env node
/**
 * Builds what `npm run build` and the tests need, each only when its sources changed:
 *
 *   node build.mjs [generate] [sanitize] [addon] [launcher] [command] [library] [prebuilt] [--force]
 *   node build.mjs run FILE.ts [ARGUMENT...]
 *
 * run:      a TypeScript program of this tree, which Node 20 does not run as it is; with addon and command
 * generate: the C++ view of the tables in src/, and docs/options.md (never part of the default: what it writes is committed)
 * sanitize: build/sanitize/bin/ld, the linker with an addon that is built to notice faults, and the node that can
 *           load that addon (neither)
 * addon:    native/build/Release/spore.node, by node-gyp, offline, with the headers beside this node
 * launcher: bin/ld and bin/spore, one small native program that finds Node and starts it with the command; and
 *           bin/plugin-host, in which linker plugins run
 * command:  dist/command.cjs, what bin/ld and bin/spore load, and these. CommonJS, because loading an ES module costs
 *           Node 20 another 4 ms
 * library:  dist/*.js and *.d.ts, what `import "spore-ld"` loads
 * prebuilt: prebuilt/linux-x64-glibc/spore.node, the addon as it is packed, and the launcher (not part of the default)
 */
import { spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { delimiter, dirname, join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const root = dirname(fileURLToPath(import.meta.url));
const words = process.argv.slice(2);
const isForced = words.includes("--force") && words[0] !== "run";
const asked = words.filter((word) => !word.startsWith("-"));

/** Ends the build with a message, not with a trace. */
function fail(message) {
  process.stderr.write(`build: ${message}\n`);
  process.exit(1);
}

/** All files below these paths, for the stamp of what was built from them. */
function filesBelow(...paths) {
  return paths.flatMap((path) => {
    const full = join(root, path);
    if (!existsSync(full)) return [];
    if (!statSync(full).isDirectory()) return [full];
    return readdirSync(full, { recursive: true })
      .map((name) => join(full, name))
      .filter((name) => statSync(name).isFile());
  });
}

/** Runs `build` unless `output` was built from files of the same contents, by the same Node, before. */
async function unlessFresh(output, inputs, build, settings = "") {
  const digest = createHash("sha256").update(`${process.version} ${process.arch} ${settings}`);
  for (const file of inputs.sort()) digest.update(`\0${relative(root, file)}\0`).update(readFileSync(file));
  const stamp = digest.digest("hex");
  const stampFile = join(root, "dist", ".stamps", output.replaceAll("/", "-"));
  if (!isForced && existsSync(join(root, output)) && existsSync(stampFile))
    if (readFileSync(stampFile, "utf8") === stamp) return;
  await build();
  mkdirSync(dirname(stampFile), { recursive: true });
  writeFileSync(stampFile, stamp);
}

/** The directory that has include/node/node_api.h: node-gyp's nodedir. */
function nodeDirectory() {
  const candidates = [process.env["npm_config_nodedir"], dirname(dirname(process.execPath)), "/usr"];
  return candidates.find((path) => path && existsSync(join(path, "include", "node", "node_api.h")));
}

function requireTools() {
  const missing = [
    ["gcc", "gcc"],
    ["g++", "g++"],
    ["make", "make"],
    ["python3", "python3"],
  ].filter(([tool]) => {
    const path = (process.env["PATH"] ?? "").split(delimiter);
    return !path.some((folder) => existsSync(join(folder, tool)));
  });
  const packages = missing.map(([, name]) => name);
  const names = missing.map(([tool]) => tool);
  if (nodeDirectory() === undefined) {
    names.push("Node's headers (include/node/node_api.h)");
    packages.push("libnode-dev");
  }
  if (names.length > 0)
    fail(
      `${names.join(", ")} not found; install with: apt-get install ${packages.join(" ")}` +
        (packages.includes("libnode-dev") ? "\n       (an official Node archive has its headers inside)" : ""),
    );
}

/** Runs a program of node_modules with this node. */
function run(module, args, options = {}) {
  const file = join(root, "node_modules", module);
  if (!existsSync(file)) fail(`${module} is not installed; run: npm ci`);
  const path = [dirname(process.execPath), process.env["PATH"]].join(delimiter);
  const done = spawnSync(process.execPath, [file, ...args], {
    cwd: root,
    encoding: "utf8",
    maxBuffer: 1 << 28,
    ...options,
    env: { ...process.env, PATH: path, NODE_OPTIONS: "", ...options.env },
  });
  if (done.status === 0) return;
  process.stderr.write((done.stdout ?? "") + (done.stderr ?? ""));
  fail(`${module} failed`);
}

async function buildAddon() {
  const isElsewhere = (file) => /^native\/(build|launcher|plugin-host)\//.test(relative(root, file));
  const inputs = filesBelow("native").filter((file) => !isElsewhere(file));
  await unlessFresh("native/build/Release/spore.node", inputs, () => {
    requireTools();
    const directory = ["--directory", "native", "--nodedir", nodeDirectory(), "--loglevel", "error"];
    const gyp = "node-gyp/bin/node-gyp.js";
    // Warnings fail the build where somebody looks at the build, not where somebody wants to link.
    const env = process.env["CI"] ? { CXXFLAGS: `${process.env["CXXFLAGS"] ?? ""} -Werror` } : {};
    // What is compiled follows from the list of files, so a configure is due with every file that came or went.
    run(gyp, ["configure", ...directory], { env });
    run(gyp, ["build", "--jobs", String(availableParallelism()), ...directory], { env });
  });
}

/** The oldest Node that will do: major and minor version. */
function neededNode() {
  const { engines } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
  return /(\d+)\.(\d+)/.exec(engines.node).slice(1);
}

/** What the launcher is called. */
const launchers = ["bin/ld", "bin/spore"];

/** The launcher, under each of its names, and the Node that it need not ask for its version. */
async function buildLauncher() {
  const [major, minor] = neededNode();
  const { dev, ino, size, mtimeMs } = statSync(process.execPath);
  mkdirSync(join(root, "dist"), { recursive: true });
  writeFileSync(join(root, "dist", "known-node.txt"), `${dev}-${ino}-${size}-${Math.floor(mtimeMs / 1000)}\n`);
  const defines = { SPORE_NODE_MAJOR: major, SPORE_NODE_MINOR: minor };
  const sources = filesBelow("native/launcher", "native/resident/protocol.h");
  const flags = [
    "-std=gnu11",
    "-O2",
    "-Wall",
    "-Wextra",
    ...(process.env["CI"] ? ["-Werror"] : []),
    "-Inative",
    ...Object.entries({ _GNU_SOURCE: "1", ...defines }).map(([name, value]) => `-D${name}=${value}`),
    "-s",
    "-Wl,--build-id=none",
  ];
  const stale = launchers.filter((path) => !existsSync(join(root, path)));
  if (stale.length > 0) rmSync(join(root, launchers[0]), { force: true });
  await unlessFresh(
    launchers[0],
    [...sources, join(root, "build.mjs")],
    () => {
      requireTools();
      const built = join(root, "bin", ".launcher");
      const files = sources.filter((file) => file.endsWith(".c"));
      const done = spawnSync("gcc", [...flags, ...files, "-o", built], { cwd: root, encoding: "utf8" });
      if (done.status !== 0) fail(`the launcher does not compile:\n${done.stderr}`);
      process.stderr.write(done.stderr);
      // Renamed, because one that runs cannot be written.
      for (const path of launchers) {
        copyFileSync(built, `${built}-copy`);
        renameSync(`${built}-copy`, join(root, path));
      }
      rmSync(built);
    },
    JSON.stringify(defines),
  );
}

/** bin/plugin-host, the process that linker plugins run in. */
async function buildPluginHost() {
  const sources = filesBelow("native/plugin-host");
  await unlessFresh("bin/plugin-host", [...sources, join(root, "build.mjs")], () => {
    requireTools();
    const built = join(root, "bin", ".plugin-host");
    const files = sources.filter((file) => file.endsWith(".c"));
    const warnings = ["-Wall", "-Wextra", ...(process.env["CI"] ? ["-Werror"] : [])];
    // Older C libraries have dlopen and threads in libraries of their own.
    const flags = ["-std=gnu11", "-O2", ...warnings, "-Inative", "-D_GNU_SOURCE", "-s", "-Wl,--build-id=none"];
    const done = spawnSync("gcc", [...flags, ...files, "-o", built, "-ldl", "-pthread"], {
      cwd: root,
      encoding: "utf8",
    });
    if (done.status !== 0) fail(`the plugins' process does not compile:\n${done.stderr}`);
    process.stderr.write(done.stderr);
    renameSync(built, join(root, "bin", "plugin-host"));
  });
}

/** What dist/command.cjs loads: the linker, the tool around it, and the resident linker, which have the linker inside. */
const programs = ["ld", "spore", "resident"];
/** Those that somebody waits for. */
const cachedPrograms = ["ld", "spore"];

/**
 * dist/command.cjs loads dist/ld-code.cjs or dist/spore-code.cjs by way of V8's code cache, which saves a quarter of
 * the time that Spore needs before its first pass; Node 20 has no cache of its own. A link does not read commander,
 * nor what only `spore` does.
 */
async function buildCommand() {
  await buildLauncher();
  await buildPluginHost();
  await unlessFresh(
    "dist/command.cjs",
    filesBelow("src", "bin/load-command.cjs", "package.json", "build.mjs", "native/resident/warm-up"),
    async () => {
      const { build } = await import("esbuild");
      const { version } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
      const options = {
        absWorkingDir: root,
        bundle: true,
        platform: "node",
        target: "node20.19",
        format: "cjs",
        sourcemap: true,
        sourcesContent: false, // places are enough for a trace
        minify: true,
        legalComments: "none", // all are in dist/THIRD-PARTY.txt
        metafile: true,
        logLevel: "warning",
      };
      const bundles = [await build({ ...options, entryPoints: ["commander"], outfile: "dist/commander.cjs" })];
      const demangler = join(root, "node_modules", "gecko-profiler-demangle");
      if (!existsSync(demangler)) fail("gecko-profiler-demangle is not installed; run: npm ci");
      cpSync(join(demangler, "index_bg.wasm"), join(root, "dist", "rust-names.wasm"));
      for (const program of programs) {
        const bundle = await build({
          ...options,
          entryPoints: [`src/command/${program}-entry.ts`],
          outfile: `dist/${program}-code.cjs`,
          // CommonJS has no import.meta.
          define: { "import.meta.dirname": "__dirname", SPORE_VERSION: JSON.stringify(version) },
          // As Node wraps a module, so that the loader need not copy the text.
          banner: { js: "(function (exports, require, module, __filename, __dirname) {" },
          footer: { js: "})" },
          plugins: [
            {
              name: "commander",
              setup: (builder) =>
                builder.onResolve({ filter: /^commander$/ }, () => ({ path: "./commander.cjs", external: true })),
            },
            ...(program === "spore" ? [] : [withoutProse]),
          ],
        });
        bundles.push(bundle);
      }
      writeThirdPartyNotice(bundles.flatMap(({ metafile }) => Object.keys(metafile.inputs)));
      compileWarmUp();
      const loader = readFileSync(join(root, "bin", "load-command.cjs"), "utf8").replace(
        "NEEDED_NODE",
        neededNode().join("."),
      );
      writeFileSync(join(root, "dist", "command.cjs"), loader);
      // V8 knows whose code a cache has by the length of the source only.
      for (const name of readdirSync(join(root, "dist"))) if (name.endsWith(".cache")) rmSync(join(root, "dist", name));
      warmCodeCache();
    },
  );
}

/** dist/warm-up: what the resident linker links before its first client. */
function compileWarmUp() {
  const folder = join(root, "dist", "warm-up");
  mkdirSync(folder, { recursive: true });
  const compile = (tool, ...options) => {
    const done = spawnSync(tool, options, { cwd: folder, encoding: "utf8" });
    if (done.status !== 0) fail(`${tool} ${options.join(" ")} failed:\n${done.stderr}`);
  };
  const source = (name) => join(root, "native", "resident", "warm-up", `${name}.c`);
  for (const name of ["main", "member", "unused"])
    compile("gcc", "-c", "-O1", "-fPIE", "-ffunction-sections", source(name));
  writeFileSync(
    join(folder, "versions"),
    "V1 { global: library_value; };\nV2 { global: from_library; local: *; } V1;\n",
  );
  compile("gcc", "-shared", "-fPIC", source("library"), "-Wl,--version-script=versions", "-o", "liblibrary.so");
  writeFileSync(
    join(folder, "libscript.so"),
    "/* As the C library has it. */\nOUTPUT_FORMAT(elf64-x86-64)\nGROUP ( libmember.a AS_NEEDED ( liblibrary.so ) )\n",
  );
  rmSync(join(folder, "libmember.a"), { force: true });
  compile("ar", "rcs", "libmember.a", "member.o", "unused.o");
}

/**
 * What tables, kernels and findings are is for people: 40 KB of text, of which V8 makes a thousand strings before every
 * link. `spore explain` has it. What is no prose has no spaces, but for the names of passes.
 */
const withoutProse = {
  name: "without prose",
  setup: (builder) =>
    builder.onLoad({ filter: /\/src\/tables\/(schema|kernels|findings)\.ts$/ }, ({ path }) => ({
      loader: "ts",
      contents: readFileSync(path, "utf8").replaceAll(/"(?:[^"\\\n]|\\.)*"/g, (text) =>
        text.includes(" ") && text !== '"find needs"' ? '""' : text,
      ),
    })),
};

/** Code of others that dist and the addon have besides what is bundled: a wasm file, and headers. */
const copiedPackages = ["gecko-profiler-demangle", "node-addon-api"];

/** dist/THIRD-PARTY.txt: whose code is in what is shipped, and its licence. */
function writeThirdPartyNotice(bundledFiles) {
  const bundled = bundledFiles.flatMap((file) => /(?:^|\/)node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(file)?.[1] ?? []);
  const notices = [...new Set([...bundled, ...copiedPackages])]
    .sort((a, b) => a.localeCompare(b))
    .map((name) => {
      const folder = join(root, "node_modules", name);
      const { version, license } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
      const files = readdirSync(folder).filter((file) => /^(licen[cs]e|notice)/i.test(file));
      // Where there is a choice, MIT is as short as can be.
      const chosen = files.find((file) => /mit/i.test(file)) ?? files[0];
      if (chosen === undefined) fail(`${name} has no licence that could be shipped`);
      const text = readFileSync(join(folder, chosen), "utf8").trim();
      return `${name} ${version} (${license})\n\n${text}\n`;
    });
  const head = "Spore is shipped with code of these packages:\n";
  notices.push(
    "libstdc++ and libgcc (GPL-3.0 with the GCC Runtime Library Exception 3.1)\n\n" +
      "GCC's runtime libraries, which the addon has inside. The exception lets it be under any licence.\n",
  );
  writeFileSync(join(root, "dist", "THIRD-PARTY.txt"), [head, ...notices].join(`\n${"-".repeat(80)}\n\n`));
}

/**
 * Writes V8's code caches. Each has what was compiled by the end of a run, and what was in it before: so the runs
 * are links of what is at hand, the addon's objects. Where they are not, or g++ is not, --help has to do.
 */
function warmCodeCache() {
  // Objects of sources that are gone stay in the folder.
  const folderOfObjects = join(root, "native", "build", "Release", "obj.target", "spore");
  const objects = filesBelow("native/build/Release/obj.target").filter(
    (file) =>
      file.endsWith(".o") && existsSync(join(root, "native", relative(folderOfObjects, file).replace(/o$/, "cc"))),
  );
  const folder = mkdtempSync(join(tmpdir(), "spore-build-"));
  const path = [dirname(process.execPath), process.env["PATH"]].join(delimiter);
  const env = { ...process.env, PATH: path, SPORE_WRITE_CODE_CACHE: "1", NODE_OPTIONS: "" };
  const link = (...options) => {
    const args = [`-B${join(root, "bin")}`, ...options, ...objects, "-o", join(folder, "linked")];
    const { status, stderr } = spawnSync("g++", args, { env, encoding: "utf8" });
    // A link that fails leaves a cache that lacks the later passes: slower, and nobody would see why.
    if (status === null || status === 0) return;
    const message = `the link that warms the code cache failed:\n${stderr}`;
    if (process.env.CI) fail(message);
    process.stderr.write(`build: ${message}`);
  };
  // By way of bin/, where Node is given its options: V8 takes a cache for its own only where its flags are the same.
  for (const program of cachedPrograms) spawnSync(join(root, "bin", program), ["--help"], { env });
  if (objects.length > 0) {
    link("-shared", "-Wl,--build-id");
    link("-pie", "-Wl,--build-id,--gc-sections,--unresolved-symbols=ignore-all,--entry=0");
  }
  rmSync(folder, { recursive: true, force: true });
}

async function buildLibrary() {
  await unlessFresh("dist/staging/index.js", filesBelow("src", "package.json", "tsconfig.json"), () => {
    // What was compiled from sources that are gone would be packed.
    const isCompiled = (name) =>
      name !== "warm-up" && !name.startsWith(".") && (!name.includes(".") || /\.(js|d\.ts)(\.map)?$/.test(name));
    for (const name of existsSync(join(root, "dist")) ? readdirSync(join(root, "dist")) : [])
      if (isCompiled(name)) rmSync(join(root, "dist", name), { recursive: true });
    run("typescript/bin/tsc", ["-p", "tsconfig.json"]);
  });
}

/**
 * The addon without what only debuggers read. It runs with the glibc that it was linked with and later ones, as the
 * launcher does: .ci/prebuild makes those that are published.
 */
async function buildPrebuilt() {
  const output = "prebuilt/linux-x64-glibc/spore.node";
  const inputs = filesBelow("native").filter((file) => !relative(root, file).startsWith(join("native", "build")));
  await buildLauncher();
  await buildPluginHost();
  await unlessFresh(output, inputs, async () => {
    await buildAddon();
    mkdirSync(dirname(join(root, output)), { recursive: true });
    const from = join(root, "native", "build", "Release", "spore.node");
    const { status, stderr } = spawnSync("strip", ["--strip-unneeded", "-o", join(root, output), from], {
      encoding: "utf8",
    });
    if (status !== 0) fail(`strip failed${stderr ? `: ${stderr}` : ""}`);
  });
}

/** The generator is TypeScript, which Node 20 does not run as it is. */
async function generate() {
  const { build } = await import("esbuild");
  const { outputFiles } = await build({
    absWorkingDir: root,
    entryPoints: ["native/generated/generate.ts"],
    bundle: true,
    platform: "node",
    format: "esm",
    write: false,
  });
  const source = Buffer.from(outputFiles[0].contents).toString("base64");
  const generator = await import(`data:text/javascript;base64,${source}`);
  generator.generate(join(root, "/"));
}

/**
 * The whole linker under build/sanitize/, made to notice: its addon with AddressSanitizer, UndefinedBehaviorSanitizer,
 * the assertions of libstdc++ and our own (native/elf/checked.h), and inputs staged before an inaccessible page. The
 * node that loads it is an ordinary one, so the runtimes are preloaded, and leaks are not looked for.
 */
async function buildSanitized() {
  const copy = join(root, "build", "sanitize");
  const inputs = filesBelow("native", "src", "bin/load-command.cjs", "build.mjs").filter(
    (file) => !file.includes("/native/build/"),
  );
  await unlessFresh("build/sanitize/bin/ld", inputs, async () => {
    requireTools();
    await buildCommand();
    const isSource = (file) => !file.startsWith(join(root, "native", "build"));
    rmSync(copy, { recursive: true, force: true });
    cpSync(join(root, "native"), join(copy, "native"), { recursive: true, filter: isSource });
    for (const file of ["command.cjs", ...programs.map((program) => `${program}-code.cjs`), "rust-names.wasm"])
      cpSync(join(root, "dist", file), join(copy, "dist", file));
    // Without the two optimisations each check has a place of its own, which its trace names.
    const flags =
      "-fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer -fno-crossjumping -fno-tree-tail-merge";
    const env = {
      CXXFLAGS: `${flags} -D_GLIBCXX_ASSERTIONS -DSPORE_CHECKED`,
      LDFLAGS: flags,
      SPORE_SHARED_RUNTIME: "1",
    };
    const directory = ["--directory", join(copy, "native"), "--nodedir", nodeDirectory(), "--loglevel", "error"];
    run("node-gyp/bin/node-gyp.js", ["configure", ...directory], { env });
    run("node-gyp/bin/node-gyp.js", ["build", "--jobs", String(availableParallelism()), ...directory], { env });
    const runtimes = ["libasan.so", "libubsan.so"].map((name) =>
      spawnSync("g++", [`-print-file-name=${name}`], { encoding: "utf8" }).stdout.trim(),
    );
    // handle_segv and handle_sigbus: staging has handlers of its own for mapped files that shrink.
    const asan = "detect_leaks=0:handle_segv=0:handle_sigbus=0:allow_user_segv_handler=1";
    const node = [
      "#!/bin/sh",
      `export LD_PRELOAD="${runtimes.join(" ")}" ASAN_OPTIONS="${asan}:$ASAN_OPTIONS" UBSAN_OPTIONS="print_stacktrace=1:$UBSAN_OPTIONS"`,
      // A child that is forked while another thread holds a lock of AddressSanitizer's allocator waits for ever.
      `exec "${process.execPath}" --single-threaded --v8-pool-size=0 "$@"`,
      "",
    ];
    const linker = [
      "#!/bin/sh",
      `exec "${join(copy, "bin", "node")}" "${join(copy, "dist", "command.cjs")}" ld "$@"`,
      "",
    ];
    mkdirSync(join(copy, "bin"));
    writeFileSync(join(copy, "bin", "node"), node.join("\n"), { mode: 0o755 });
    writeFileSync(join(copy, "bin", "ld"), linker.join("\n"), { mode: 0o755 });
  });
}

/** Bundles a program to where it finds the addon from, and runs it in this process's place. */
async function runProgram(file, args) {
  const { build } = await import("esbuild");
  const outfile = join(
    root,
    "build",
    "run",
    relative(root, resolve(file)).replace(/\.ts$/, ".mjs").replaceAll("/", "-"),
  );
  await build({
    absWorkingDir: root,
    entryPoints: [resolve(file)],
    outfile,
    bundle: true,
    packages: "external",
    platform: "node",
    target: "node20.19",
    format: "esm",
    sourcemap: true,
    logLevel: "warning",
  });
  const program = spawn(process.execPath, ["--enable-source-maps", outfile, ...args], { stdio: "inherit" });
  // The terminal sends its signals to both; the program decides when it is over.
  for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => program.kill(signal));
  program.on("exit", (code, signal) => (process.exitCode = signal === null ? code : 1));
}

const steps = {
  sanitize: buildSanitized,
  generate,
  addon: buildAddon,
  launcher: async () => {
    await buildLauncher();
    await buildPluginHost();
  },
  command: buildCommand,
  library: buildLibrary,
  prebuilt: buildPrebuilt,
};
const program = words[0] === "run" ? words[1] : undefined;
if (words[0] === "run" && program === undefined) fail("run what? node build.mjs run FILE.ts [ARGUMENT...]");
const wanted = program === undefined ? asked : ["addon", "command"];
const unknown = wanted.find((step) => !(step in steps));
if (unknown !== undefined) fail(`unknown step "${unknown}"; known: ${Object.keys(steps).join(", ")}`);
if (process.platform !== "linux" && asked.includes("addon")) fail("the addon is for Linux");
for (const step of wanted.length === 0 ? ["addon", "command", "library"] : wanted) await steps[step]();
if (program !== undefined) await runProgram(program, words.slice(2));
