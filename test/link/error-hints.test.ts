/** What an error says besides that there is one: who defines a near name, where, and what to do. */
import { expect, test } from "vitest";

import { spore } from "../harness/oracles.ts";
import { type Files, type LinkCommand, scratch } from "../harness/scratch.ts";

/** What a link says that fails. */
async function said(files: Files, command: LinkCommand = {}): Promise<string> {
  await using dir = await scratch(files);
  const objects = Object.keys(files).map((name) => name.replace(/\.\w+$/, ".o"));
  const { status, stderr } = await dir.link(spore, objects, command);
  expect(status).toBe(1);
  return stderr;
}

test("a C++ function with other parameters is named as in the source, with its file", async () => {
  const stderr = await said({
    "main.cc": "namespace app { int area(int, int); } int main() { return app::area(1, 2); }",
    "area.cc": "namespace app { int area(long, long) { return 0; } }",
  });
  expect(stderr).toContain(">>> 'app::area(long, long)' is defined in area.o: the parameters are others\n");
});

test("a const that is on one side only is one of the parameters", async () => {
  const stderr = await said({
    "main.cc": "struct S { int get() const; }; int main() { return S().get(); }",
    "s.cc": "struct S { int get(); }; int S::get() { return 0; }",
  });
  expect(stderr).toContain(">>> 'S::get()' is defined in s.o: the parameters are others\n");
});

test("a function in another namespace is named, with its file", async () => {
  const stderr = await said({
    "main.cc": "namespace app { int area(int); } int main() { return app::area(1); }",
    "area.cc": "int area(int) { return 0; }",
  });
  expect(stderr).toContain(">>> 'area(int)' is defined in area.o: the namespace or class is another\n");
});

test('C that calls C++, and C++ that calls C, are told of extern "C" and of the file', async () => {
  expect(
    await said({ "main.c": "int f(void); int main(void) { return f(); }", "f.cc": "int f() { return 0; }" }),
  ).toContain(`>>> 'f()' is defined in f.o with C++ linkage; did you forget extern "C"?\n`);
  expect(
    await said({ "main.cc": "int f(); int main() { return f(); }", "f.c": "int f(void) { return 0; }" }),
  ).toContain(`>>> 'f' is defined in f.o with C linkage; did you forget extern "C"?\n`);
});

test("a name that its file keeps for itself is one that somebody forgot to export", async () => {
  const main = "int main(void) { return helper(); }";
  const helper = "static int helper(void) { return 0; } int (*used)(void) = helper;";
  const hint = "is defined in helper.o for that file alone: it is static, or in a namespace without name\n";
  expect(await said({ "main.c": `int helper(void); ${main}`, "helper.c": helper })).toContain(`>>> 'helper' ${hint}`);
  expect(await said({ "main.cc": `int helper(); ${main}`, "helper.cc": helper })).toContain(`>>> 'helper()' ${hint}`);
});

test("a typo is told of the name that is near, and whose it is", async () => {
  const stderr = await said({
    "main.c": "int calculate(void); int main(void) { return calculate(); }",
    "other.c": "int calulate(void) { return 0; }",
  });
  expect(stderr).toContain(">>> did you mean 'calulate', which other.o defines?\n");
});

test("names stay as in the files where that is asked for, in hints, too", async () => {
  const files = { "main.cc": "int f(int); int main() { return f(1); }", "f.cc": "int f(long) { return 0; }" };
  expect(await said(files, { flags: ["-Wl,--no-demangle"] })).toContain(">>> '_Z1fl' is defined in f.o");
});

test("a library that is not there: each folder that was searched, once and on a line", async () => {
  const stderr = await said({ "main.c": "int main(void) { return 0; }" }, { flags: ["-L.", "-L./", "-lnowhere"] });
  const folders = [...stderr.matchAll(/^>>> searched '(.*)'$/gm)].map(([, folder]) => folder);
  expect(folders[0]).toBe(".");
  expect(folders).toContain("/usr/lib/x86_64-linux-gnu");
  expect(folders.filter((folder) => folder!.includes(".."))).toEqual([]);
  expect(new Set(folders).size).toBe(folders.length);
});

test("a shared object where -static wants an archive is named", async () => {
  await using dir = await scratch({ "main.c": "int main(void) { return 0; }", "mid.c": "int mid(void) { return 0; }" });
  await dir.shared("libmid.so", ["mid.o"]);
  const { stderr } = await dir.link(spore, ["main.o"], { flags: ["-static", "-L.", "-lmid"] });
  expect(stderr).toContain("cannot find -lmid");
  expect(stderr).toContain(">>> 'libmid.so' is a shared object, and -static or -Bstatic asks for an archive\n");
});

test("a relocation out of range says which range, and which code reaches further", async () => {
  const main = "char big[3000000000u]; int far; char *use(void) { return big; } int main(void) { return far; }";
  await using dir = await scratch({ "main.c": main });
  await dir.compile("main.c", ["-fno-pie"]);
  const { stderr } = await dir.link(spore, ["main.o"], { flags: ["-no-pie"] });
  expect(stderr).toMatch(/out of range: 0x[0-9a-f]+ is not in \[-0x80000000, 0x7fffffff\]\n/);
  expect(stderr).toContain(">>> recompile with -mcmodel=large, or -mcmodel=medium for large data\n");
});

test("an empty line stands between messages of several lines", async () => {
  const stderr = await said({ "main.c": "int one(void), two(void); int main(void) { return one() + two(); }" });
  expect(stderr.split("\n\n")).toHaveLength(2);
});

test("an object that was cut off is called that, with the bytes that it lacks", async () => {
  await using dir = await scratch({ "main.c": "int main(void) { return 0; }" });
  await dir.compile("main.c");
  const whole = await dir.read("main.o");
  await dir.write("main.o", whole.subarray(0, 500));
  const { status, stderr } = await dir.link(spore, ["main.o"]);
  expect(status).toBe(1);
  // GCC's assembler ends an object with its section headers.
  const cut = `it ends at byte ${whole.length}, of 500 that are there: the file was cut off`;
  expect(stderr).toContain(`spore: error: main.o: corrupt section header table: ${cut}\n`);
});
