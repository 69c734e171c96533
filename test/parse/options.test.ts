import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";

import { Diagnostics, formatDiagnostic } from "../../src/diagnostics/diagnostics.ts";
import type { LinkOptions } from "../../src/options/link-options.ts";
import { parseOptions } from "../../src/options/parse.ts";
import { optionTable } from "../../src/options/table.ts";
import { root } from "../harness/oracles.ts";

/** Options of a command line that must be right. */
function parse(...argv: string[]): LinkOptions {
  const { options, messages } = parseAnyway(...argv);
  expect(messages).toEqual([]);
  return options;
}

function parseAnyway(...argv: string[]): { options: LinkOptions; messages: string[] } {
  const diagnostics = new Diagnostics({ errorLimit: 0 });
  const options = parseOptions(argv, diagnostics);
  return { options, messages: diagnostics.list().flatMap((diagnostic) => formatDiagnostic(diagnostic)) };
}

test("every option has one row", () => {
  const names = optionTable.flatMap((row) => row.names);
  expect(names.filter((name, index) => names.indexOf(name) !== index)).toEqual([]);
});

test("every option is read by a pass or refused with a message", () => {
  const declared = readFileSync(join(root, "src/options/link-options.ts"), "utf8");
  const fields = ["ZOptions", "LinkOptions"].flatMap((name) => {
    const body = new RegExp(`export interface ${name} \\{([^]*?)\\n\\}`).exec(declared)?.[1] ?? "";
    return [...body.matchAll(/readonly (\w+):/g)].map(([, field = ""]) => field);
  });
  expect(fields.length).toBeGreaterThan(80);
  const readers = readdirSync(join(root, "src"), { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(".ts") && !file.startsWith("options/"))
    .map((file) => readFileSync(join(root, "src", file), "utf8"));
  // What options depend on each other is settled, and what is not done is said, when they are resolved.
  const text = [...readers, declared.slice(declared.indexOf("export function checksSharedObjects"))].join("\n");
  expect(fields.filter((field) => !new RegExp(`\\b${field}\\b`).test(text))).toEqual([]);
});

test("a long option takes one dash or two, its argument joined by = or as the next word", () => {
  for (const argv of [["-soname", "a"], ["--soname", "a"], ["-soname=a"], ["--soname=a"], ["-h", "a"], ["-ha"]])
    expect(parse(...argv).soname, argv.join(" ")).toBe("a");
});

test("a one-letter option takes its argument joined or as the next word", () => {
  expect(parse("-oout").output).toBe("out");
  expect(parse("-o", "out").output).toBe("out");
  expect(parse("-L", "a", "-Lb", "-L=c").libraryPaths).toEqual(["a", "b", "=c"]);
  expect(parse("-zrelro", "-z", "now").z).toMatchObject({ isRelro: true, isNow: true });
});

test("-omagic writes the file magic, --omagic is an option", () => {
  expect(parse("-omagic")).toMatchObject({ output: "magic", paged: "segments" });
  expect(parse("--omagic")).toMatchObject({ output: "a.out", paged: "none" });
});

test("inputs keep their order and the state of the options before them", () => {
  const { inputs } = parse(
    "a.o",
    "--push-state",
    "--as-needed",
    "-lone",
    "-Bstatic",
    "-ltwo",
    "--pop-state",
    "--whole-archive",
    "b.a",
    "--no-whole-archive",
    "--start-lib",
    "c.o",
    "--end-lib",
    "-l:libd.a",
  );
  const plain = { isWholeArchive: false, isAsNeeded: false, isStatic: false, isLazy: false, isBinary: false };
  expect(inputs).toEqual([
    { kind: "file", name: "a.o", ...plain },
    { kind: "library", name: "one", ...plain, isAsNeeded: true },
    { kind: "library", name: "two", ...plain, isAsNeeded: true, isStatic: true },
    { kind: "file", name: "b.a", ...plain, isWholeArchive: true },
    { kind: "file", name: "c.o", ...plain, isLazy: true, isBinary: false },
    { kind: "library", name: ":libd.a", ...plain },
  ]);
});

test("what is said last decides the kind of output", () => {
  expect(parse("-pie", "-no-pie").outputKind).toBe("exec");
  expect(parse("-pie").outputKind).toBe("pie");
  expect(parse("-shared").outputKind).toBe("shared");
  expect(parse("-static", "-pie", "--no-dynamic-linker", "-dynamic-linker", "x")).toMatchObject({
    outputKind: "pie",
    isStatic: true,
    dynamicLinker: "x",
  });
});

test("run paths are joined, and one given twice is one", () => {
  expect(parse("-rpath", "/a", "-rpath=/b", "-R/a").rpath).toBe("/a:/b");
  expect(parse().rpath).toBeUndefined();
});

test("a build id is a kind or its bytes", () => {
  expect(parse("--build-id").buildId).toEqual({ kind: "sha1" });
  expect(parse("--build-id=none").buildId).toEqual({ kind: "none" });
  expect(parse("--build-id=0x01-ff").buildId).toEqual({ kind: "hex", bytes: Uint8Array.of(1, 0xff) });
  expect(parseAnyway("--build-id=0x123").messages).toEqual(["unrecognized --build-id style '0x123' ignored"]);
});

test("--defsym takes a name and an expression", () => {
  expect(parse("--defsym=a=0x10", "--defsym", "b = c + 4").defsyms).toEqual([
    { name: "a", expression: "0x10" },
    { name: "b", expression: " c + 4" },
  ]);
  for (const text of ["x", "=1", "9x=1", "x+=5"]) expect(parseAnyway(`--defsym=${text}`).messages).toHaveLength(1);
});

test("the image's address is hexadecimal with or without 0x", () => {
  expect(parse("-Ttext-segment", "200000").imageBase).toBe(0x200000);
  expect(parse("--image-base=0x300000").imageBase).toBe(0x300000);
});

test("what would make another output than was asked for is refused", () => {
  for (const option of ["--emit-relocs", "--retain-symbols-file=names"])
    expect(parseAnyway(option).messages).toEqual([
      expect.stringContaining(`option '${option.split("=")[0]}' is not supported`),
    ]);
});

test("page sizes are powers of two", () => {
  expect(parse("-z", "max-page-size=0x200000").z.maxPageSize).toBe(0x200000);
  expect(parseAnyway("-z", "max-page-size=1000").messages[0]).toContain("expected a power of two");
});

test("an unknown option is an error that names it and one that is like it", () => {
  expect(parseAnyway("--no-whole-archve").messages).toEqual([
    "unrecognized option '--no-whole-archve'",
    ">>> did you mean '--no-whole-archive'?",
  ]);
  expect(parseAnyway("--xyzzy-plugh").messages).toEqual(["unrecognized option '--xyzzy-plugh'"]);
});

test("an unknown -z keyword is a warning, as in GNU ld", () => {
  const diagnostics = new Diagnostics();
  parseOptions(["-z", "nonsense"], diagnostics);
  expect(diagnostics.list()).toMatchObject([{ severity: "warning", message: "-z nonsense ignored" }]);
});

test("what is missing or too much is named", () => {
  expect(parseAnyway("-o").messages).toEqual(["option '-o' requires an argument"]);
  expect(parseAnyway("--gc-sections=yes").messages).toEqual(["option '--gc-sections' doesn't allow an argument"]);
  expect(parseAnyway("--hash-style=md5").messages[0]).toContain("invalid argument 'md5' of option '--hash-style'");
  expect(parseAnyway("--pop-state").messages).toEqual(["'--pop-state' without '--push-state'"]);
  expect(parseAnyway("--start-lib", "a.o").messages).toEqual(["'--start-lib' without '--end-lib'"]);
  expect(parseAnyway("--start-group", "a.a", "--end-group", "-)").messages).toEqual(["'-)' without '--start-group'"]);
  expect(parseAnyway("-F", "lib.so").messages[0]).toContain("may not be used together");
});

test("what gcc 12 and clang pass by default on Debian is accepted", () => {
  parse(
    ..."-plugin /x/liblto_plugin.so -plugin-opt=/x/lto-wrapper -plugin-opt=-fresolution=/tmp/r.res".split(" "),
    ..."-plugin-opt=-pass-through=-lgcc --sysroot=/ --build-id --eh-frame-hdr -m elf_x86_64 --hash-style=gnu".split(
      " ",
    ),
    ..."--as-needed -export-dynamic -dynamic-linker /lib64/ld-linux-x86-64.so.2 -pie -z now -z relro -o a".split(" "),
    ..."-O1 --no-add-needed --start-group -lgcc -lc --end-group -flavor-is-not-an-option.o".split(" ").slice(0, -1),
  );
});

test("options are frozen", () => {
  const options = parse("-lfoo");
  expect(() => (options.inputs as unknown[]).push(1)).toThrow(TypeError);
  expect(() => ((options.z as { isNow: boolean }).isNow = true)).toThrow(TypeError);
});

test("what would change the output and is not done is said, once, as a warning or an error", () => {
  const said = (...argv: string[]): string[] => parseAnyway(...argv).messages;
  expect(said("-z", "nosectionheader")).toEqual([
    "option '-z nosectionheader' ignored: there are always section headers",
  ]);
  expect(said("--gdb-index")).toEqual([expect.stringContaining("option '--gdb-index' ignored")]);
  expect(said("--emit-relocs")).toEqual([expect.stringContaining("option '--emit-relocs' is not supported")]);
  expect(said("--gdb-index", "--no-gdb-index")).toEqual([]);
});

test("the metadata of a package may be written with percent escapes", () => {
  expect(parse('--package-metadata={"os":"debian"}').packageMetadata).toBe('{"os":"debian"}');
  expect(parse("--package-metadata=%7B%22os%22:%22debian%C3%A9%22%7D").packageMetadata).toBe('{"os":"debiané"}');
  expect(parse("--package-metadata=").packageMetadata).toBeUndefined();
});
