import { expect, test } from "vitest";

import { bfd, spore, symbols } from "../harness/oracles.ts";
import { scratch } from "../harness/scratch.ts";

const linkers = [bfd, spore];

test("tentative definitions of several files are one variable, of the largest size and alignment", async () => {
  await using dir = await scratch({
    "main.c": `
      #include <stdio.h>
      int shared; char buffer[10]; int *other(void); char *other_buffer(void);
      int main(void) { shared = 3; printf("%d %d %d\\n", *other(), other() == &shared, other_buffer() == buffer); }`,
    "other.c":
      "int shared; __attribute__((aligned(128))) char buffer[500]; int *other(void) { return &shared; } char *other_buffer(void) { return buffer; }",
    "third.c": "char buffer[200];",
  });
  for (const name of ["main.c", "other.c", "third.c"]) await dir.compile(name, ["-fcommon"]);
  for (const linker of linkers)
    for (const flags of [["-pie"], ["-static"]]) {
      expect(await dir.linkAndRun(linker, ["main.o", "other.o", "third.o"], { flags })).toMatchObject({
        stdout: "3 1 1\n",
      });
      const buffer = (await symbols(dir.file("a.out"))).find(({ name }) => name === "buffer")!;
      expect(buffer.size, linker.name).toBe(500);
      expect(buffer.value % 128, linker.name).toBe(0);
    }
});

test("a definition wins over tentative ones, wherever it is", async () => {
  await using dir = await scratch({
    "main.c": "int shared; int main(void) { return shared; }",
    "def.c": "int shared = 5;",
    "weak.c": "__attribute__((weak)) int shared = 7;",
  });
  await dir.compile("main.c", ["-fcommon"]);
  for (const linker of linkers) {
    expect(await dir.linkAndRun(linker, ["main.o", "def.o"]), linker.name).toMatchObject({ status: 5 });
    expect(await dir.linkAndRun(linker, ["def.o", "main.o"]), linker.name).toMatchObject({ status: 5 });
    expect(await dir.linkAndRun(linker, ["main.o", "weak.o"]), linker.name).toMatchObject({ status: 0 });
  }
});

test("a tentative definition is exported by a shared object and used by the program", async () => {
  await using dir = await scratch({
    "lib.c": "int shared; void set(int x) { shared = x; }",
    "main.c": "extern int shared; void set(int); int main(void) { set(9); return shared; }",
  });
  await dir.compile("lib.c", ["-fcommon", "-fPIC"]);
  await dir.link(spore, ["lib.o"], { flags: ["-shared"], output: "lib.so" });
  expect(await dir.linkAndRun(spore, ["main.o", "lib.so"])).toMatchObject({ status: 9 });
});

test("what a shared object exports of several tentative definitions is as long as the longest, and data", async () => {
  await using dir = await scratch({
    "short.c": "int both[2]; int *get(void) { return both; }",
    "long.c": "int both[20]; char other;",
    "main.c": "extern int both[20], *get(void); int main(void) { both[19] = 6; return get()[19]; }",
  });
  for (const [i, name] of ["short.c", "long.c"].entries())
    await dir.compile(name, ["-fcommon", "-fPIC", `-Wa,--elf-stt-common=${i === 0 ? "yes" : "no"}`]);
  for (const linker of linkers) {
    expect(await dir.link(linker, ["short.o", "long.o"], { flags: ["-shared"], output: "lib.so" })).toMatchObject({
      status: 0,
    });
    const both = (await symbols(dir.file("lib.so"), ".dynsym")).find(({ name }) => name === "both");
    expect(both, linker.name).toMatchObject({ size: 80, type: "OBJECT" });
    expect(await dir.linkAndRun(linker, ["main.o", "lib.so"]), linker.name).toMatchObject({ status: 6 });
  }
});

