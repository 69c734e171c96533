/** What -y and --cref say about who defines and who refers to a symbol. */
import { expect, test } from "vitest";

import { bfd, spore } from "../harness/oracles.ts";
import { scratch, type Scratch } from "../harness/scratch.ts";

async function program(): Promise<Scratch> {
  const dir = await scratch({
    "main.c": 'int f(void); int puts(const char *); int main(void) { puts(""); return f(); }',
    "f.c": "int g(void); int f(void) { return g(); }",
    "g.c": "int g(void) { return 0; }",
    "unused.c": "int f(void); int unused(void) { return f(); }",
  });
  await dir.archive("lib.a", ["f.o", "g.o", "unused.o"]);
  return dir;
}

const lines = (text: string): string[] =>
  [...text.matchAll(/(\S+: (?:definition of|reference to) \w+)/g)].map(([, line = ""]) => line).toSorted();

test("-y names the files that define and refer to a symbol, as GNU ld does, also when the link fails", async () => {
  await using dir = await program();
  const flags = ["-Wl,-y,f", "-Wl,--trace-symbol=g", "-Wl,-y,puts"];
  const [own, witness] = [
    await dir.link(spore, ["main.o", "lib.a"], { flags }),
    await dir.link(bfd, ["main.o", "lib.a"], { flags }),
  ];
  expect(own.status).toBe(0);
  expect(lines(own.stderr)).toEqual(lines(witness.stderr));
  expect(own.stderr).toContain("spore: main.o: reference to f\nspore: lib.a(f.o): definition of f\n");
  // Archives are searched again, without their indexes, when a link fails; what was said is not said again.
  await dir.archive("incomplete.a", ["f.o"]);
  const failed = await dir.link(spore, ["main.o", "incomplete.a"], { flags });
  expect(failed.status).toBe(1);
  expect(lines(failed.stderr)).toEqual([...new Set(lines(failed.stderr))]);
  expect(failed.stderr).toMatch(
    /^spore: main\.o: reference to puts\nspore: main\.o: reference to f\n[^]*undefined reference to 'g'/,
  );
});

test("--cref lists the definition of each symbol, then its references", async () => {
  await using dir = await program();
  const { stdout } = await dir.link(spore, ["main.o", "lib.a"], { flags: ["-Wl,--cref"] });
  const column = "\n".padEnd(51);
  expect(stdout).toMatch(/^\nCross Reference Table\n\nSymbol {44}File\n/);
  expect(stdout).toContain(`\n${"f".padEnd(50)}lib.a(f.o)${column}main.o\n`);
  expect(stdout).toContain(`\n${"g".padEnd(50)}lib.a(g.o)${column}lib.a(f.o)\n`);
  expect(stdout).not.toContain("unused");
  const withMap = await dir.link(spore, ["main.o", "lib.a"], { flags: ["-Wl,--cref,-Map=map"] });
  expect(withMap.stdout).toBe("");
  expect((await dir.read("map")).toString()).toMatch(/ \.text\n[^]*Cross Reference Table/);
});

test("a map goes where GNU ld writes it: into a directory, beside the output, or where the last option says", async () => {
  for (const linker of [bfd, spore])
    for (const [map, name] of [
      ["maps", "maps/program.map"],
      ["%", "bin/program.map"],
      ["maps/%", "maps/bin/program.map"],
      ["x%.y%", "xbin/program.y%"],
      ["map", "map"],
    ] as const) {
      await using dir = await scratch({
        "main.c": "int main(void) { return 0; }",
        "maps/bin/x": "",
        "bin/x": "",
        "xbin/x": "",
      });
      const flags = ["-Wl,-M,-Map=other", `-Wl,-Map=${map}`];
      const ended = await dir.link(linker, ["main.o"], { flags, output: "bin/program" });
      expect(ended, `${linker.name} ${map}`).toMatchObject({ status: 0, stdout: "", stderr: "" });
      expect((await dir.read(name)).toString(), `${linker.name} ${map}`).toContain(".text");
      expect(await dir.run("test", ["-e", "other"]), linker.name).toMatchObject({ status: 1 });
      const none = await dir.link(linker, ["main.o"], { flags: ["-Wl,-Map=other,-Map="] });
      expect(none, linker.name).toMatchObject({ status: 0, stderr: expect.stringContaining("ignored") });
      const printed = await dir.link(linker, ["main.o"], { flags: ["-Wl,-Map=other,-M"] });
      expect(printed.stdout, linker.name).toContain(".text");
    }
});
