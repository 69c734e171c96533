import { expect, test } from "vitest";

import { bfd, dynamicEntries, readelf, spore, symbols } from "../harness/oracles.ts";
import { scratch, type Scratch } from "../harness/scratch.ts";
import { expectWellFormed } from "../harness/well-formed.ts";

async function makeShared(dir: Scratch, output: string, objects: string[], flags: string[] = []): Promise<string> {
  for (const object of objects)
    if (object.endsWith(".o")) await dir.compile(object.replace(/o$/, "c"), ["-fPIC", "-O1"]);
  const linked = await dir.link(spore, objects, { flags: ["-shared", ...flags], output });
  expect(linked).toMatchObject({ status: 0, stderr: "" });
  await expectWellFormed(dir.file(output));
  return output;
}

test("a program calls functions and uses data of a shared object", async () => {
  await using dir = await scratch({
    "lib.c": `
      #include <stdio.h>
      int value = 5; const char *name = "lib"; static int hits;
      int twice(int x) { hits++; return 2 * x; }
      int count(void) { return hits; }
      void say(void) { printf("%s %d\\n", name, value); fflush(stdout); }`,
    "main.c": `
      extern int value; extern const char *name; int twice(int); int count(void); void say(void);
      int main(void) { value = 6; name = "main"; say(); return twice(20) + count(); }`,
  });
  await makeShared(dir, "liba.so", ["lib.o"]);
  for (const flags of [["-pie"], ["-no-pie"]])
    expect(await dir.linkAndRun(spore, ["main.o", "liba.so"], { flags })).toMatchObject({
      status: 41,
      stdout: "main 6\n",
    });
  // The witness links against what we made.
  expect(await dir.linkAndRun(bfd, ["main.o", "liba.so"])).toMatchObject({ status: 41, stdout: "main 6\n" });
});

test("visibility decides what a shared object exports and what can be interposed", async () => {
  await using dir = await scratch({
    "lib.c": `
      int open_(void) { return 1; }
      __attribute__((visibility("hidden"))) int hidden(void) { return 2; }
      __attribute__((visibility("protected"))) int protected_(void) { return 3; }
      __attribute__((visibility("internal"))) int internal(void) { return 4; }
      static int local(void) { return 5; }
      int all(void) { return open_() * 10000 + hidden() * 1000 + protected_() * 100 + internal() * 10 + local(); }`,
    "main.c": `
      #include <stdio.h>
      int open_(void) { return 9; } int hidden(void) { return 9; } int protected_(void) { return 9; }
      int all(void);
      int main(void) { printf("%d\\n", all()); }`,
  });
  await dir.compile("lib.c", ["-fPIC", "-O0"]);
  expect(await dir.link(spore, ["lib.o"], { flags: ["-shared"], output: "lib.so" })).toMatchObject({ status: 0 });
  const exported = (await symbols(dir.file("lib.so"), ".dynsym")).filter((symbol) => symbol.section !== "UND");
  expect(exported.map(({ name, visibility }) => `${name} ${visibility}`).toSorted()).toEqual([
    "all DEFAULT",
    "open_ DEFAULT",
    "protected_ PROTECTED",
  ]);
  expect(await dir.linkAndRun(spore, ["main.o", "lib.so"])).toMatchObject({ stdout: "92345\n" });
});

for (const [option, seen] of [
  ["-Bsymbolic", "11"],
  ["-Bsymbolic-functions", "91"],
  ["-Bno-symbolic", "99"],
] as const)
  test(`${option} decides which definition a shared object uses itself`, async () => {
    await using dir = await scratch({
      "lib.c": "int number = 1; int function(void) { return 1; } int all(void) { return number * 10 + function(); }",
      "main.c": `#include <stdio.h>
        int number = 9; int function(void) { return 9; } int all(void);
        int main(void) { printf("%02d\\n", all()); }`,
    });
    await dir.compile("lib.c", ["-fPIC", "-O0"]);
    await dir.link(spore, ["lib.o"], { flags: ["-shared", `-Wl,${option}`], output: "lib.so" });
    await dir.compile("main.c", ["-fPIE"]);
    expect(await dir.linkAndRun(spore, ["main.o", "lib.so"])).toMatchObject({ stdout: `${seen}\n` });
    expect(await dir.linkAndRun(bfd, ["main.o", "lib.so"])).toMatchObject({ stdout: `${seen}\n` });
  });

