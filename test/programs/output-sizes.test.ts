/** What Spore writes is as large as what mold writes, and has the same in it. */
import { join } from "node:path";
import { describe, expect, test } from "vitest";

import { compareOutputs, lookAtOutput } from "../../bench/outputs.ts";
import { bfd, mold, root, spore } from "../harness/oracles.ts";
import { lacks } from "../harness/requirements.ts";
import { scratch } from "../harness/scratch.ts";

const isLacking = lacks([{ needs: "mold", from: "mold" }]);

/** Names that GNU ld's script defines, whether or not anything refers to them. */
const NAMES_OF_SCRIPT = 6;

/**
 * Names that only one of the two gives: to the room after RELRO, to copies, to constants that GNU ld keeps in .rodata;
 * and in static programs mold 1.10 has an .eh_frame_hdr that nobody asked for, keeps warnings, and calls what GNU ld
 * has in .plt and .rela.plt for functions that are resolved at start .plt.got and .rela.dyn.
 */
const namesOfOne: readonly string[] = [
  ".relro_padding",
  ".copyrel",
  ".copyrel.rel.ro",
  ".tm_clone_table",
  ".rodata.cst8",
];
const namesOfOneStatic: readonly string[] = [
  ...namesOfOne,
  ".rela.dyn",
  ".eh_frame_hdr",
  ".plt.got",
  ".gnu.warning",
  ".plt",
  ".rela.plt",
];

describe.skipIf(isLacking).each([
  ["a C++ program", "everything-cxx", ["-O2"]],
  ["a C++ program with debug information", "everything-cxx", ["-O0", "-g"]],
  ["a C++ program that is not PIE", "everything-cxx", ["-O2", "-no-pie", "-fno-pie"]],
  ["a static C++ program", "everything-cxx", ["-O2", "-static"]],
  ["a C program", "everything-c", ["-O2"]],
  ["a C shared object", "everything-c", ["-O2", "-shared", "-fPIC"]],
] as const)("%s", (_, program, flags) => {
  test("is no larger, has the same sections and as many symbols", async () => {
    await using dir = await scratch({});
    const extension = program === "everything-c" ? "c" : "cc";
    const driver = extension === "c" ? "gcc" : "g++";
    const objects: string[] = [];
    for (const name of ["main", "part"]) {
      const source = join(root, "testdata/programs", program, `${name}.${extension}`);
      await dir.mustRun(driver, ["-c", ...flags, source, "-o", `${name}.o`]);
      objects.push(`${name}.o`);
    }
    const outputs = Object.fromEntries(
      await Promise.all(
        [spore, mold, bfd].map(async (linker) => {
          const { status, stderr } = await dir.link(linker, objects, {
            flags: [...flags, "-lm", "-pthread"],
            output: linker.name,
            driver,
          });
          expect(status, stderr).toBe(0);
          return [linker.name, lookAtOutput(dir.file(linker.name))] as const;
        }),
      ),
    );
    const found = compareOutputs(outputs, "spore")!;
    expect(found.reference).toBe("mold");
    expect(found.sizeRatio).toBeLessThanOrEqual(1.03);
    const known: readonly string[] = (flags as readonly string[]).includes("-static") ? namesOfOneStatic : namesOfOne;
    const differing = [...found.missingSections, ...found.addedSections];
    expect(differing.filter((name) => !known.includes(name))).toEqual([]);
    // mold 1.10 keeps .L symbols of mergeable sections, which GNU ld, gold and lld do not.
    const { symtabEntries } = outputs[bfd.name]!;
    expect(Math.abs(outputs["spore"]!.symtabEntries - symtabEntries)).toBeLessThanOrEqual(
      Math.max(NAMES_OF_SCRIPT, symtabEntries / 100),
    );
  });
});
