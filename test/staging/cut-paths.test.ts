/** A path with a NUL in it is refused: as a string of C it would name another file. */
import { afterAll, beforeAll, expect, test } from "vitest";

import {
  createPool,
  File,
  IoError,
  kernelNames,
  loadKernels,
  spawnWorkersWithStaging,
  stage,
  stageFiles,
  StageMode,
} from "../../src/staging/index.ts";
import { Diagnostics, link, parseOptions } from "../../src/index.ts";
import { spore } from "../harness/oracles.ts";
import { type Scratch, scratch } from "../harness/scratch.ts";

let dir: Scratch;
/** What the system would make of it is there. */
let cut: string;

beforeAll(async () => {
  dir = await scratch({
    "there.mjs": "export default () => 0;",
    "main.s": ".globl _start\n_start: mov $60, %eax\nxor %edi, %edi\nsyscall\n",
  });
  await dir.compile("main.s");
  cut = `${dir.file("there.mjs")}\0.mjs`;
});

afterAll(() => dir[Symbol.asyncDispose]());

const modes = [StageMode.None, StageMode.Mmap, StageMode.MmapShared, StageMode.Prefetch, StageMode.Adaptive];

test.each<[string, () => unknown]>([
  ["File.openRead()", () => File.openRead(cut)],
  ...modes.map((mode): [string, () => unknown] => [`stage() in mode ${mode}`, () => stage(mode, cut)]),
  ...modes.map((mode): [string, () => unknown] => [`stageFiles() in mode ${mode}`, () => stageFiles(mode, [cut])]),
  ["files of workers", () => spawnWorkersWithStaging([cut], StageMode.Mmap, [{ kernel: "checksum" }])],
  ["the module of workers", () => spawnWorkersWithStaging([], StageMode.Mmap, [{ module: cut }])],
  ["a module by its URL", () => createPool({ worker: { module: new URL(`file://${cut.replace("\0", "%00")}`) } })],
  ["files of a pool", () => createPool({ files: [cut], worker: { module: dir.file("there.mjs") } })],
  ["the module of a pool", () => createPool({ worker: { module: cut } })],
  ["a library of kernels", () => loadKernels(cut)],
])("%s refuses the path and quotes it", async (_, call) => {
  const error = await Promise.resolve()
    .then(call)
    .catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(IoError);
  expect(error).toMatchObject({ code: "ERR_PATH_NUL", path: cut });
  expect((error as IoError).message).toContain(`"${dir.file("there.mjs")}\\0.mjs"`);
});

test("of many files, the one whose path is cut fails", () => {
  using set = stageFiles(StageMode.MmapShared, [dir.file("there.mjs"), cut], { onError: "collect" });
  expect([...set.failures.keys()]).toEqual([1]);
  expect(set.failures.get(1)).toMatchObject({ code: "ERR_PATH_NUL", path: cut });
});

test("a kernel's name is not cut either", async () => {
  const name = `${kernelNames()[0]}\0`;
  await expect(spawnWorkersWithStaging([], StageMode.None, [{ kernel: name }])).rejects.toMatchObject({
    code: "ERR_KERNEL_UNKNOWN",
  });
});

test.each([
  ["a response file", ["@response"]],
  ["a script", ["script"]],
])("the linker refuses %s that names a file with a NUL", async (_, args) => {
  await dir.write("response", "main.o\0x");
  await dir.write("script", `/* ${"text ".repeat(40)} */ INPUT(main.o\0x)`);
  const { status, stderr } = await dir.linkDirectly(spore, [...args, "-o", "linked"]);
  expect(stderr).toContain("NUL");
  expect(status).toBe(1);
});

test.each([
  ["an input", (main: string) => [`${main}\0x`]],
  ["the output", (main: string) => [main, "-o", `${dir.file("linked")}\0x`]],
  ["a version script", (main: string) => [main, "-shared", `--version-script=${main}\0x`]],
])("and the API refuses %s", async (_, argv) => {
  const diagnostics = new Diagnostics();
  const options = parseOptions(["-o", dir.file("linked"), ...argv(dir.file("main.o"))], diagnostics);
  const error = await link(options, diagnostics).catch((thrown: unknown) => thrown);
  expect((error as Error).message).toContain("a path cannot have a NUL in it");
});
