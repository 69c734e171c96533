/** Each program of examples/, and another program that says what it should have said. */
import { readdir, readFile, utimes } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";

import { root } from "../harness/oracles.ts";
import { type Scratch, scratch } from "../harness/scratch.ts";

const tested = new Set(["own-kernel"]);

/** A test of an example, which is run in a folder of the test's files. */
function example(
  name: string,
  check: (run: (...args: readonly string[]) => Promise<string>, dir: Scratch) => Promise<void>,
): void {
  tested.add(name);
  test(name, async () => {
    await using dir = await scratch();
    const program = join(root, "examples", name, "main.mjs");
    await check(async (...args) => {
      const { stdout, stderr } = await dir.mustRun(process.execPath, [program, ...args]);
      return stderr + stdout;
    }, dir);
  });
}

const inC = { env: { LC_ALL: "C" } };

/** Text of words of 1 to 13 letters, so that some lie across whatever bounds. */
function words(count: number, seed: number): string {
  let text = "";
  for (let i = 0; i < count; i++)
    text += "abcdefghijklm".slice(0, 1 + ((i * seed) % 13)) + " \n\t\r"[(i * i + seed) % 4] + (i % 7 ? "" : "  ");
  return text;
}

const lines = (text: string): string[] => text.split("\n").filter((line) => line !== "");

example("shared-mapping", async (run, dir) => {
  const bytes = Uint8Array.from({ length: 4 << 20 }, (_, i) => (i * i) >> 7);
  await dir.write("big", bytes);
  const [sums, ...processes] = lines(await run("big"));
  const sum = (await readFile(dir.file("big"))).reduce((total, byte) => total + byte, 0);
  expect(sums).toBe(`${4 << 20} bytes; their sum, here and in 3 workers: ${[sum, sum, sum, sum].join(", ")}`);
  const resident = processes.map((line) => /^(parent|worker): Rss (\d+) KiB, Pss (\d+) KiB$/.exec(line)!.slice(1));
  expect(resident.map(([who, rss]) => [who, rss])).toEqual(
    ["parent", "worker", "worker", "worker"].map((who) => [who, "4096"]),
  );
  expect(resident.reduce((total, [, , pss]) => total + Number(pss), 0)).toBeLessThanOrEqual(4096);
});

example("stage-files", async (run, dir) => {
  await dir.write("first", "one");
  await dir.write("second", "12345");
  await dir.write("empty", "");
  const { stdout } = await dir.mustRun("stat", ["-c", "%s MmapShared %n", "first", "second", "empty"]);
  expect(await run("first", "second", "empty")).toBe(stdout.replace("MmapShared", "Prefetch"));
});

example("one-worker", async (run, dir) => {
  await dir.write("text", words(50_000, 5));
  const { stdout } = await dir.mustRun("wc", ["-lc", "text"]);
  expect(await run("text")).toBe(`${stdout.trim().replaceAll(/ +/g, " ")}\n`);
});

example("many-workers", async (run, dir) => {
  const names = ["a", "b", "c", "d", "e", "f", "g"];
  for (const [i, name] of names.entries()) await dir.write(name, words(i * 1000, i + 3));
  const { stdout } = await dir.mustRun("wc", ["-l", ...names]);
  expect(await run(...names)).toBe(stdout.replaceAll(/^ +/gm, ""));
});

