/** --why: what brought a symbol, an object, an archive's member or a library into the link. */
import { expect, test } from "vitest";

import { spore } from "../harness/oracles.ts";
import { type Scratch, scratch } from "../harness/scratch.ts";

const unlike = "GNU ld has no --why";

/** What a link says of a name. */
async function why(dir: Scratch, name: string, inputs: readonly string[], ...flags: string[]): Promise<string> {
  const { status, stderr } = await dir.link(spore, inputs, { flags: [...flags, "-Xlinker", `--why=${name}`], unlike });
  expect(status, stderr).toBe(0);
  return stderr;
}

async function chain(): Promise<Scratch> {
  const dir = await scratch({
    "main.c": "int first(void); int main(void) { return first(); }",
    "first.c": "int second(void); int first(void) { return second(); }",
    "second.c": "int second(void) { return 0; }",
    "other.c": "int other(void) { return 1; }",
  });
  await dir.archive("libchain.a", ["first.o", "second.o", "other.o"]);
  return dir;
}

const steps =
  ">>> main.o is named on the command line\n" +
  ">>> main.o refers to 'first', which libchain.a(first.o) defines\n" +
  ">>> libchain.a(first.o) refers to 'second', which libchain.a(second.o) defines\n";

test("a symbol of an archive's member: the references that lead to it", async () => {
  await using dir = await chain();
  expect(await why(dir, "second", ["main.o", "libchain.a"])).toBe(
    `spore: 'second', which libchain.a(second.o) defines, is in the link because\n${steps}`,
  );
});

test("a member, by its own name or with its archive's", async () => {
  await using dir = await chain();
  for (const name of ["second.o", "libchain.a(second.o)"])
    expect(await why(dir, name, ["main.o", "libchain.a"]), name).toBe(
      `spore: libchain.a(second.o) is in the link because\n${steps}`,
    );
});

test("an archive is each of its members that are linked", async () => {
  await using dir = await chain();
  const said = await why(dir, "libchain.a", ["main.o", "libchain.a"]);
  expect([...said.matchAll(/^spore: (.*) is in the link/gm)].map(([, file]) => file)).toEqual([
    "libchain.a(first.o)",
    "libchain.a(second.o)",
  ]);
});

test("the shortest way is told where there are several", async () => {
  await using dir = await chain();
  await dir.write("direct.c", "int second(void); int direct(void) { return second(); }");
  const said = await why(dir, "second", ["main.o", "direct.o", "libchain.a"]);
  expect(said).toContain(">>> direct.o is named on the command line\n>>> direct.o refers to 'second', which");
  expect(said).not.toContain("main.o");
});

test("what nobody needs is not in the link, and what there is not, neither", async () => {
  await using dir = await chain();
  for (const name of ["other", "other.o", "nothing"])
    expect(await why(dir, name, ["main.o", "libchain.a"])).toBe(`spore: '${name}' is not in the link\n`);
});

test("what only a weak reference names is in the link for another reason, or not", async () => {
  await using dir = await chain();
  await dir.write("weak.c", "__attribute__((weak)) int other(void); int main(void) { return other ? 1 : 0; }");
  expect(await why(dir, "other", ["weak.o", "libchain.a"])).toBe("spore: 'other' is not in the link\n");
});

test("-u and --whole-archive are reasons", async () => {
  await using dir = await chain();
  expect(await why(dir, "other", ["main.o", "libchain.a"], "-Wl,-u,other")).toBe(
    "spore: 'other', which libchain.a(other.o) defines, is in the link because\n" +
      ">>> the command line asks for 'other', which libchain.a(other.o) defines\n",
  );
  expect(await why(dir, "other.o", ["main.o"], "-Wl,--whole-archive,libchain.a,--no-whole-archive")).toContain(
    ">>> libchain.a(other.o) is a member that is linked without being asked for (--whole-archive)\n",
  );
});

test("a shared object after --as-needed: who needs it", async () => {
  await using dir = await chain();
  await dir.shared("libdso.so", ["first.o", "second.o"]);
  expect(await why(dir, "libdso.so", ["main.o"], "-Wl,--as-needed", "libdso.so")).toContain(
    ">>> main.o refers to 'first', which libdso.so defines\n",
  );
});

test("a C++ function may be asked for as it is in the source", async () => {
  await using dir = await scratch({
    "main.cc": "namespace app { int area(int, int); } int main() { return app::area(0, 1); }",
    "area.cc": "namespace app { int area(int a, int b) { return a * b; } }",
  });
  await dir.archive("libarea.a", ["area.o"]);
  const said = await why(dir, "app::area(int, int)", ["main.o", "libarea.a"]);
  expect(said).toContain(">>> main.o refers to 'app::area(int, int)', which libarea.a(area.o) defines\n");
});

test("archives that are searched by their indexes have the same answer", async () => {
  await using dir = await chain();
  const env = { SPORE_TEST_SEARCH: "1" };
  const flags = ["-Wl,--why=second", "-Wl,--why=other"];
  const { stderr } = await dir.link(spore, ["main.o", "libchain.a"], { flags, env, unlike });
  expect(stderr).toContain(steps);
  expect(stderr).toContain("'other' is not in the link\n");
});
