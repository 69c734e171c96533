import { expect, test } from "vitest";

import { type DebugLineSections, type DebugReference, sourceLineOf } from "../../src/diagnostics/debug-line.ts";
import { FormatError } from "../../src/elf/byte-reader.ts";
import { scratch } from "../harness/scratch.ts";

const SOURCE = "int f(int x) {\n  return x + 1;\n}\nint g(int x) {\n  return f(x) * 3;\n}\n";

/** Every address is offset 0 of section 1: what relocations say in an object with one function section. */
const references: ReadonlyMap<number, DebugReference> = new (class extends Map<number, DebugReference> {
  override get(): DebugReference {
    return { section: 1, offset: 0 };
  }
})();

/** The line tables of an object whose names are in the table itself: DWARF 4. */
async function lineTables(): Promise<DebugLineSections> {
  await using dir = await scratch({ "a.c": SOURCE });
  await dir.compile("a.c", ["-gdwarf-4"]);
  await dir.mustRun("objcopy", ["-O", "binary", "--only-section=.debug_line", "--set-section-flags", ".debug_line=alloc", "a.o", "line"]); // prettier-ignore
  const bytes = await dir.read("line");
  return { file: "a.o", line: { bytes, references }, lineStrings: undefined, strings: undefined };
}

test("a place has the line of the row that covers it, and none outside the code", async () => {
  const sections = await lineTables();
  expect(sourceLineOf(sections, 1, 0)).toBe("a.c:1");
  expect(sourceLineOf(sections, 1, 8)).toBe("a.c:2");
  expect(sourceLineOf(sections, 1, 1 << 20)).toBeUndefined();
  expect(sourceLineOf(sections, 2, 0)).toBeUndefined();
});

test("damaged line tables are no lines, or errors that say so, whichever byte is wrong", async () => {
  const sections = await lineTables();
  const { bytes } = sections.line;
  const attempt = (damaged: Uint8Array): boolean => {
    try {
      sourceLineOf({ ...sections, line: { bytes: damaged, references } }, 1, 8);
      return true;
    } catch (error) {
      expect(error).toBeInstanceOf(FormatError);
      return false;
    }
  };
  let refused = 0;
  for (let size = 0; size < bytes.length; size++) if (!attempt(bytes.subarray(0, size))) refused++;
  for (let at = 0; at < bytes.length; at++)
    for (const value of [0, 1, 0x7f, 0x80, 0xff]) {
      const damaged = Uint8Array.from(bytes);
      damaged[at] = value;
      if (!attempt(damaged)) refused++;
    }
  expect(refused).toBeGreaterThan(bytes.length);
});
