/** `ld --verbose`: the plan in use as a linker script, which GNU ld can read. */
import { expect, test } from "vitest";

import { bfd, spore } from "../harness/oracles.ts";
import { scratch } from "../harness/scratch.ts";

const separator = "=".repeat(50);

const kinds: readonly (readonly string[])[] = [
  ["-no-pie"],
  ["-pie"],
  ["-static"],
  ["-pie", "-Wl,-z,norelro"],
  ["-pie", "-Wl,-z,now"],
];

test("GNU ld links with the script that --verbose prints, and the program runs", async () => {
  await using dir = await scratch({
    "main.cc": `
      #include <cstdio>
      #include <stdexcept>
      #include <string>
      extern char __executable_start[], etext[], edata[], end[], __bss_start[];
      thread_local int counter = 2;
      static std::string early = "early";
      int zero[100];
      int main() {
        try { throw std::runtime_error("thrown"); }
        catch (std::exception &e) { printf("%s %s %d\\n", e.what(), early.c_str(), counter); }
        bool inOrder = __executable_start < etext && etext <= edata && edata <= __bss_start && (char *)zero < end;
        return inOrder ? 0 : 1;
      }`,
  });
  for (const flags of kinds) {
    const ldFlags = flags.flatMap((flag) => (flag.startsWith("-Wl,") ? flag.slice(4).split(",") : [flag]));
    const { stdout } = await dir.mustRun(spore.path, [...ldFlags, "--verbose"]);
    const [, script] = stdout.split(separator);
    await dir.write("default.ld", script ?? "");
    for (const linker of [bfd, spore]) {
      const withScript = linker === bfd ? ["-Wl,-T,default.ld"] : [];
      const ended = await dir.linkAndRun(linker, ["main.o"], { flags: [...flags, ...withScript] });
      expect(ended, `${linker.name} ${flags.join(" ")}: ${ended.stderr}`).toMatchObject({
        status: 0,
        stdout: "thrown early 2\n",
      });
    }
  }
});
