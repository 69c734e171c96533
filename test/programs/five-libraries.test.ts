/** A program of five shared objects that throw through each other (testdata/programs/five-libraries). */
import { cp } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";

import { complaints, expectSameBytes } from "../harness/large-outputs.ts";
import { bfd, type Linker, root, spore } from "../harness/oracles.ts";
import { scratch, type Scratch } from "../harness/scratch.ts";

/** The thread-local model of each shared object. */
const models: Readonly<Record<string, readonly string[]>> = {
  alpha: ["-ftls-model=global-dynamic"],
  beta: ["-ftls-model=local-dynamic"],
  gamma: ["-ftls-model=initial-exec"],
  delta: ["-mtls-dialect=gnu2"],
  epsilon: ["-ftls-model=global-dynamic"],
};

/** What a shared object is linked with, besides its own. */
const needed: Readonly<Record<string, readonly string[]>> = {
  delta: ["-Wl,--version-script=delta.map"],
  gamma: ["libdelta.so"],
  beta: ["libgamma.so"],
  alpha: ["libbeta.so"],
  epsilon: ["libalpha.so"],
};

const libraries = ["libdelta.so", "libold.so", "libgamma.so", "libbeta.so", "libalpha.so", "libepsilon.so"];

/** Links everything into the folder that it is in, `option` given to each link. */
async function linkAll(dir: Scratch, linker: Linker, flags: readonly string[], main: readonly string[]): Promise<void> {
  const common = [...linker.gccFlags, ...flags.filter((flag) => flag.startsWith("-Wl,")), "-Wl,-rpath,$ORIGIN"];
  const shared = (name: string): string[] => ["-shared", ...common, `-Wl,-soname,${name}`, "-o", name];
  // libold.so saw a libdelta.so with one version.
  await dir.mustRun("gcc", [...shared("libdelta.so"), "old-delta.o", "-Wl,--version-script=old-delta.map"]);
  await dir.mustRun("gcc", [...shared("libold.so"), "old.o", "libdelta.so"]);
  for (const [name, inputs] of Object.entries(needed))
    await dir.mustRun("g++", [...shared(`lib${name}.so`), `${name}.o`, ...inputs]);
  const direct = libraries.filter((name) => name !== "libepsilon.so");
  await dir.mustRun("g++", [...main, ...common, "main.o", ...direct, "-pthread", "-o", "main"]);
}

for (const { main, flags } of [
  { main: ["-fPIE", "-pie"], flags: ["-O1"] },
  { main: ["-fPIE", "-pie"], flags: ["-O2", "-Wl,-z,now"] },
  { main: ["-fno-pie", "-no-pie"], flags: ["-O0", "-Wl,-z,lazy"] },
  { main: ["-fno-pie", "-no-pie"], flags: ["-O2", "-fno-plt", "-Wl,--hash-style=both"] },
  {
    main: ["-fPIC", "-pie"],
    flags: ["-O2", "-g", "-ffunction-sections", "-Wl,--gc-sections", "-Wl,-Bsymbolic-functions"],
  },
])
  test(`exceptions, thread-locals, versions and IFUNCs work across five libraries (${[...main, ...flags].join(" ")})`, async () => {
    await using dir = await scratch();
    await cp(join(root, "testdata/programs/five-libraries"), dir.path, { recursive: true });
    const compile = flags.filter((flag) => !flag.startsWith("-Wl,"));
    for (const [name, model] of Object.entries(models))
      await dir.compile(`${name}.cc`, ["-fPIC", ...compile, ...model]);
    await dir.compile("main.cc", [...compile, main[0] ?? ""]);
    for (const name of ["old.c", "old-delta.c"]) await dir.compile(name, ["-fPIC", ...compile]);

    await linkAll(dir, bfd, flags, main);
    const expected = await dir.run("./main");
    expect(expected).toMatchObject({ status: 0, stderr: "" });
    expect(expected.stdout).toContain("versions: 2 1, functions: 8 1");
    expect(expected.stdout).toContain("dlvsym: 1 2 -1, hidden 1");
    await expectSameBytes(
      dir.file("main"),
      (workers) => linkAll(dir, spore, [...flags, workers], main),
      libraries.map((name) => dir.file(name)),
    );
    expect(await dir.run("./main")).toEqual(expected);
    for (const name of [...libraries, "main"]) expect(await complaints(dir.file(name)), name).toEqual([]);
  });