test("-soname is what programs that are linked against the library need", async () => {
  await using dir = await scratch({
    "lib.c": "int f(void) { return 4; }",
    "main.c": "int f(void); int main(void) { return f(); }",
  });
  await makeShared(dir, "libfoo.so.1.2", ["lib.o"], ["-Wl,-soname,libfoo.so.1"]);
  expect(await dynamicEntries(dir.file("libfoo.so.1.2"), "SONAME")).toEqual(["libfoo.so.1"]);
  await dir.mustRun("ln", ["-s", "libfoo.so.1.2", "libfoo.so.1"]);
  await dir.mustRun("ln", ["-s", "libfoo.so.1.2", "libfoo.so"]);
  expect(await dir.linkAndRun(spore, ["main.o"], { flags: ["-L.", "-lfoo"] })).toMatchObject({ status: 4 });
  expect(await dynamicEntries(dir.file("a.out"), "NEEDED")).toEqual(["libfoo.so.1", "libc.so.6"]);
});

test("DT_NEEDED is in the order of the command line, and --as-needed leaves out what is not used", async () => {
  await using dir = await scratch({
    "a.c": "int a(void) { return 1; }",
    "b.c": "int b(void) { return 2; }",
    "c.c": "int c(void) { return 3; }",
    "main.c": "int a(void), c(void); int main(void) { return a() + c(); }",
  });
  for (const name of ["a", "b", "c"]) await makeShared(dir, `libin${name}.so`, [`${name}.o`]);
  for (const linker of [bfd, spore]) {
    const needed = async (...flags: string[]): Promise<string> => {
      expect(await dir.linkAndRun(linker, ["main.o"], { flags: ["-L.", ...flags] })).toMatchObject({ status: 4 });
      const names = await dynamicEntries(dir.file("a.out"), "NEEDED");
      return names.map((name) => name.replace(/^libin|\.so.*$/g, "")).join(" ");
    };
    expect(await needed("-Wl,--no-as-needed", "-linc", "-linb", "-lina"), linker.name).toBe("c b a libc");
    expect(await needed("-Wl,--as-needed", "-linc", "-linb", "-lina"), linker.name).toBe("c a libc");
    const saved = ["-Wl,--push-state,--as-needed", "-linb", "-Wl,--pop-state", "-lina", "-linc"];
    expect(await needed(...saved), linker.name).toBe("a c libc");
  }
});

test("--as-needed keeps a library that only a weak reference uses out, as GNU ld does", async () => {
  await using dir = await scratch({
    "lib.c": "int f(void) { return 4; }",
    "main.c": "__attribute__((weak)) int f(void); int main(void) { return f ? f() : 9; }",
  });
  await makeShared(dir, "libf.so", ["lib.o"]);
  const seen: unknown[] = [];
  for (const linker of [bfd, spore]) {
    const { status } = await dir.linkAndRun(linker, ["main.o"], { flags: ["-L.", "-Wl,--as-needed", "-lf"] });
    seen.push([status, await dynamicEntries(dir.file("a.out"), "NEEDED")]);
  }
  expect(seen[1]).toEqual(seen[0]);
});

