import { expect, test } from "vitest";

import { spore } from "../harness/oracles.ts";
import { scratch } from "../harness/scratch.ts";

const unlike = "GNU ld 2.40 does not know the option";
const files = {
  "main.c": "int answer(void); int main(void) { return answer(); }",
  "one.c": "int answer(void) { return 1; }",
  "two.c": "int answer(void) { return 2; }",
  "bad.map": "one.o two.o three.o\n",
  map: "# another one\n\n*one.? two.o\n",
};

test("--remap-inputs opens other files than those that were named or found", async () => {
  await using dir = await scratch(files);
  for (const name of ["one.c", "two.c"]) await dir.compile(name);
  await dir.archive("libanswer.a", ["one.o"]);
  await dir.archive("libother.a", ["two.o"]);
  const link = (inputs: string[], ...flags: string[]) =>
    dir.linkAndRun(spore, ["main.o", ...inputs], { flags, unlike });
  expect((await link(["one.o"])).status).toBe(1);
  expect((await link(["one.o"], "-Wl,--remap-inputs=one.o=two.o")).status).toBe(2);
  expect((await link(["one.o"], "-Wl,--remap-inputs", "-Wl,o*.o=two.o")).status).toBe(2);
  expect((await link(["one.o"], "-Wl,--remap-inputs-file=map")).status).toBe(2);
  expect((await link(["-L.", "-lanswer"], "-Wl,--remap-inputs=*libanswer.a=libother.a")).status).toBe(2);
  expect((await link(["one.o", "two.o"], "-Wl,--remap-inputs=one.o=/dev/null")).status).toBe(2);
});

test("what a remapping does not say well is an error, and so is a file that is not there", async () => {
  await using dir = await scratch(files);
  for (const [flag, message] of [
    ["--remap-inputs=one.o", /expected PATTERN=FILE/],
    ["--remap-inputs-file=bad.map", /bad\.map:1: .*a pattern and a file/],
    ["--remap-inputs=one.o=gone.o", /cannot open 'gone\.o'/],
  ] as const) {
    const ended = await dir.link(spore, ["main.o", "one.o"], { flags: [`-Wl,${flag}`] });
    expect(ended.status).toBe(1);
    expect(ended.stderr).toMatch(message);
  }
});
