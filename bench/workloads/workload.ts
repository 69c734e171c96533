/** What a workload of bench/link.ts is, and what they have in common: the compiler driver's part of a command line. */
import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";

export interface Workload {
  /** For `--only`. */
  readonly name: string;
  /** As docs/performance.md has it: "L1 clang". */
  readonly title: string;
  /**
   * Wall time of Spore, at most: a multiple of the fastest other linker's, also where all have one processor, or ms more
   * than Node's start-up.
   */
  readonly target: { readonly ratio: number; readonly onOneProcessor?: number } | { readonly nodePlusMs: number };
  /** How large it is: in full, and for a look (`--quick`). The unit is the workload's. */
  readonly sizes: { readonly full: number; readonly quick: number };
  /** Sizes of the growth curve. */
  readonly growth?: { readonly full: readonly number[]; readonly quick: readonly number[] };
  /** What this machine lacks, or nothing. */
  missing(): string | undefined;
  /** Makes what is to be linked below `folder`, unless it is there. */
  prepare(folder: string, size: number): LinkCase;
}

/** Something to link. */
export interface LinkCase {
  /** What it consists of, for people. */
  readonly description: string;
  /** Where the command runs. */
  readonly folder: string;
  /** Files that are read, whose times are changed between runs. Those of the system are not among them. */
  readonly inputs: readonly string[];
  /** Everything but `-o OUTPUT`. */
  readonly args: readonly string[];
  /** @throws Error when the output is not what was linked */
  check(output: string): void;
}

/** The same link with more options. */
export const withOptions = (link: LinkCase, ...options: readonly string[]): LinkCase => ({
  ...link,
  description: [link.description, ...options].join(", "),
  args: [...options, ...link.args],
});

/** What a compiler driver puts around the objects of a program. */
export interface DriverArguments {
  readonly before: readonly string[];
  readonly after: readonly string[];
}

const fileOf = (name: string): string => execFileSync("gcc", [`-print-file-name=${name}`], { encoding: "utf8" }).trim();

/** ld's command line of a position-independent, dynamically linked program, as gcc gives it. */
export function driverArguments(libraries: readonly string[] = []): DriverArguments {
  const folders = new Set(["libgcc.a", "libc.so"].map((name) => dirname(fileOf(name))));
  return {
    before: [
      "-pie",
      "--eh-frame-hdr",
      "-m",
      "elf_x86_64",
      "--hash-style=gnu",
      "--build-id",
      "-dynamic-linker",
      "/lib64/ld-linux-x86-64.so.2",
      ...["Scrt1.o", "crti.o", "crtbeginS.o"].map(fileOf),
      ...[...folders].map((folder) => `-L${folder}`),
    ],
    after: [...libraries, "-lgcc_s", "-lgcc", "-lc", "-lgcc_s", "-lgcc", fileOf("crtendS.o"), fileOf("crtn.o")],
  };
}

/** Whether a program of this name can be started. */
export function isInstalled(program: string): boolean {
  return (process.env["PATH"] ?? "").split(":").some((folder) => existsSync(join(folder, program)));
}

/** The first program of these that is not there. */
export function missingProgram(...programs: readonly string[]): string | undefined {
  const missing = programs.find((program) => !isInstalled(program));
  return missing === undefined ? undefined : `${missing} is not installed`;
}

/**
 * Runs `make` in a folder of its own unless what it made, with this key, is there. What was begun and not
 * finished is made anew.
 */
export function cached(folder: string, key: string, make: (folder: string) => void): void {
  const stamp = join(folder, "made-by");
  if (existsSync(stamp) && readFileSync(stamp, "utf8") === key) return;
  const unfinished = `${folder}.unfinished`;
  rmSync(unfinished, { recursive: true, force: true });
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(unfinished, { recursive: true });
  make(unfinished);
  writeFileSync(join(unfinished, "made-by"), key);
  renameSync(unfinished, folder);
}

/** @throws Error unless the program ends with this status, having printed what `expected` matches */
export function checkProgram(
  file: string,
  { status = 0, expected }: { status?: number; expected?: RegExp } = {},
): void {
  const ended = spawnSync(file, [], { encoding: "utf8", timeout: 60_000 });
  if (ended.error !== undefined) throw ended.error;
  if (ended.status !== status)
    throw new Error(`the program ended with ${ended.signal ?? `status ${ended.status}`}, not with status ${status}`);
  if (expected !== undefined && !expected.test(ended.stdout))
    throw new Error(`the program printed ${JSON.stringify(ended.stdout.slice(0, 200))}`);
}

/** A well-mixed number of 32 bits that depends on the arguments alone. */
export function mixed(...numbers: readonly number[]): number {
  let hash = 0x9e3779b9;
  for (const number of numbers) {
    hash = Math.imul(hash ^ number, 0x85ebca6b);
    hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
    hash ^= hash >>> 16;
  }
  return hash >>> 0;
}
