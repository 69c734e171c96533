/** Options that are accepted without a word must mean nothing to GNU ld either. */
import { readFile, rm } from "node:fs/promises";
import { expect, test } from "vitest";

import { optionTable } from "../../src/options/table.ts";
import { zTable } from "../../src/options/z-keywords.ts";
import { scratch } from "../harness/scratch.ts";

/** What is other with these, which no program sees. */
const otherwise: Readonly<Record<string, string>> = {
  O: "buckets of hash tables, and strings that are tails of others",
  "hash-size": "the order in which GNU ld finds common symbols in its own table",
  "reduce-memory-overheads": "as for --hash-size, which it implies",
  "-z common-page-size": "where data begins",
};

const samples: Readonly<Record<string, string>> = {
  oformat: "elf64-x86-64",
  assert: "pure-text",
  icf: "none",
};

const files = {
  "main.c": `
    #include <stdio.h>
    int common, other; char small; long large[9];
    __attribute__((visibility("protected"))) int guarded = 3;
    __attribute__((section("an_orphan"))) int orphan = 1;
    __attribute__((weak)) void maybe(void);
    extern int given; int use(int *);
    int main(void) { if (maybe) maybe(); printf("%d %s\\n", use(&given) + guarded + common + orphan, "tail of a string"); return 0; }`,
  "given.cc": `
    struct Base { virtual ~Base() {} virtual int get() { return 1; } };
    template <class T> int once(T) { static int count; return ++count; }
    extern "C" { int given = 4; int common; const char *text = "a string"; int use(int *p) { Base b; return b.get() + once(*p); } }`,
};

/** As users type it: GNU ld takes those of one letter with one dash. */
const words = [
  ...optionTable.flatMap(({ names, form, status }) =>
    status.is !== "ignored"
      ? []
      : names.map((name) => {
          const value = samples[names[0]!] ?? "1";
          const dashed = name.length === 1 ? `-${name}` : `--${name}`;
          return { key: name, argv: form === "required" ? [dashed, value] : [dashed] };
        }),
  ),
  ...zTable.flatMap(({ keyword, value, status }) =>
    status.is !== "ignored"
      ? []
      : [{ key: `-z ${keyword}`, argv: ["-z", value === "" ? keyword : `${keyword}=0x1000`] }],
  ),
].filter(({ key }) => !/^(start|end)-group$|^[()]$|^plugin/.test(key));

for (const kind of ["-pie", "-shared"])
  test(`what Spore ignores without a warning leaves GNU ld's output as it is (${kind})`, async () => {
    await using dir = await scratch(files);
    await dir.compile("main.c", ["-fPIC", "-g", "-fcommon"]);
    await dir.compile("given.cc", ["-fPIC", "-g", "-fcommon"]);
    const linked = async (argv: readonly string[]): Promise<Buffer | undefined> => {
      const { status } = await dir.run("ld.bfd", [
        kind,
        "-e",
        "0",
        "-z",
        "undefs",
        "--unresolved-symbols=ignore-all",
        "main.o",
        "given.o",
        ...argv,
        "-o",
        "out",
      ]);
      if (status !== 0) return undefined; // it is another linker's
      const bytes = await readFile(dir.file("out"));
      await rm(dir.file("out"));
      return bytes;
    };
    const plain = await linked([]);
    expect(plain).toBeDefined();
    let known = 0;
    for (const { key, argv } of words) {
      const other = await linked(argv);
      if (other === undefined || key in otherwise) continue;
      known++;
      expect(other.equals(plain!), argv.join(" ")).toBe(true);
    }
    expect(known).toBeGreaterThan(30);
  });