example("parse-sources", async (run, dir) => {
  await dir.write(
    "odd.cc",
    `#include <first>\n/* #include <commented>\n#include <commented2>\n*/ // #include <commented3>
     const char *s = "/*"; char c = '"';\n  # include "second.h" // why\nconst char *t = "*/ \\" #include <string>";\n#include <first>\n`,
  );
  const native = await readdir(join(root, "native"), { recursive: true });
  const sources = native.filter((name) => /^\w+\/.*\.(cc|h)$/.test(name) && !name.startsWith("build/"));
  const files = ["odd.cc", ...sources.map((name) => join(root, "native", name))];
  expect(files.length).toBeGreaterThan(50);
  const counts = new Map<string, number>();
  for (const file of files) {
    // The preprocessor takes the comments out, and leaves the directives as they are.
    const { stdout } = await dir.mustRun("g++", ["-fpreprocessed", "-dD", "-E", "-P", "-x", "c++", file]);
    for (const [, name] of stdout.matchAll(/^\s*#\s*include\s*(\S+)/gm))
      counts.set(name!, (counts.get(name!) ?? 0) + 1);
  }
  const expected = [...counts].map(([name, count]) => `${count} ${name}`);
  expect(expected).toContain("2 <first>");
  expect(lines(await run(...files)).sort()).toEqual(expected.sort());
});

example("checksums", async (run, dir) => {
  await dir.write("empty", "");
  await dir.write("text", words(400_000, 3));
  const files = ["empty", "text", process.execPath, join(root, "native/build/Release/spore.node")];
  const { stdout } = await dir.mustRun("sha256sum", files);
  expect(await run(...files)).toBe(stdout);
});

example("word-count", async (run, dir) => {
  const files = ["a", "b", "c", "d"];
  await dir.write("a", words(600_000, 3));
  await dir.write("b", words(200_000, 11));
  await dir.write("c", "no line feed");
  await dir.write("d", "");
  const { stdout } = await dir.mustRun("wc", files, inC);
  const [total] = lines(stdout).slice(-1);
  const [said, counted] = lines(await run("--budget", "2", ...files));
  expect(counted).toBe(/^ *(\d+ +\d+ +\d+) total$/.exec(total!)![1]!.replaceAll(/ +/g, " "));
  expect(said).toBe('cannot be copied: ERR_STAGE_BUDGET: the budget for staged bytes is exhausted, read "a"');
});

/** What nm has to say of a file, each member of an archive by its name. */
async function nm(dir: Scratch, file: string, which: string): Promise<string[]> {
  const { stdout } = await dir.mustRun("nm", ["-A", "-p", "-g", which, "-f", "posix", file], inC);
  return lines(stdout).map((line) => {
    const [, place, name] = /^(.*?): (\S+) [A-Za-z]/.exec(line)!;
    return `${place!.replace(/\[(.*)\]$/, "($1)")}|${name}`;
  });
}

example("symbol-scan", async (run, dir) => {
  await dir.write("one.cc", `#include <string>\n#include <vector>\nstd::string one; int both; extern int two();
    __attribute__((weak)) int weak() { return two(); } template<class T> T twice(T t) { return t + t; } int use = twice(2);
    std::vector<std::string> strings() { return {one, std::string("x")}; }\n`); // prettier-ignore
  await dir.write("two.c", `int both; static int hidden; int two(void) { return hidden; } extern int elsewhere[]; int *p = elsewhere;`); // prettier-ignore
  await dir.write("three.c", "int both = 3; int three(void) { return 3; }");
  await dir.compile("one.cc", ["-O0"]);
  await dir.archive("libs.a", ["two.o", "three.o"]);
  const said = lines(await run("one.o", "libs.a"));
  const expected: string[] = [];
  for (const file of ["one.o", "libs.a"]) {
    for (const line of await nm(dir, file, "--defined-only")) expected.push(line.replace("|", ": defines "));
    for (const line of await nm(dir, file, "--undefined-only")) expected.push(line.replace("|", ": needs "));
  }
  expect(said.filter((line) => line.includes(": ")).sort()).toEqual(expected.sort());
  expect(said.slice(-1)).toEqual(["both is in one.o and libs.a(two.o) and libs.a(three.o)"]);
});

example("changed-objects", async (run, dir) => {
  const names = Array.from({ length: 500 }, (_, i) => `object-${i}`);
  const assemble = async (name: string, source: string): Promise<void> => {
    await dir.write(`${name}.s`, source);
    await dir.mustRun("as", ["-o", `${name}.o`, `${name}.s`]);
  };
  const source = (i: number): string => `.globl f${i}\nf${i}: call g${i}\nlocal${i}: nop\n.weak w${i}\nw${i}: nop\n`;
  for (const [i, name] of names.entries()) await assemble(name, source(i));
  const objects = names.map((name) => `${name}.o`);
  const defines = async (object: string): Promise<string> =>
    `${object}: ${(await nm(dir, object, "--defined-only")).map((line) => line.split("|")[1]).join(" ")}`;

  const first = lines(await run("state.json", ...objects));
  expect(first).toHaveLength(501);
  expect(first[0]).toBe("object-0.o: f0 w0");
  expect(first.slice(-1)).toEqual(["500 of 500 changed"]);
  expect(lines(await run("state.json", ...objects))).toEqual(["0 of 500 changed"]);

  await assemble("object-7", `${source(7)}.globl added\nadded: nop\n`);
  await assemble("object-250", ".globl renamed\nrenamed: nop\n");
  await assemble("object-499", `${source(499)}nop\n`);
  await utimes(dir.file("object-8.o"), 1, 1); // another time, the same bytes
  const changed = ["object-7.o", "object-250.o", "object-499.o"];
  expect(lines(await run("state.json", ...objects))).toEqual([
    ...(await Promise.all(changed.map(defines))),
    "3 of 500 changed",
  ]);
});

test("every example has a test, and a line of the README", async () => {
  const entries = await readdir(join(root, "examples"), { withFileTypes: true });
  const folders = entries.filter((entry) => entry.isDirectory()).map(({ name }) => name);
  expect(folders.sort()).toEqual([...tested].sort());
  const readme = await readFile(join(root, "examples/README.md"), "utf8");
  const rows = [...readme.matchAll(/^\| \[([\w-]+)\]/gm)].map(([, name]) => name!);
  expect(rows.sort()).toEqual(folders);
});