test("-rpath becomes DT_RUNPATH, or DT_RPATH with --disable-new-dtags, and the loader follows it", async () => {
  await using dir = await scratch({
    "lib.c": "int f(void) { return 4; }",
    "main.c": "int f(void); int main(void) { return f(); }",
  });
  await dir.write("sub/.keep", "");
  await makeShared(dir, "sub/libf.so", ["lib.o"], ["-Wl,-soname,libf.so"]);
  const run = async (...flags: string[]) => dir.linkAndRun(spore, ["main.o"], { flags: ["-Lsub", "-lf", ...flags] });
  expect(await run("-Wl,-rpath,$ORIGIN/sub")).toMatchObject({ status: 4 });
  expect(await dynamicEntries(dir.file("a.out"), "RUNPATH")).toEqual(["$ORIGIN/sub"]);
  expect(await run("-Wl,-rpath,/nowhere", "-Wl,-rpath,$ORIGIN/sub", "-Wl,--disable-new-dtags")).toMatchObject({
    status: 4,
  });
  expect(await dynamicEntries(dir.file("a.out"), "RPATH")).toEqual(["/nowhere:$ORIGIN/sub"]);
});

test("a shared object that is opened with dlopen finds its own and the program's symbols", async () => {
  await using dir = await scratch({
    "plugin.c": `
      #include <stdio.h>
      extern int host_value; int host(int);
      static int state = 3; int *pointer = &state;
      __attribute__((constructor)) static void begin(void) { puts("loaded"); }
      __attribute__((destructor)) static void end(void) { puts("unloaded"); fflush(stdout); }
      int plugin(void) { return host(host_value) + *pointer; }`,
    "main.c": `
      #include <dlfcn.h>
      #include <stdio.h>
      int host_value = 7; int host(int x) { return x * 2; }
      int main(void) {
        void *handle = dlopen("./plugin.so", RTLD_NOW);
        if (!handle) { puts(dlerror()); return 1; }
        int (*plugin)(void) = (int (*)(void))dlsym(handle, "plugin");
        printf("%d\\n", plugin());
        dlclose(handle);
        int (*self)(int) = (int (*)(int))dlsym(NULL, "host");
        printf("%d\\n", self ? self(4) : -1);
        return 0;
      }`,
  });
  await makeShared(dir, "plugin.so", ["plugin.o"]);
  for (const flags of [
    ["-rdynamic"],
    ["-rdynamic", "-no-pie"],
    ["-Wl,--export-dynamic-symbol=host", "-Wl,--export-dynamic-symbol=host_value"],
  ])
    expect(await dir.linkAndRun(spore, ["main.o"], { flags, cwd: dir.path }), flags.join()).toMatchObject({
      stdout: "loaded\n17\nunloaded\n8\n",
    });
});

test("--export-dynamic-symbol exports a name of any length, and by a glob with a long beginning or end", async () => {
  const lengths = [1, 2, 62, 63, 64, 65, 66, 128, 129, 300];
  const names = lengths.map((length) => "n".repeat(length));
  await using dir = await scratch({
    "main.c": `int main(void) { return 0; }\n${names.map((name) => `int ${name}, x${name}, ${name}y;`).join("\n")}`,
  });
  await dir.compile("main.c");
  const patterns = names.flatMap((name) => [name, `x${name.slice(1)}?`, `?${name.slice(1)}y`]);
  const flags = patterns.map((pattern) => `-Wl,--export-dynamic-symbol=${pattern}`);
  expect(await dir.link(spore, ["main.o"], { flags })).toMatchObject({ status: 0, stderr: "" });
  const exported = (await symbols(dir.file("a.out"), ".dynsym")).filter((symbol) => /^x?n+y?$/.test(symbol.name));
  expect(exported.map(({ name }) => name).sort()).toEqual(
    names.flatMap((name) => [name, `x${name}`, `${name}y`]).sort(),
  );
});

test("what a shared object refers to is exported by the program without being asked", async () => {
  await using dir = await scratch({
    "lib.c": "int callback(void); extern int number; int f(void) { return callback() + number; }",
    "main.c": "int f(void); int number = 30; int callback(void) { return 4; } int main(void) { return f(); }",
  });
  await makeShared(dir, "lib.so", ["lib.o"]);
  for (const flags of [["-pie"], ["-no-pie"]])
    expect(await dir.linkAndRun(spore, ["main.o", "lib.so"], { flags })).toMatchObject({ status: 34 });
});

