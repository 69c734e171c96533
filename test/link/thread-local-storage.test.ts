import { expect, test } from "vitest";

import { bfd, readelf, spore } from "../harness/oracles.ts";
import { scratch } from "../harness/scratch.ts";
import { expectWellFormed } from "../harness/well-formed.ts";

const files = {
  "lib.c": `
    __thread int exported = 11; static __thread int own = 22, zero; __thread char many[1000]; __thread long long aligned __attribute__((aligned(64))) = 33;
    __attribute__((visibility("hidden"))) __thread int hidden = 44;
    int sum(void) { many[999]++; return exported++ + own++ + zero++ + many[999] + hidden; }
    long address(void) { return (long)&aligned % 64; }
    int *view(void) { return &exported; }`,
  "main.c": `
    #include <pthread.h>
    #include <stdio.h>
    extern __thread int exported, defined_here; static __thread int mine = 5, zero; static __thread char big[5000];
    int sum(void); long address(void); int *view(void); int other(void);
    static void *run(void *arg) {
      zero++; mine++; big[4999] = 1; defined_here++;
      int first = sum(), second = sum();
      printf("%s %d %d ", (char *)arg, first, second);
      printf("%ld %d %d %d %d %d %d\\n", address(), exported, view() == &exported, mine, zero, big[4999], other());
      fflush(stdout);
      return 0;
    }
    int main(void) {
      pthread_t thread;
      run("main");
      pthread_create(&thread, 0, run, "thread"); pthread_join(thread, 0);
      run("main");
    }`,
  "other.c":
    "__thread int defined_here = 100; extern __thread int exported; int other(void) { return defined_here + exported; }",
};
const stdout = `main 78 82 0 13 1 6 1 1 114
thread 78 82 0 13 1 6 1 1 114
main 86 90 0 15 1 7 2 1 117
`;

const models = ["global-dynamic", "local-dynamic", "initial-exec"];
const variants = [
  ...models.map((model) => [`-ftls-model=${model}`]),
  ["-mtls-dialect=gnu2"],
  ["-mtls-dialect=gnu2", "-ftls-model=local-dynamic"],
  ["-fno-plt"],
  ["-fno-plt", "-ftls-model=local-dynamic"],
];

for (const variant of variants)
  for (const level of variant.includes("-fno-plt") ? ["-O2"] : ["-O0", "-O2"])
    test(`thread-local variables of a shared object, compiled with ${[...variant, level].join(" ")}`, async () => {
      await using dir = await scratch(files);
      await dir.compile("lib.c", ["-fPIC", level, ...variant]);
      await dir.link(spore, ["lib.o"], { flags: ["-shared"], output: "lib.so" });
      await expectWellFormed(dir.file("lib.so"));
      await dir.compile("main.c", ["-O1"]);
      await dir.compile("other.c");
      expect(await dir.linkAndRun(spore, ["main.o", "other.o", "lib.so"])).toMatchObject({ stdout });
      const { text } = await readelf(dir.file("lib.so"), "-dW");
      expect(text.includes("STATIC_TLS")).toBe(variant.includes("-ftls-model=initial-exec"));
    });

for (const variant of variants)
  test(`an executable of every kind from objects compiled with ${variant.join(" ")}`, async () => {
    await using dir = await scratch(files);
    const objects = ["main.o", "other.o", "lib.o"];
    for (const name of ["lib.c", "main.c", "other.c"]) await dir.compile(name, ["-O2", "-fPIC", ...variant]);
    for (const kind of ["-pie", "-no-pie", "-static", "-static-pie"])
      expect(await dir.linkAndRun(spore, objects, { flags: [kind] }), kind).toMatchObject({ stdout });
    expect(await dir.linkAndRun(spore, objects, { flags: ["-Wl,--no-relax"] })).toMatchObject({ stdout });
    await expectWellFormed(dir.file("a.out"));
  });

test("code for a fixed address that was not optimised uses Local Exec as it is", async () => {
  await using dir = await scratch(files);
  for (const name of ["lib.c", "main.c", "other.c"]) await dir.compile(name, ["-O0", "-fno-pie"]);
  for (const kind of ["-no-pie", "-static"])
    expect(await dir.linkAndRun(spore, ["main.o", "other.o", "lib.o"], { flags: [kind] }), kind).toMatchObject({
      stdout,
    });
});

for (const variant of [["-fPIC"], ["-fPIC", "-mtls-dialect=gnu2"], ["-fPIC", "-fno-plt"], ["-ftls-model=initial-exec"]])
  test(`a program reaches thread-local variables of a shared object, compiled with ${variant.join(" ")}`, async () => {
    await using dir = await scratch(files);
    await dir.compile("lib.c", ["-fPIC"]);
    await dir.link(spore, ["lib.o"], { flags: ["-shared"], output: "lib.so" });
    for (const name of ["main.c", "other.c"]) await dir.compile(name, [...variant, "-O2"]);
    expect(await dir.linkAndRun(spore, ["main.o", "other.o", "lib.so"])).toMatchObject({ stdout });
  });

