/** What shared objects have many of: themselves on a command line, exported symbols, patterns of a version script. */
import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";

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
import { cached, checkProgram, driverArguments, type LinkCase, missingProgram, type Workload } from "./workload.ts";
import { addMain } from "./x86-64-code.ts";

const FUNCTIONS_OF_LIBRARY = 50;
const FUNCTIONS_OF_OBJECT = 1000;

const identifier = (text: string): string => `${text.length}${text}`;

/** `bench::module_0042::get_7(int)`, mangled. */
const functionName = (module: number, index: number): string =>
  `_ZN5bench${identifier(`module_${String(module).padStart(4, "0")}`)}${identifier(`get_${index}`)}Ei`;

/** An object of functions that return their argument plus one. */
export function libraryObject(module: number, functions: number): Buffer {
  const writer = new ObjectWriter(`module_${module}.cc`);
  const code = new Bytes();
  for (let i = 0; i < functions; i++) code.u8(0x8d, 0x47, 0x01, 0xc3); // lea 1(%rdi), %eax; ret
  const text = writer.addSection({ name: ".text", flags: SHF_ALLOC | SHF_EXECINSTR, contents: code.done() });
  for (let i = 0; i < functions; i++)
    writer.addSymbol({
      name: functionName(module, i),
      binding: STB_GLOBAL,
      type: STT_FUNC,
      section: text,
      value: i * 4,
      size: 4,
    });
  writer.addSection({ name: ".note.GNU-stack", flags: 0 });
  return writer.write();
}

/** `main`, which calls a function of each module with 0. */
export function callerOfModules(modules: number): Buffer {
  const writer = new ObjectWriter("main.cc");
  const code = new Bytes();
  const fields = addMain(
    code,
    Array.from({ length: modules }, () => ({ argument: 0 })),
  );
  const text = writer.addSection({ name: ".text", flags: SHF_ALLOC | SHF_EXECINSTR, contents: code.done() });
  writer.addSymbol({ name: "main", binding: STB_GLOBAL, type: STT_FUNC, section: text, size: code.size });
  for (const [module, field] of fields.entries()) {
    const name = functionName(module, module % FUNCTIONS_OF_LIBRARY);
    const callee = writer.addSymbol({ name, binding: STB_GLOBAL, type: STT_NOTYPE });
    writer.addRelocation(text, field, R_X86_64_PLT32, callee, -4);
  }
  writer.addSection({ name: ".note.GNU-stack", flags: 0 });
  return writer.write();
}

function prepareSharedObjects(parent: string, size: number): LinkCase {
  const folder = join(parent, `shared-objects-${size}`);
  const names = Array.from({ length: size }, (_, i) => `libmodule_${i}.so`);
  cached(folder, "1", (unfinished) => {
    const options = { cwd: unfinished };
    for (const [i, name] of names.entries()) {
      writeFileSync(join(unfinished, "module.o"), libraryObject(i, FUNCTIONS_OF_LIBRARY));
      execFileSync("ld.bfd", ["-shared", "-soname", name, "module.o", "-o", name], options);
    }
    writeFileSync(join(unfinished, "main.o"), callerOfModules(size));
  });
  const { before, after } = driverArguments();
  return {
    description: `${size} shared objects of ${FUNCTIONS_OF_LIBRARY} functions, one of each is called`,
    folder,
    inputs: ["main.o", ...names].map((name) => join(folder, name)),
    args: [...before, "-rpath", folder, "main.o", ...names, ...after],
    check: (output) => checkProgram(output, { status: size % 128 }),
  };
}

/** A shared object of many functions, with or without a version script. */
function prepareExports(parent: string, size: number, globs: number): LinkCase {
  const folder = join(parent, `exports-${size}`);
  const modules = size / FUNCTIONS_OF_OBJECT;
  const objects = Array.from({ length: modules }, (_, i) => `module_${i}.o`);
  cached(folder, "1", (unfinished) => {
    for (const [i, name] of objects.entries())
      writeFileSync(join(unfinished, name), libraryObject(i, FUNCTIONS_OF_OBJECT));
  });
  const words = ["-shared", "--hash-style=gnu", "--build-id"];
  if (globs > 0) {
    // Each names the functions of a module whose numbers begin with some digits.
    const patterns = Array.from(
      { length: globs },
      (_, i) => `    *module_${String(i % modules).padStart(4, "0")}*get_${1 + Math.floor(i / modules)}*;\n`,
    );
    writeFileSync(join(folder, `${globs}.map`), `V1 {\n  global:\n${patterns.join("")}  local: *;\n};\n`);
    words.push(`--version-script=${globs}.map`);
  }
  const exported = globs === 0 ? size : exportedBy(globs / modules) * modules;
  return {
    description:
      `a shared object of ${size} functions` + (globs > 0 ? `, ${globs} patterns which export ${exported}` : ""),
    folder,
    inputs: objects.map((name) => join(folder, name)),
    args: [...words, ...objects],
    check(output) {
      const text = execFileSync("nm", ["-D", "--defined-only", output], { encoding: "utf8", maxBuffer: 1 << 28 });
      const found = text.match(/ T _ZN5bench/g)?.length ?? 0;
      if (found !== exported) throw new Error(`it exports ${found} functions, not ${exported}`);
    },
  };
}

/** Of one module's functions, how many have a number that begins like one of 1 to `patterns`. */
function exportedBy(patterns: number): number {
  const prefixes = Array.from({ length: patterns }, (_, i) => String(i + 1));
  const numbers = Array.from({ length: FUNCTIONS_OF_OBJECT }, (_, i) => String(i));
  return numbers.filter((number) => prefixes.some((prefix) => number.startsWith(prefix))).length;
}

const target = { ratio: 0.75 };

export const sharedObjects: Workload = {
  name: "shared-objects",
  title: "2,000 shared objects",
  target,
  sizes: { full: 2000, quick: 100 },
  missing: () => missingProgram("gcc", "ld.bfd"),
  prepare: prepareSharedObjects,
};

export const exportedSymbols: Workload = {
  name: "exported-symbols",
  title: "100,000 exported symbols",
  target,
  sizes: { full: 100_000, quick: 10_000 },
  missing: () => missingProgram("nm"),
  prepare: (parent, size) => prepareExports(parent, size, 0),
};

export const versionGlobs: Workload = {
  name: "version-globs",
  title: "5,000 globs of versions",
  target,
  sizes: { full: 5000, quick: 500 },
  missing: () => missingProgram("nm"),
  prepare: (parent, size) => prepareExports(parent, size * 20, size),
};
