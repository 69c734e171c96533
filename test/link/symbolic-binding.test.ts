/** Which references of a shared object, and exports of a program, -Bsymbolic and the lists of names leave to the loader. */
import { expect, test } from "vitest";

import { readelf, spore } from "../harness/oracles.ts";
import { scratch } from "../harness/scratch.ts";

const sources = {
  "own.c": `
    int f(void) { return 1; } int g(void) { return 2; } int d = 3, e = 4;
    __attribute__((weak)) int weak_f(void) { return 5; } __attribute__((weak)) int weak_d = 6;
    int *addresses[] = { &d, &e, &weak_d };
    int use(void) { return f() + g() + weak_f() + d + e + weak_d; }
    int main(void) { return use() - 21; }`,
  "own.cc": `
    #include <typeinfo>
    struct B { virtual ~B(); };
    B::~B() {}
    void *operator new(unsigned long) { static char room[64]; return room; }
    void operator delete(void *, unsigned long) noexcept {}
    bool use() { B *b = new B; bool is_same = typeid(*b) == typeid(B); delete b; return is_same; }`,
  list: "{ f; d; };",
  none: "{ nowhere; };",
};

const lists = [
  "--dynamic-list=list",
  "--dynamic-list=none",
  "--dynamic-list-data",
  "--dynamic-list-data --dynamic-list=list",
  "--export-dynamic-symbol-list=list",
  "--export-dynamic-symbol=f",
  "--export-dynamic-symbol=nowhere",
  "--export-dynamic-symbol=f --dynamic-list-data",
];
const modes = ["", "-Bsymbolic", "-Bsymbolic-functions", "-Bsymbolic -Bno-symbolic", "-E"];

/** Names that dynamic relocations of a file refer to. */
async function importedNames(file: string): Promise<string[]> {
  const { text } = await readelf(file, "-rW");
  const names = [...text.matchAll(/R_X86_64_(?:64|GLOB_DAT|JUMP_SLOT) +[0-9a-f]+ (\w+)/g)].map(([, name]) => name);
  return [...new Set(names)].sort();
}

for (const mode of modes)
  test(`lists of names${mode && ` and ${mode}`} leave to the loader what GNU ld leaves to it`, async () => {
    await using dir = await scratch(sources);
    await dir.compile("own.c", ["-fPIC"], "shared.o");
    await dir.compile("own.c", ["-fPIE"], "program.o");
    for (const list of ["", ...lists]) {
      const words = `${mode} ${list}`.split(" ").filter((word) => word !== "");
      const shared = await dir.linkDirectly(spore, ["-shared", "shared.o", ...words, "-o", "lib.so"]);
      expect(shared, list).toMatchObject({ status: 0, stderr: "" });
      const loader = ["-dynamic-linker", "/lib64/ld-linux-x86-64.so.2"];
      const program = await dir.linkDirectly(spore, ["-pie", ...loader, "-e", "main", "program.o", ...words]);
      expect(program, list).toMatchObject({ status: 0, stderr: "" });
    }
  });

test("--dynamic-list binds what is not on it, and DT_SYMBOLIC would bind what is", async () => {
  await using dir = await scratch(sources);
  await dir.compile("own.c", ["-fPIC"]);
  const args = ["-shared", "own.o", "-Bsymbolic", "--dynamic-list=list", "-o", "lib.so"];
  expect(await dir.linkDirectly(spore, args)).toMatchObject({ status: 0, stderr: "" });
  expect(await importedNames(dir.file("lib.so"))).toEqual(["d", "f"]);
  expect((await readelf(dir.file("lib.so"), "-dW")).text).not.toContain("SYMBOLIC");
});

test("C++'s operators and type information can be listed without a file", async () => {
  await using dir = await scratch(sources);
  await dir.compile("own.cc", ["-fPIC"]);
  for (const words of [[], ["--dynamic-list-cpp-new"], ["--dynamic-list-cpp-typeinfo"], ["-Bsymbolic"]])
    expect(await dir.linkDirectly(spore, ["-shared", "own.o", ...words]), words.join(" ")).toMatchObject({ status: 0 });
});

test("-Bsymbolic-non-weak and -Bsymbolic-non-weak-functions leave what is weak to the loader, as in lld", async () => {
  await using dir = await scratch(sources);
  await dir.compile("own.c", ["-fPIC"]);
  const imported = async (option: string): Promise<string[]> => {
    const args = ["-shared", "own.o", option, "-o", "lib.so"];
    const unlike = "GNU ld does not have the option";
    expect(await dir.linkDirectly(spore, args, { unlike })).toMatchObject({ status: 0, stderr: "" });
    return importedNames(dir.file("lib.so"));
  };
  expect(await imported("-Bsymbolic-non-weak")).toEqual(["weak_d", "weak_f"]);
  expect(await imported("-Bsymbolic-non-weak-functions")).toEqual(["d", "e", "weak_d", "weak_f"]);
});
