/** Rust: rustc calls gcc, gcc calls Spore. */
import { join } from "node:path";
import { expect, test } from "vitest";

import { complaints, expectSameBytes } from "../harness/large-outputs.ts";
import { root, spore } from "../harness/oracles.ts";
import { lacks } from "../harness/requirements.ts";
import { scratch } from "../harness/scratch.ts";

const requirements = [{ needs: "rustc", from: "rustc" }];
const sources = join(root, "testdata/programs/rust");

/** `rustc` with gcc, and Spore or the system's linker behind it. */
function rustc(source: string, flags: readonly string[], linkFlags: readonly string[], output: string): string[] {
  const link = linkFlags.flatMap((flag) => ["-C", `link-arg=${flag}`]);
  return ["--edition", "2021", join(sources, source), ...flags, "-C", "linker=gcc", ...link, "-o", output];
}

const variants: readonly (readonly string[])[] = [
  [],
  ["-C", "opt-level=3"],
  ["-g"],
  ["-C", "opt-level=s", "-C", "link-arg=-Wl,--gc-sections"],
  ["-C", "target-feature=+crt-static"],
  ["-C", "prefer-dynamic"],
  ["-C", "relocation-model=static"],
  ["-C", "link-dead-code"],
  ["-C", "strip=symbols"],
  ["-C", "link-arg=-Wl,-z,now", "-C", "link-arg=-Wl,--hash-style=both"],
];

for (const flags of variants)
  test.skipIf(lacks(requirements))(
    `a program panics, catches, unwinds and has thread-locals (${flags.join(" ")})`,
    async () => {
      await using dir = await scratch();
      await dir.mustRun("rustc", rustc("main.rs", flags, ["-fuse-ld=bfd"], "witness"));
      await expectSameBytes(dir.file("program"), (workers, output) =>
        dir.mustRun("rustc", rustc("main.rs", flags, [...spore.gccFlags, workers], output)),
      );
      const { stdout } = await dir.mustRun("rustc", ["--print", "target-libdir"]);
      const env = { LD_LIBRARY_PATH: stdout.trim() };
      const expected = await dir.run("./witness", [], { env });
      expect(await dir.run("./program", [], { env })).toEqual(expected);
      expect(expected).toMatchObject({ status: 0, stderr: "" });
      expect(expected.stdout).toContain("caught true, drops 3");
      expect(await complaints(dir.file("program"))).toEqual([]);
    },
  );

for (const isStatic of [false, true])
  test.skipIf(lacks(requirements))(
    `C uses a ${isStatic ? "staticlib" : "cdylib"} whose panics stay inside`,
    async () => {
      await using dir = await scratch({
        "main.c": `
        #include <dlfcn.h>
        #include <pthread.h>
        #include <stdio.h>
        int rust_parse(const char *); unsigned rust_calls(void);
        static void *thread(void *data) { return (void *)(long)rust_calls(); }
        int main(void) {
          pthread_t id; void *result;
          rust_calls();
          pthread_create(&id, 0, thread, 0); pthread_join(id, &result);
          printf("%d %d %u %ld\\n", rust_parse("12"), rust_parse("no number"), rust_calls(), (long)result);
        }`,
      });
      const name = isStatic ? "liblibrary.a" : "liblibrary.so";
      const kind = ["--crate-type", isStatic ? "staticlib" : "cdylib"];
      await dir.mustRun("rustc", rustc("library.rs", kind, spore.gccFlags, name));
      const flags = [name, "-lpthread", "-ldl", "-lm"];
      expect(await dir.linkAndRun(spore, ["main.o"], { flags })).toMatchObject({ status: 0, stdout: "12 -1 2 1\n" });
      for (const output of isStatic ? ["a.out"] : ["a.out", name])
        expect(await complaints(dir.file(output)), output).toEqual([]);
    },
  );