test("thread-local variables of a library opened with dlopen are per thread", async () => {
  await using dir = await scratch({
    "plugin.c": "static __thread int count = 10; int next(void) { return ++count; }",
    "main.c": `
      #include <dlfcn.h>
      #include <pthread.h>
      #include <stdio.h>
      static int (*next)(void);
      static void *run(void *arg) { next(); *(int *)arg = next(); return 0; }
      int main(void) {
        next = (int (*)(void))dlsym(dlopen("./plugin.so", RTLD_LAZY), "next");
        int in_thread = 0; pthread_t thread;
        next();
        pthread_create(&thread, 0, run, &in_thread); pthread_join(thread, 0);
        printf("%d %d\\n", next(), in_thread);
      }`,
  });
  for (const dialect of ["gnu", "gnu2"]) {
    await dir.compile("plugin.c", ["-fPIC", `-mtls-dialect=${dialect}`]);
    await dir.link(spore, ["plugin.o"], { flags: ["-shared"], output: "plugin.so" });
    expect(await dir.linkAndRun(spore, ["main.o"], { cwd: dir.path })).toMatchObject({ stdout: "12 12\n" });
  }
});

test("thread-local zeros take no room in the file and no addresses from what follows", async () => {
  await using dir = await scratch({
    "main.c": `
      static __thread char zeros[1 << 20]; static __thread int seven = 7; int after = 8;
      int main(void) { zeros[(1 << 20) - 1] = 1; for (int i = 0; i < (1 << 20) - 1; i++) if (zeros[i]) return 1; return seven + after; }`,
  });
  expect(await dir.linkAndRun(spore, ["main.o"])).toMatchObject({ status: 15 });
  expect((await dir.read("a.out")).length).toBeLessThan(1 << 19);
});

test("a large alignment of thread-local data is honoured in every thread", async () => {
  await using dir = await scratch({
    "main.c": `
      #include <pthread.h>
      __thread char a = 1; __thread char wide[10] __attribute__((aligned(256))) = "x"; __thread int b; __thread char zero[10] __attribute__((aligned(512)));
      static void *run(void *arg) { (void)arg; return (void *)(((unsigned long)wide % 256) + ((unsigned long)zero % 512) + (wide[0] != 'x') + (a != 1) + b + zero[3]); }
      int main(void) { pthread_t t; void *r; pthread_create(&t, 0, run, 0); pthread_join(t, &r); return (r || run(0)) ? 1 : 0; }`,
  });
  for (const flags of [["-pie"], ["-static"]])
    expect(await dir.linkAndRun(spore, ["main.o"], { flags })).toMatchObject({ status: 0 });
});

// GNU ld and lld link it, and the program reads and writes what lies outside of its own block.
test.each([
  ["a shared object", ["-shared"], []],
  ["a shared object", ["-shared"], ["./libthere.so"]],
  ["a PIE object", ["-pie"], ["./libthere.so"]],
])("%s (%o with %o) that takes another module's variable for its own is refused", async (kind, flags, libraries) => {
  await using dir = await scratch({
    "there.c": "__thread int there = 1;",
    "use.c": "static __thread int here; extern __thread int there; int main(void) { return here + there; }",
  });
  await dir.mustRun("gcc", ["-shared", "-fPIC", "there.c", "-o", "libthere.so"]);
  await dir.compile("use.c", ["-fPIC", "-ftls-model=local-dynamic"]);
  const { status, stderr } = await dir.link(spore, ["use.o", ...libraries], { flags });
  expect(stderr).toContain(`relocation R_X86_64_DTPOFF32 against 'there' can not be used when making ${kind}`);
  expect(stderr).toContain("in use.o:(function main)");
  expect(status).not.toBe(0);
});

test("a thread-local reference to what is no thread-local variable is an error, wherever that is", async () => {
  await using dir = await scratch({
    "use.c": "extern __thread int t; int main(void) { return t; }",
    "plain.c": "int t = 1;",
  });
  await dir.compile("plain.c", ["-fPIC"]);
  await dir.mustRun(bfd.path, ["-shared", "plain.o", "-o", "plain.so"]);
  for (const model of ["-fPIE", "-fPIC"]) {
    await dir.compile("use.c", [model]);
    for (const flags of model === "-fPIC" ? [["-pie"], ["-shared"]] : [["-pie"]])
      for (const other of ["plain.o", "plain.so"])
        for (const linker of [bfd, spore])
          expect(
            await dir.link(linker, ["use.o", other], { flags }),
            `${linker.name} ${flags.join(" ")} ${other}`,
          ).toMatchObject({
            status: 1,
            stderr: expect.stringMatching(/TLS reference .*mismatches|is thread-local in one/),
          });
  }
});
