/** --diagnostics: errors for programs that read them. */
import { expect, test } from "vitest";

import { codes } from "../../src/diagnostics/codes.ts";
import { type Ended, root, spore } from "../harness/oracles.ts";
import { type Scratch, scratch } from "../harness/scratch.ts";

const sources = {
  "main.c": "int missing(void);\nint main(void) {\n  return missing(); }\n",
  "other.c": "int main(void) { return 0; }\n",
};

async function failed(dir: Scratch, ...flags: string[]): Promise<Ended> {
  for (const source of Object.keys(sources)) await dir.compile(source, ["-g"]);
  const ended = await dir.run(spore.path, ["-e", "main", "main.o", ...flags]);
  expect(ended).toMatchObject({ status: 1, stdout: "" });
  return ended;
}

const lines = (text: string): unknown[] =>
  text
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as unknown);

test("as JSON, a message is a line with its code, its places and the line of the source", async () => {
  await using dir = await scratch(sources);
  const { stderr } = await failed(dir, "--diagnostics=json");
  expect(lines(stderr)).toEqual([
    {
      code: "undefinedSymbol",
      severity: "error",
      message: "undefined reference to 'missing'",
      places: [
        {
          file: "main.o",
          section: ".text",
          offset: expect.any(Number),
          symbol: "main",
          source: { file: dir.file("main.c"), line: 3 },
        },
      ],
      placeCount: 1,
    },
  ]);
});

test("as JSON, the last line says that errors are left out", async () => {
  await using dir = await scratch();
  const { stderr } = await dir.run(spore.path, ["--diagnostics=json", "--error-limit=1", "one.o", "two.o", "three.o"]);
  expect(lines(stderr)).toMatchObject([{ code: "cannotOpen" }, { code: "errorLimit", message: "2 more errors" }]);
});

test("as SARIF, it is one log whose results point into the source", async () => {
  await using dir = await scratch(sources);
  const { stderr } = await failed(dir, "other.o", "--diagnostics=sarif");
  const [log, ...more] = lines(stderr) as [{ version: string; runs: { tool: object; results: object[] }[] }];
  expect(more).toEqual([]);
  expect(log.version).toBe("2.1.0");
  const place = (file: string) => ({ artifactLocation: { uri: `file://${dir.file(file)}` } });
  expect(log.runs).toMatchObject([
    {
      tool: { driver: { name: "Spore", rules: [{ id: "duplicateSymbol" }] } },
      results: [
        {
          ruleId: "duplicateSymbol",
          level: "error",
          message: { text: "multiple definition of 'main'" },
          locations: [{ physicalLocation: { ...place("main.c"), region: { startLine: 2 } } }],
          relatedLocations: [{ physicalLocation: place("other.c"), message: { text: "other.o:(function main)" } }],
        },
      ],
    },
  ]);
});

test("a good link says nothing in any format", async () => {
  await using dir = await scratch(sources);
  for (const format of ["text", "json", "sarif"]) {
    const flags = [`-Wl,--diagnostics=${format}`];
    expect(await dir.link(spore, ["other.o"], { flags }), format).toMatchObject({ status: 0, stdout: "", stderr: "" });
  }
});

test("a format that there is not is an error", async () => {
  const { stderr, status } = await (await scratch()).run(spore.path, ["--diagnostics=xml"]);
  expect({ stderr, status }).toMatchObject({
    status: 1,
    stderr: expect.stringContaining("'text' or 'json' or 'sarif'"),
  });
});

test("every code is on the page of errors, with its wording", async () => {
  const { readFile } = await import("node:fs/promises");
  const page = await readFile(`${root}/docs/errors.md`, "utf8");
  for (const code of Object.keys(codes)) expect(page).toContain(`| \`${code}\` |`);
  expect(page).toContain("undefined reference to '‹symbol›'");
});
