import { expect, test } from "vitest";

import { bfd, spore } from "../harness/oracles.ts";
import { scratch } from "../harness/scratch.ts";

const kinds = [["-pie"], ["-no-pie"], ["-static"]];

test("constructors and destructors run by priority, then in the order of the files, and in reverse", async () => {
  const say = (name: string): string => `
    #include <stdio.h>
    __attribute__((constructor)) static void plain_${name}(void) { puts("+${name}"); }
    __attribute__((constructor(200))) static void late_${name}(void) { puts("+200${name}"); }
    __attribute__((constructor(101))) static void early_${name}(void) { puts("+101${name}"); }
    __attribute__((constructor(1000))) static void latest_${name}(void) { puts("+1000${name}"); }
    __attribute__((destructor)) static void last_${name}(void) { puts("-${name}"); }
    __attribute__((destructor(300))) static void end_${name}(void) { puts("-300${name}"); }`;
  await using dir = await scratch({
    "a.c": say("a"),
    "b.c": say("b"),
    "main.c": '#include <stdio.h>\nint main(void) { puts("main"); }',
  });
  for (const flags of kinds) {
    const seen: string[] = [];
    for (const linker of [bfd, spore])
      seen.push((await dir.linkAndRun(linker, ["a.o", "main.o", "b.o"], { flags })).stdout);
    expect(seen[1]).toBe(seen[0]);
    expect(seen[1]).toMatch(/^\+101a\n\+101b\n\+200a\n\+200b\n\+1000a/);
  }
});

test("C++ init_priority orders objects across files", async () => {
  await using dir = await scratch({
    "trace.h":
      '#include <cstdio>\nstruct Trace { const char *name; explicit Trace(const char *n) : name(n) { std::puts(n); } ~Trace() { std::printf("~%s\\n", name); } };',
    "a.cc":
      '#include "trace.h"\nTrace plain("a"); __attribute__((init_priority(300))) Trace third("a300"); __attribute__((init_priority(150))) Trace first("a150");',
    "main.cc":
      '#include "trace.h"\nTrace plain2("m"); __attribute__((init_priority(200))) Trace second("m200"); int main() { std::puts("main"); }',
  });
  for (const flags of kinds) {
    const seen: string[] = [];
    for (const linker of [bfd, spore]) seen.push((await dir.linkAndRun(linker, ["main.o", "a.o"], { flags })).stdout);
    expect(seen[1]).toBe(seen[0]);
  }
});

test(".preinit_array, .init and .init_array run, in that order", async () => {
  await using dir = await scratch({
    "main.c": `
      #include <unistd.h>
      #define SAY(text) write(1, text "\\n", sizeof text)
      static void preinit(void) { SAY("preinit"); }
      static void init(void) { SAY("init_array"); }
      static void fini(void) { SAY("fini_array"); }
      void from_init(void) { SAY("init"); }
      __attribute__((section(".preinit_array"), used)) static void (*p)(void) = preinit;
      __attribute__((section(".init_array"), used)) static void (*i)(void) = init;
      __attribute__((section(".fini_array"), used)) static void (*f)(void) = fini;
      int main(void) { SAY("main"); }`,
    "init.s": `
      .section .init,"ax",@progbits
      call from_init@PLT
      .section .note.GNU-stack,"",@progbits`,
  });
  for (const flags of [["-pie"], ["-static"]]) {
    const seen: string[] = [];
    for (const linker of [bfd, spore])
      seen.push((await dir.linkAndRun(linker, ["main.o", "init.o"], { flags })).stdout);
    expect(seen[1]).toBe(seen[0]);
    expect(seen[1]).toMatch(/preinit\n.*init\n/s);
  }
});
