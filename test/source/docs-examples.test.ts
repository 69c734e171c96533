/**
 * Runs the examples of the docs, in order, in one folder. A block that is followed by a block of text is a program,
 * and the text what it prints; other blocks are modules that programs name. The first line says the file's name,
 * and after a colon the flags of Node that the program needs.
 */
import { spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { transformSync } from "esbuild";
import { describe, expect, test } from "vitest";

import { root } from "../harness/oracles.ts";
import { scratch } from "../staging/run-script.ts";

interface Example {
  readonly name: string;
  readonly flags: readonly string[];
  readonly source: string;
  readonly output: string | undefined;
}

function examplesOf(page: string): Example[] {
  const text = readFileSync(join(root, "docs", page), "utf8");
  const blocks = [...text.matchAll(/^```(\w+)\n([^]*?)^```$/gm)];
  return blocks.flatMap(([, language, source], index) => {
    if (language === "text") return [];
    const first = /^\/\/ ([\w-]+\.\w+)(?:: (.*))?\n/.exec(source!);
    if (!first) throw new Error(`${page}: an example does not begin with the name of a file:\n${source}`);
    const [, name, flags] = first;
    const next = blocks[index + 1];
    return [{ name: name!, flags: flags?.split(" ") ?? [], source: source!, output: next?.[1] === "text" ? next[2] : undefined }]; // prettier-ignore
  });
}

for (const page of ["staging.md"]) {
  describe(`docs/${page}`, () => {
    const dir = scratch();
    mkdirSync(dir.path("node_modules"));
    symlinkSync(root, dir.path("node_modules/spore-ld"));
    for (const { name, flags, source, output } of examplesOf(page)) {
      // Node 20 runs neither types nor `using`.
      const file = dir.path(name.replace(/\.ts$/, ".mjs"));
      writeFileSync(file, transformSync(source, { loader: "ts", target: "node20", format: "esm" }).code);
      if (output === undefined) continue;
      test(name, () => {
        const { NODE_OPTIONS: _, ...env } = process.env;
        const options = { cwd: dir.path("."), encoding: "utf8", env: { ...env, NO_COLOR: "1" } } as const;
        const { stdout, stderr, status } = spawnSync(process.execPath, [...flags, file], options);
        expect({ stdout, stderr, status }).toEqual({ stdout: output, stderr: "", status: 0 });
      });
    }
    test("every module is one that a program names", () => {
      const examples = examplesOf(page);
      for (const { name, output } of examples) {
        if (output === undefined)
          expect(
            examples.some(({ source }) => source.includes(`"${name}"`)),
            name,
          ).toBe(true);
      }
      dir[Symbol.dispose]();
    });
  });
}
