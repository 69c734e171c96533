/** What README says of build tools: each line as it is there, in a project of that tool, and `spore exec` around it. */
import { existsSync, readFileSync } from "node:fs";
import { mkdir, symlink } from "node:fs/promises";
import { dirname, join } from "node:path";
import { expect, test } from "vitest";

import { root, run } from "../harness/oracles.ts";
import { lacks, lacksVersion, type Requirement } from "../harness/requirements.ts";
import { type Files, type Scratch, scratch } from "../harness/scratch.ts";

/** The commands of README's block, by the comment above each. */
function readmeLines(): ReadonlyMap<string, string> {
  const [, block = ""] = /```sh\n(dir=[^]*?)```/.exec(readFileSync(join(root, "README.md"), "utf8")) ?? [];
  const lines = block.trim().split(/^# (.*)$/m);
  const [setup = ""] = lines;
  const found = new Map<string, string>();
  for (let i = 1; i < lines.length; i += 2) found.set(lines[i]!, setup + lines[i + 1]!);
  return found;
}

const lines = readmeLines();
/** The command whose comment begins so. */
function readmeLine(title: string): string {
  const [, line] = [...lines].find(([comment]) => comment.startsWith(title)) ?? [];
  if (line === undefined) throw new Error(`README has no line "# ${title}"`);
  return line;
}

const c: Files = {
  "main.c": '#include <stdio.h>\nint two(void);\nint main(void) { printf("hello %d\\n", two()); return 0; }',
  "two.c": "int two(void) { return 2; }",
};
const oneFile: Files = { "main.c": '#include <stdio.h>\nint main(void) { puts("hello 2"); return 0; }' };

interface Tool {
  readonly title: string;
  readonly needs: readonly Requirement[];
  readonly atLeast?: { readonly program: string; readonly version: string };
  readonly files: Files;
  /** Configures, where that is another command than the one that links; the line of README does if it has none. */
  readonly configure?: string;
  /** After README's line, or in place of it under `spore exec`. */
  readonly build: string;
  /** What it makes, among other things. */
  readonly outputs: readonly string[];
  /** Prints "hello 2". */
  readonly run: string;
}

const cmakeProject: Files = {
  ...c,
  "plugin.cc": 'extern "C" int plugin() { return 3; }',
  "CMakeLists.txt": `cmake_minimum_required(VERSION 3.10)
    project(hello C CXX)
    add_library(two SHARED two.c)
    add_library(plugin MODULE plugin.cc)
    add_executable(main main.c)
    target_link_libraries(main two)`,
};
const cmake: Omit<Tool, "title"> = {
  needs: [{ needs: "cmake", from: "cmake" }],
  files: cmakeProject,
  configure: "cmake -B build",
  build: "cmake --build build",
  outputs: ["libtwo.so", "libplugin.so", "main"],
  run: "build/main",
};

const tools: readonly Tool[] = [
  { title: "gcc", needs: [], files: oneFile, build: "gcc main.c -o main", outputs: ["main"], run: "./main" },
  {
    title: "clang",
    needs: [{ needs: "clang", from: "clang" }],
    files: oneFile,
    build: "clang main.c -o main",
    outputs: ["main"],
    run: "./main",
  },
  { title: "CMake", ...cmake },
  { title: "CMake 3.29", ...cmake, atLeast: { program: "cmake", version: "3.29" } },
  {
    title: "Meson",
    needs: [
      { needs: "meson", from: "meson" },
      { needs: "ninja", from: "ninja-build" },
    ],
    files: {
      ...c,
      "two.cc": 'extern "C" int two() { return 2; }',
      "meson.build": `project('hello', 'c', 'cpp')
        two = shared_library('two', 'two.cc')
        executable('main', 'main.c', link_with: two)`,
    },
    configure: "meson setup build",
    build: "ninja -C build",
    outputs: ["libtwo.so", "main"],
    run: "build/main",
  },
  {
    title: "cargo",
    needs: [{ needs: "cargo", from: "cargo" }],
    files: {
      "Cargo.toml": '[package]\nname = "hello"\nversion = "1.0.0"\nedition = "2021"',
      "build.rs": "fn main() {}",
      "src/main.rs": 'fn main() { println!("hello {}", 1 + 1); }',
    },
    build: "cargo build",
    outputs: ["build_script_build", "hello"],
    run: "target/debug/hello",
  },
  {
    title: "Go",
    needs: [{ needs: "go", from: "golang-go" }],
    files: {
      "go.mod": "module hello\n\ngo 1.19\n",
      "main.go":
        'package main\n\n// int two(void) { return 2; }\nimport "C"\nimport "fmt"\n\nfunc main() { fmt.Println("hello", C.two()) }\n',
    },
    build: "go build",
    outputs: ["a.out"],
    run: "./hello",
  },
  {
    title: "node-gyp",
    needs: [],
    files: {
      "package.json": '{ "name": "hello", "version": "1.0.0" }',
      "binding.gyp": '{ "targets": [{ "target_name": "hello", "sources": ["hello.c"] }] }',
      "hello.c": `#include <node_api.h>
        NAPI_MODULE_INIT() { napi_value two; napi_create_int32(env, 2, &two); return two; }`,
    },
    build: "npx node-gyp rebuild",
    outputs: ["hello.node"],
    run: "node -p '`hello ${require(\"./build/Release/hello.node\")}`'",
  },
];

/** The directory that node-gyp takes Node's headers from; without it, it would download them. */
const nodeDirectory = [dirname(dirname(process.execPath)), "/usr"].find((path) =>
  existsSync(join(path, "include/node/node_api.h")),
);

/** A project with Spore in its node_modules, as npm would have put it there. */
async function project(files: Files): Promise<Scratch> {
  const dir = await scratch(files);
  await mkdir(dir.file("node_modules/.bin"), { recursive: true });
  await symlink(join(root, "bin/spore"), dir.file("node_modules/.bin/spore"));
  await symlink(join(root, "node_modules/node-gyp/bin/node-gyp.js"), dir.file("node_modules/.bin/node-gyp"));
  return dir;
}

/** Runs a shell's command in the project; resolves to the outputs of the links that it made. */
async function shell(dir: Scratch, command: string): Promise<string[]> {
  const env = {
    SPORE_LINK_LOG: dir.file("links"),
    GOCACHE: dir.file("go-cache"),
    GOFLAGS: "-buildvcs=false",
    CARGO_TARGET_DIR: dir.file("target"),
    npm_config_nodedir: nodeDirectory,
    NODE_OPTIONS: undefined,
    PATH: `${dir.file("node_modules/.bin")}:${process.env["PATH"]}`,
  };
  await dir.write("links", "");
  const ended = await run("sh", ["-ec", command], { cwd: dir.path, env, timeoutMs: 600_000 });
  expect(ended, ended.stdout + ended.stderr).toMatchObject({ status: 0 });
  const log = await dir.read("links");
  const links = log.toString().split("\n").slice(0, -1);
  return links.map((line) => (JSON.parse(line) as { output: string }).output);
}

async function expectMade(dir: Scratch, { outputs, run: program }: Tool, links: readonly string[]): Promise<void> {
  for (const name of outputs)
    expect(
      links.some((link) => link.includes(name)),
      `${name} in ${links.join(" ")}`,
    ).toBe(true);
  const { stdout } = await dir.mustRun("sh", ["-c", program]);
  expect(stdout).toBe("hello 2\n");
}

/** Says, once, that a test is skipped. */
const isMissing = ({ needs, atLeast }: Tool): boolean =>
  lacks(needs) || (atLeast !== undefined && lacksVersion(atLeast.program, atLeast.version));

for (const tool of tools) {
  test.skipIf(isMissing(tool))(`README's line for ${tool.title} links with Spore`, async () => {
    await using dir = await project(tool.files);
    const configuring = tool.configure === undefined ? "" : `\n${tool.build}`;
    await expectMade(dir, tool, await shell(dir, readmeLine(tool.title) + configuring));
  });
}

for (const tool of tools.filter(({ atLeast }) => atLeast === undefined)) {
  test.skipIf(isMissing(tool))(`spore exec around ${tool.title} links with Spore`, async () => {
    await using dir = await project(tool.files);
    if (tool.configure !== undefined) await shell(dir, tool.configure);
    const command = `spore exec -- ${tool.build} 2> said; tail -n 1 said`;
    expect(await shell(dir, command)).toEqual([]); // its own list is another file
    const { stdout } = await dir.mustRun("tail", ["-n", "1", "said"]);
    expect(stdout).toMatch(/^spore: \d+ links? in /);
    expect((await dir.mustRun("sh", ["-c", tool.run])).stdout).toBe("hello 2\n");
  });
}

test("every line of README is one that a test runs", () => {
  for (const comment of lines.keys())
    expect(
      tools.some(({ title }) => comment.startsWith(title)),
      comment,
    ).toBe(true);
});
