/** loadKernels(): shared objects with kernels of their own. */
import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

import { expect, test } from "vitest";

import {
  Arena,
  StageMode,
  WorkerPool,
  kernelNames,
  loadKernels,
  spawnWorkerWithStaging,
} from "../../src/staging/index.ts";
import { root } from "../harness/oracles.ts";
import { resultAt, run, scratch } from "./run-script.ts";

/** A folder with a shared object, compiled from C or C++. */
function library(source: string, language: "c" | "c++" = "c") {
  const dir = scratch({ "kernels.src": `#include <spore/kernel.h>\n${source}` });
  const [source_, object] = [dir.path("kernels.src"), dir.path("kernels.so")];
  const flags = ["-shared", "-fPIC", "-Wall", "-Wextra", "-Werror", "-fvisibility=hidden"];
  const include = `-I${join(root, "native/include")}`;
  execFileSync("g++", [...flags, include, "-x", language, source_, "-o", object], { encoding: "utf8" });
  return Object.assign(dir, { object });
}

const table = (...entries: string[]): string => `
  static const spore_kernel_entry entries[] = {${entries.join(", ")}};
  const spore_kernel_library spore_kernels = {SPORE_KERNEL_ABI, ${entries.length}, entries};`;
const returns = (name: string, value: number): string =>
  `static int32_t ${name}(const spore_context *context, uint32_t first, uint32_t end) {
     (void)context; (void)first; (void)end; return ${value}; }`;

test("a worker and a pool run a kernel that was loaded from a library in C++", async () => {
  using dir = library(
    `static int32_t doubles(const spore_context *context, uint32_t first, uint32_t end) {
       uint64_t *results = (uint64_t *)(context->arena + *(const uint64_t *)context->args);
       for (uint32_t row = first; row < end; row++) results[row] = row * 2;
       return 0;
     }
     ${returns("seven", 7)}
     ${table('{"library-test:doubles", doubles}', '{"library-test:seven", seven}')}`,
    "c++",
  );
  expect(loadKernels(pathToFileURL(dir.object))).toEqual(["library-test:doubles", "library-test:seven"]);
  expect(loadKernels(pathToFileURL(dir.object).href)).toEqual(loadKernels(dir.object));
  expect(kernelNames().filter((name) => name.startsWith("library-test:"))).toHaveLength(2);
  const handle = await spawnWorkerWithStaging([], StageMode.None, { kernel: "library-test:seven" });
  expect(await handle.join()).toEqual({ code: 7, signal: null });

  using arena = Arena.create();
  const at = arena.allocate(8000);
  await using pool = await WorkerPool.create({ files: [], arena, workers: 2 });
  await pool.run("library-test:doubles", { rows: 1000, args: resultAt(at) });
  expect(arena.u64view(at, 1000)).toEqual(BigUint64Array.from({ length: 1000 }, (_, row) => BigInt(row * 2)));
});

test("a library that cannot be had says why, and leaves no kernel behind", () => {
  using none = library(returns("unused", 0).replace("static", "__attribute__((used)) static"));
  using old = library("const spore_kernel_library spore_kernels = {0, 0, 0};");
  using taken = library(
    returns("mine", 0) + table('{"refused-test:first", mine}', '{"checksum", mine}', '{"refused-test:last", mine}'),
  );
  using twice = library(returns("a", 0) + returns("b", 1) + table('{"refused-test:a", a}', '{"refused-test:a", b}'));
  using nameless = library(returns("a", 0) + table('{"refused-test:b", a}', "{0, a}"));
  using text = scratch({ "kernels.so": "not a library" });
  const refused = (path: string, code: string, message: RegExp): void =>
    expect(() => loadKernels(path), path).toThrow(
      expect.objectContaining({ name: "KernelLibraryError", code, path, message: expect.stringMatching(message) }),
    );
  const missing = text.path("missing.so");
  refused(missing, "ERR_KERNEL_LIBRARY", /^cannot load the kernels of ".*missing\.so": .*No such file/);
  refused(text.path("kernels.so"), "ERR_KERNEL_LIBRARY", /kernels\.so.*(invalid ELF header|too short)/);
  refused(none.object, "ERR_KERNEL_LIBRARY", /exports no table "spore_kernels"/);
  refused(old.object, "ERR_KERNEL_ABI", /version 0 of the interface/);
  refused(taken.object, "ERR_KERNEL_TAKEN", /another kernel of the name "checksum"/);
  refused(twice.object, "ERR_KERNEL_TAKEN", /another kernel of the name "refused-test:a"/);
  refused(nameless.object, "ERR_KERNEL_LIBRARY", /no name or no function/);
  expect(kernelNames().filter((name) => name.startsWith("refused-test:"))).toEqual([]);
});

test("kernels stay when the thread that loaded them has ended", async () => {
  using dir = library(returns("three", 3) + table('{"thread-test:three", three}'));
  const said = await run(
    `if (worker_threads.isMainThread) {
       const thread = new worker_threads.Worker(new URL(import.meta.url), { argv: process.argv.slice(2) });
       await new Promise((resolve) => thread.on("exit", resolve));
       const handle = await spawnWorkerWithStaging([], StageMode.None, { kernel: "thread-test:three" });
       say((await handle.join()).code);
     } else staging.loadKernels(process.argv[2]);`,
    [dir.object],
  );
  expect(said).toEqual([3]);
});
