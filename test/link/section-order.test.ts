import { expect, test } from "vitest";

import { expectSameBytes } from "../harness/large-outputs.ts";
import { isInstalled, lld, spore, symbols } from "../harness/oracles.ts";
import { type Scratch, scratch } from "../harness/scratch.ts";
import { expectWellFormed } from "../harness/well-formed.ts";

const unlike = "GNU ld has no such order";
const define = (name: string, body = "return x * 7 + __LINE__;"): string => `int ${name}(int x) { ${body} }\n`;
const files = {
  "main.c": `
    #include <stdio.h>
    int alpha(int), beta(int), gamma_(int), delta(int), reach(int);
    __attribute__((cold, noinline)) ${define("chilly")}
    __attribute__((noinline)) static ${define("local")}
    int first_datum = 1, second_datum = 2, third_datum = 3;
    int main(int c, char **v) { printf("%d %d %d\\n", alpha(c) + beta(c) + gamma_(c) + delta(c) + reach(c), chilly(c) + local(c), first_datum + second_datum + third_datum); return 0; }`,
  "other.c": `${define("alpha")}${define("beta")}${define("gamma_")}${define("delta")}
    __attribute__((aligned(256))) ${define("reach", "int alpha(int); return alpha(x) + 1;")}`,
};

async function compile(dir: Scratch): Promise<string[]> {
  for (const name of Object.keys(files))
    await dir.compile(name, ["-O1", "-g", "-ffunction-sections", "-fdata-sections", "-fno-inline"]);
  return ["main.o", "other.o"];
}

/** Names in the order of their addresses. */
async function order(dir: Scratch, names: readonly string[], file = "a.out"): Promise<string[]> {
  const found = (await symbols(dir.file(file))).filter(({ name }) => names.includes(name));
  return found.toSorted((a, b) => a.value - b.value).map(({ name }) => name);
}

const functions = ["alpha", "beta", "gamma_", "delta", "reach", "chilly", "local"];

test("functions and data lie as --symbol-ordering-file lists them, as with lld", async () => {
  await using dir = await scratch({
    ...files,
    order: "# what runs first\ndelta\n\nlocal\nreach\nbeta\nchilly\nthird_datum\nfirst_datum\nnowhere\n",
  });
  const inputs = await compile(dir);
  const plain = await dir.linkAndRun(spore, inputs, { output: "plain" });
  for (const kind of ["-pie", "-no-pie", "-static"]) {
    const flags = [kind, "-Wl,--symbol-ordering-file=order,--build-id"];
    const { status, stderr } = await dir.link(spore, inputs, { flags, unlike });
    expect(status).toBe(0);
    expect(stderr).toMatch(/warning: symbol 'nowhere' of the symbol ordering file is not defined/);
    await expectWellFormed(dir.file("a.out"));
    expect((await dir.run("./a.out")).stdout).toBe(plain.stdout);
    const listed = ["delta", "local", "reach", "beta", "chilly"];
    expect(await order(dir, functions)).toEqual([...listed, "alpha", "gamma_"]);
    expect(await order(dir, ["first_datum", "second_datum", "third_datum"])).toEqual([
      "third_datum",
      "first_datum",
      "second_datum",
    ]);
    await dir.link(lld, inputs, { flags, output: "lld" });
    expect(await order(dir, functions, "lld")).toEqual([...listed, "alpha", "gamma_"]);
  }
  const quiet = ["-Wl,--symbol-ordering-file=order,--no-warn-symbol-ordering"];
  expect(await dir.link(spore, inputs, { flags: quiet, unlike })).toMatchObject({ status: 0, stderr: "" });
  await expectSameBytes(dir.file("a.out"), (option, output) =>
    dir.link(spore, inputs, { flags: [...quiet, option, "-Wl,--build-id"], output, unlike }),
  );
});

test("a callee lies behind the caller that calls it most", async () => {
  await using dir = await scratch({
    ...files,
    calls: "gamma_ alpha 90\nbeta alpha 3\ngamma_ delta 40\nbeta local 2\n",
  });
  const inputs = await compile(dir);
  const flags = ["-Wl,--call-graph-ordering-file=calls"];
  expect(await dir.link(spore, inputs, { flags, unlike })).toMatchObject({ status: 0, stderr: "" });
  await dir.link(lld, inputs, { flags, output: "lld" });
  const names = ["alpha", "beta", "gamma_", "delta", "local"];
  expect(await order(dir, names)).toEqual(await order(dir, names, "lld"));
  await dir.write("calls", "alpha beta\n");
  expect((await dir.link(spore, inputs, { flags, unlike })).stderr).toMatch(
    /calls:1: .*a caller, a callee and a number/,
  );
});

test.skipIf(!isInstalled("clang"))("--call-graph-profile-sort goes by the profile in Clang's objects", async () => {
  const text = (name: string, code: string): string =>
    `.section .text.${name},"ax",@progbits\n.globl ${name}\n${name}: ${code}\n`;
  await using dir = await scratch({
    "main.s": `
      ${text("rare", "ret")}${text("often", "ret")}${text("main", "xorl %eax, %eax; ret")}
      .cg_profile main, often, 100
      .cg_profile main, rare, 10
      .section .note.GNU-stack,"",@progbits`,
  });
  await dir.mustRun("clang", ["-c", "main.s"]);
  const names = ["rare", "often", "main"];
  expect(await dir.linkAndRun(spore, ["main.o"], { unlike: "it knows no such section" })).toMatchObject({ status: 0 });
  expect(await order(dir, names)).toEqual(names);
  const flags = ["-Wl,--call-graph-profile-sort=hfsort"];
  expect(await dir.linkAndRun(spore, ["main.o"], { flags, unlike })).toMatchObject({ status: 0 });
  expect(await order(dir, names)).toEqual(["main", "often", "rare"]);
  await dir.link(lld, ["main.o"], { output: "lld" });
  expect(await order(dir, names, "lld")).toEqual(["main", "often", "rare"]);
});

test("--shuffle-sections gives the order of a seed, and another with another one", async () => {
  await using dir = await scratch(files);
  const inputs = await compile(dir);
  const plain = await dir.linkAndRun(spore, inputs, { output: "plain" });
  const orders = new Set<string>();
  for (const option of ["=1", "=1", "=2", "=3", ".text*=4", ""].map((seed) => seed.replace(/^\./, "=.")))
    for (const kind of ["-pie", "-static"]) {
      const flags = [kind, `-Wl,--shuffle-sections${option}`];
      const linked = await dir.linkAndRun(spore, inputs, { flags, unlike });
      expect(linked.stdout).toBe(plain.stdout);
      await expectWellFormed(dir.file("a.out"));
      orders.add(String(await order(dir, functions)));
    }
  expect(orders.size).toBeGreaterThan(2);
  const flags = ["-Wl,--shuffle-sections=5,--build-id"];
  await expectSameBytes(dir.file("a.out"), (option, output) =>
    dir.link(spore, inputs, { flags: [...flags, option], output, unlike }),
  );
});
