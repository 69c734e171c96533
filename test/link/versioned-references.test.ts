/** References that name a version, `f@V1`, as .symver makes them. */
import { expect, test } from "vitest";

import { bfd, readelf, spore } from "../harness/oracles.ts";
import { scratch } from "../harness/scratch.ts";

const script = "V1 { global: f; }; V2 { global: f; g; } V1;";
const provider = `
  __asm__(".symver f1, f@V1");
  __asm__(".symver f2, f@@V2");
  int f1(void) { return 1; }
  int f2(void) { return 2; }
  int g(void) { return 3; }`;
/** Calls f of both versions, f without one, and g, whose only version is its default. */
const user = (name: string): string => `
  __asm__(".symver f_old, f@V1");
  __asm__(".symver f_new, f@V2");
  __asm__(".symver g_new, g@V2");
  int f_old(void), f_new(void), g_new(void), f(void);
  int ${name}(void) { return f_old() * 1000 + f_new() * 100 + f() * 10 + g_new(); }`;
const main = '#include <stdio.h>\nint user(void); int main(void) { printf("%d\\n", user()); return 0; }';
const answer = { stdout: "1223\n", stderr: "", status: 0 };

/** `f@V1` and the like in .dynsym, sorted. */
async function versions(file: string): Promise<string[]> {
  const { text } = await readelf(file, "-W", "--dyn-syms");
  return [...text.matchAll(/ ([fg]@+V\d)/g)].map(([, name = ""]) => name).toSorted();
}

test("versions of a shared object are bound as they are named, also those that are its default", async () => {
  await using dir = await scratch({ "provider.c": provider, "user.c": user("user"), "main.c": main, script });
  await dir.shared("libprovider.so", ["provider.o"], ["-Wl,--version-script,script"]);
  const seen: string[][] = [];
  for (const linker of [bfd, spore]) {
    expect(await dir.linkAndRun(linker, ["main.o", "user.o", "./libprovider.so"])).toMatchObject(answer);
    seen.push(await versions(dir.file("a.out")));
  }
  expect(seen[1]).toEqual(seen[0]);
  expect(seen[1]).toEqual(["f@V1", "f@V2", "g@V2"]);
});

test("versions that objects of the same link define are bound as they are named", async () => {
  await using dir = await scratch({
    // g gets its version from the script, which GNU ld does not give to references to g@V2.
    "provider.c": provider.replace("int g(void)", '__asm__(".symver g1, g@@V2"); int g1(void)'),
    "user.c": user("user"),
    "main.c": main,
    script,
  });
  await dir.compile("provider.c", ["-fPIC"]);
  await dir.compile("user.c", ["-fPIC"]);
  await dir.archive("libprovider.a", ["provider.o"]);
  for (const input of ["provider.o", "libprovider.a"]) {
    const seen: string[][] = [];
    for (const linker of [bfd, spore]) {
      const flags = ["-shared", "-Wl,--version-script,script"];
      expect((await dir.link(linker, ["user.o", input], { flags, output: "libboth.so" })).stderr).toBe("");
      expect(await dir.linkAndRun(linker, ["main.o", "./libboth.so"])).toMatchObject(answer);
      seen.push(await versions(dir.file("libboth.so")));
    }
    expect(seen[1]).toEqual(seen[0]);
  }
});

test("a version that nothing has is undefined", async () => {
  await using dir = await scratch({
    "provider.c": provider,
    "main.c": '__asm__(".symver g_old, g@V1"); int g_old(void); int main(void) { return g_old(); }',
    script,
  });
  await dir.shared("libprovider.so", ["provider.o"], ["-Wl,--version-script,script"]);
  const { status, stderr } = await dir.link(spore, ["main.o", "./libprovider.so"]);
  expect(status).toBe(1);
  expect(stderr).toMatch(/undefined reference to 'g@V1'\n>>> referenced by main\.o:\(function main\)/);
});

test("versions of names of any length are found, wherever the @ is in them", async () => {
  const names = Array.from({ length: 40 }, (_, i) => `f${"x".repeat(i)}`);
  const source = names
    .map((name, i) => `__asm__(".symver ${name}_1, ${name}@@V1"); int ${name}_1(void) { return ${i}; }`)
    .join("\n");
  await using dir = await scratch({ "many.c": source, script: "V1 { global: f*; local: *; };" });
  await dir.compile("many.c", ["-fPIC"]);
  const seen = [];
  for (const linker of [bfd, spore]) {
    await dir.link(linker, ["many.o"], { flags: ["-shared", "-Wl,--version-script,script"], output: "libmany.so" });
    const { text } = await readelf(dir.file("libmany.so"), "-W", "--dyn-syms");
    seen.push([...text.matchAll(/ (fx*@+V1)/g)].map(([, name = ""]) => name).toSorted());
  }
  expect(seen[1]).toEqual(seen[0]);
  expect(seen[1]).toEqual(names.map((name) => `${name}@@V1`).toSorted());
});
