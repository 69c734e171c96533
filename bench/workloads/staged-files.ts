/** The sets of files of bench/staging.ts: objects of many sizes, generated, and installed ones. */
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { missingLlvm } from "./clang.ts";
import {
  Bytes,
  ObjectWriter,
  R_X86_64_PLT32,
  SHF_ALLOC,
  SHF_EXECINSTR,
  STB_GLOBAL,
  STT_FUNC,
  STT_NOTYPE,
} from "../../test/harness/elf-writer.ts";
import { cached, mixed } from "./workload.ts";

export interface FileSet {
  readonly name: string;
  readonly title: string;
  readonly workers: number;
  /** Too large to be measured unless asked for by name. */
  readonly isOnlyOnDemand?: boolean;
  /** Makes the files unless they are there. Returns their paths. */
  prepare(parent: string): readonly string[];
}

const KIB = 1024;
const MIB = 1024 * KIB;
/** Of an object, for each function: code, symbol, name and the relocation of a call. */
const FUNCTION_BYTES = 256;
const BYTES_PER_FUNCTION = FUNCTION_BYTES + 24 + 24 + 64;

/** A valid object of about this size, half of it code, the rest symbols, names and relocations. */
export function sizedObject(seed: number, bytes: number): Buffer {
  const writer = new ObjectWriter(`sized_${seed}.cc`);
  const count = Math.max(1, Math.floor(bytes / BYTES_PER_FUNCTION));
  const code = new Bytes(count * FUNCTION_BYTES);
  for (let i = 0; i < (count * FUNCTION_BYTES) / 4; i++) code.u32(mixed(seed, i));
  const text = writer.addSection({
    name: ".text",
    flags: SHF_ALLOC | SHF_EXECINSTR,
    contents: code.done(),
    alignment: 16,
  });
  const missing = writer.addSymbol({ name: "_ZN5bench7runtime4callEv", binding: STB_GLOBAL, type: STT_NOTYPE });
  for (let i = 0; i < count; i++) {
    const name = `_ZN5bench9set_${String(seed).padStart(5, "0")}15function_${String(i).padStart(6, "0")}ERKNS_7ContextE`;
    const place = { section: text, value: i * FUNCTION_BYTES, size: FUNCTION_BYTES };
    writer.addSymbol({ name, binding: STB_GLOBAL, type: STT_FUNC, ...place });
    writer.addRelocation(text, i * FUNCTION_BYTES + 16, R_X86_64_PLT32, missing, -4);
  }
  return writer.write();
}

/** A set of generated objects; `sizeOf` gives the size of the i-th. */
function generated(
  name: string,
  title: string,
  count: number,
  workers: number,
  sizeOf: (i: number) => number,
): FileSet {
  return {
    name,
    title,
    workers,
    prepare: (parent) => {
      const folder = join(parent, `staged-${name}`);
      const names = Array.from({ length: count }, (_, i) => `${name}_${i}.o`);
      const sizes = names.map((_, i) => sizeOf(i));
      cached(folder, sizes.join(" "), (unfinished) => {
        for (const [i, file] of names.entries()) writeFileSync(join(unfinished, file), sizedObject(i, sizes[i]));
      });
      return names.map((file) => join(folder, file));
    },
  };
}

/** The i-th of a set's sizes, between two bounds. */
const between = (low: number, high: number, ...seed: readonly number[]): number =>
  low + (mixed(...seed) % (high - low));

const OBJECTS = 500;

/** Members of installed archives: LLVM's, or the C library's. */
function installedObjects(parent: string): readonly string[] {
  const isLlvm = missingLlvm() === undefined;
  const libraries = isLlvm
    ? ["CodeGen", "Analysis", "SelectionDAG", "Core", "ScalarOpts", "TransformUtils", "Support"].map(
        (name) => `/usr/lib/llvm-14/lib/libLLVM${name}.a`,
      )
    : [execFileSync("gcc", ["-print-file-name=libc.a"], { encoding: "utf8" }).trim()];
  const folder = join(parent, "staged-objects");
  cached(folder, libraries.join(" "), (unfinished) => {
    let count = 0;
    for (const [i, library] of libraries.filter((path) => existsSync(path)).entries()) {
      const members = join(unfinished, "members");
      mkdirSync(members);
      execFileSync("ar", ["x", library], { cwd: members });
      for (const name of readdirSync(members).sort())
        if (count < OBJECTS && name.endsWith(".o")) renameSync(join(members, name), join(unfinished, `${i}-${name}`));
        else continue;
      count = readdirSync(unfinished).length - 1;
      rmSync(members, { recursive: true });
    }
  });
  const names = readdirSync(folder).filter((name) => name.endsWith(".o"));
  return names.slice(0, OBJECTS).map((name) => join(folder, name));
}

export const fileSets: readonly FileSet[] = [
  generated("small", "small", 100, 4, (i) => between(16 * KIB, 900 * KIB, i, 1)),
  generated("large", "large", 10, 4, (i) => between(10 * MIB, 16 * MIB, i, 2)),
  generated("mixed", "mixed", 50, 4, (i) =>
    i % 5 === 0 ? between(4 * MIB, 8 * MIB, i, 3) : between(16 * KIB, 500 * KIB, i, 4),
  ),
  generated("source", "source-sized", 200, 8, (i) => between(2 * KIB, 40 * KIB, i, 5)),
  { name: "objects", title: "installed objects", workers: 16, prepare: installedObjects },
  { ...generated("gigabyte", "1 GiB", 64, 8, () => 16 * MIB), isOnlyOnDemand: true },
];