test("data of a shared object takes the place of a common symbol; functions and weak symbols do not", async () => {
  await using dir = await scratch({
    "lib.c": `
      int data[100] = {5, 6}, small = 7, zero[50]; int function(void) { return 1; }
      __attribute__((weak)) int weak = 8;
      int get(void) { return data[1] + data[99] + small + zero[49]; }
      void set(void) { data[50] = zero[49] = 0x41414141; }`,
    "main.c": `
      #include <stdio.h>
      int data, zero, function, weak; struct { int first, more[30]; } small;
      int victim[256], get(void); void set(void);
      int main(void) {
        int overwritten = 0;
        printf("%d %d %d %d %d %d\\n", data, zero, function, weak, small.first, get());
        set();
        for (int i = 0; i < 256; i++) overwritten += victim[i] != 0;
        printf("%d\\n", overwritten);
      }`,
    "use.c": "extern int data, function; int *use(void) { return &data + function; }",
  });
  await dir.compile("lib.c", ["-fPIC"]);
  await dir.mustRun(bfd.path, ["-shared", "lib.o", "-o", "lib.so"]);
  await dir.compile("use.c", ["-fPIC"]);
  for (const model of ["-fno-pie", "-fPIC"]) {
    await dir.compile("main.c", ["-fcommon", "-fno-builtin", model]);
    for (const flags of model === "-fPIC" ? [["-pie"], ["-no-pie"]] : [["-no-pie"]])
      for (const inputs of [
        ["main.o", "lib.so"],
        ["-Wl,--no-as-needed", "lib.so", "main.o"],
        ["main.o", "use.o", "-Wl,--as-needed", "lib.so"],
      ]) {
        expect(await dir.linkAndRun(spore, inputs, { flags }), inputs.join(" ")).toMatchObject({
          stdout: "5 0 0 0 7 13\n0\n",
        });
        const sizes = (await symbols(dir.file("a.out"), ".dynsym"))
          .filter(({ name }) => ["data", "small", "zero"].includes(name))
          .map(({ name, size }) => `${name} ${size}`);
        // Code for shared objects asks the GOT, and needs no copy.
        const copied = model === "-fPIC" ? ["data 0", "small 0"] : ["data 400", "small 124"];
        expect(sizes.sort()).toEqual([...copied, "zero 200"]);
      }
  }
  await dir.compile("main.c", ["-fcommon", "-fno-builtin", "-fPIC"]);
  await dir.link(spore, ["main.o", "lib.so"], { flags: ["-shared"], output: "other.so" });
  const data = (await symbols(dir.file("other.so"), ".dynsym")).find(({ name }) => name === "data");
  expect(data?.section).toBe("UND");
});

test("a common symbol that initialised data of a library stands for makes an --as-needed library needed", async () => {
  await using dir = await scratch({
    "lib.c": "int data = 5, zero; int function(void) { return 1; }",
    "data.c": "int data; int main(void) { return data; }",
    "zero.c": "int zero; int main(void) { return zero; }",
    "function.c": "int function; int main(void) { return function; }",
  });
  await dir.compile("lib.c", ["-fPIC"]);
  await dir.mustRun(bfd.path, ["-shared", "lib.o", "-o", "lib.so"]);
  for (const [name, status] of [
    ["data", 5],
    ["zero", 0],
    ["function", 0],
  ] as const) {
    await dir.compile(`${name}.c`, ["-fcommon"]);
    expect(await dir.linkAndRun(spore, [`${name}.o`, "-Wl,--as-needed", "lib.so"]), name).toMatchObject({ status });
  }
});

test("an archive's function is not extracted for a common symbol, its data is", async () => {
  await using dir = await scratch({
    "function.c": "int both(void) { return 1; } int from_function = 1;",
    "data.c": "int both = 2;",
    "main.c": "int both; int main(void) { both++; return both; }",
    "user.c": "extern int both; int use(void) { return both; }",
    "libc.c": `#include <stdio.h>
      int index, time, rand; int main(void) { time = 1; printf("%d %d %d\\n", index, time, rand); }`,
  });
  await dir.compile("libc.c", ["-fcommon", "-fno-builtin"]);
  for (const name of ["main.c", "function.c", "data.c", "user.c"]) await dir.compile(name, ["-fcommon"]);
  await dir.mustRun("ar", ["rcs", "function.a", "function.o"]);
  await dir.mustRun("ar", ["rcs", "data.a", "data.o"]);
  for (const [inputs, status] of [
    [["main.o", "function.a"], 1],
    [["main.o", "user.o", "function.a"], 1],
    [["main.o", "data.a"], 3],
  ] as const)
    expect(await dir.linkAndRun(spore, [...inputs]), inputs.join(" ")).toMatchObject({ status });
  expect(await dir.linkAndRun(spore, ["libc.o"], { flags: ["-static"] })).toMatchObject({ stdout: "0 1 0\n" });
});

test("thread-local common symbols are in .tbss", async () => {
  await using dir = await scratch({
    "main.s": `
      .tls_common four, 8, 8
      .tls_common eight, 8, 8
      .globl main
      main: movl $4, %fs:eight@tpoff
      mov %fs:four@tpoff, %eax
      add %fs:eight@tpoff, %eax
      ret
      .section .note.GNU-stack,"",@progbits`,
    "tdata.s": '.section .tdata,"awT",@progbits\n.long 7\n.section .note.GNU-stack,"",@progbits\n',
  });
  for (const name of ["main.s", "tdata.s"]) await dir.compile(name);
  for (const inputs of [["main.o"], ["main.o", "tdata.o"], ["tdata.o", "main.o"]])
    expect(await dir.linkAndRun(spore, inputs, { flags: ["-no-pie"] })).toMatchObject({ status: 4 });
  const own = (await symbols(dir.file("a.out"))).filter(({ name }) => ["four", "eight"].includes(name));
  expect(own.map(({ type, size }) => `${type} ${size}`).sort()).toEqual(["TLS 8", "TLS 8"]);
});