test("an undefined symbol is left to the loader in a shared object, and refused with -z defs", async () => {
  await using dir = await scratch({ "lib.c": "int nowhere(void); int f(void) { return nowhere(); }" });
  await makeShared(dir, "lib.so", ["lib.o"]);
  for (const flag of ["-Wl,-z,defs", "-Wl,--no-undefined"])
    expect(await dir.link(spore, ["lib.o"], { flags: ["-shared", flag], output: "lib2.so" })).toMatchObject({
      status: 1,
      stderr: expect.stringContaining("undefined reference to 'nowhere'"),
    });
});

test("shared objects need each other, and the program does not name the indirect one", async () => {
  await using dir = await scratch({
    "deep.c": "int deep(void) { return 5; }",
    "mid.c": "int deep(void); int mid(void) { return deep() + 1; }",
    "main.c": "int mid(void); int main(void) { return mid(); }",
  });
  await makeShared(dir, "libdeep.so", ["deep.o"]);
  await dir.compile("mid.c", ["-fPIC"]);
  expect(await dir.link(spore, ["mid.o"], { flags: ["-shared", "-L.", "-ldeep"], output: "libmid.so" })).toMatchObject({
    status: 0,
  });
  expect(await dir.linkAndRun(spore, ["main.o"], { flags: ["-L.", "-lmid", "-Wl,-rpath-link,."] })).toMatchObject({
    status: 6,
  });
  expect(await dynamicEntries(dir.file("a.out"), "NEEDED")).toEqual(["libmid.so", "libc.so.6"]);
});

test("the versions of the C library's symbols are required as GNU ld requires them", async () => {
  await using dir = await scratch({
    "main.c":
      '#include <math.h>\n#include <stdio.h>\n#include <pthread.h>\n#include <sys/stat.h>\nint main(int c, char **v) { struct stat s; pthread_self(); printf("%f %d", exp(c) + pow(c, c), stat(v[0], &s)); }',
  });
  const seen: string[][] = [];
  for (const linker of [bfd, spore]) {
    expect((await dir.linkAndRun(linker, ["main.o"], { flags: ["-lm", "-O0"] })).status).toBe(0);
    const { text } = await readelf(dir.file("a.out"), "-VW");
    seen.push(
      [...text.matchAll(/Name: (GLIBC\S+)|File: (\S+)/g)].map(([, version, file]) => version ?? file ?? "").toSorted(),
    );
  }
  expect(seen[1]).toEqual(seen[0]);
});

test("an inline variable is one object in all shared objects, also those that dlopen() keeps apart", async () => {
  const source =
    "template <class T> struct Shared { static int value; }; template <class T> int Shared<T>::value; inline int &counter() { static int count; return count; }";
  await using dir = await scratch({
    "one.cc": `${source} extern "C" int *value() { return &Shared<int>::value; } extern "C" int *count() { return &counter(); }`,
    "main.cc": `
      #include <cstdio>
      #include <dlfcn.h>
      int main() {
        void *one = dlopen("./one.so", RTLD_NOW | RTLD_LOCAL), *two = dlopen("./two.so", RTLD_NOW | RTLD_LOCAL);
        typedef int *(*Function)();
        auto get = [](void *lib, const char *name) { return ((Function)dlsym(lib, name))(); };
        std::printf("%d%d\\n", get(one, "value") == get(two, "value"), get(one, "count") == get(two, "count"));
      }`,
  });
  await dir.compile("one.cc", ["-fPIC"]);
  for (const output of ["one.so", "two.so"])
    await dir.link(spore, ["one.o"], { flags: ["-shared"], output, driver: "g++" });
  expect(await dir.linkAndRun(spore, ["main.o"], { cwd: dir.path })).toMatchObject({ stdout: "11\n" });
});
