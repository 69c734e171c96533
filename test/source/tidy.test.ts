/** Rules about the sources that no compiler checks. */
import { readdirSync, readFileSync } from "node:fs";
import { basename, dirname, join, relative } from "node:path";
import { expect, test } from "vitest";

import { generated } from "../../native/generated/generate.ts";
import { codes } from "../../src/diagnostics/codes.ts";
import { findings } from "../../src/tables/findings.ts";
import { root } from "../harness/oracles.ts";

/** What each folder of src may import. Data flows one way: command, options, inputs, staging, passes, output. */
const imports: Readonly<Record<string, readonly string[]>> = {
  elf: [],
  diagnostics: ["elf"],
  addon: [],
  staging: ["addon"],
  "staging/kernels": ["staging", "addon"],
  "staging/modules": ["staging", "addon"],
  // What staging is from outside, and what forks workers of either kind.
  "staging/index.ts": ["staging", "staging/kernels", "staging/modules", "staging/spawn-workers.ts", "addon"],
  "staging/spawn-workers.ts": ["staging", "staging/kernels", "staging/modules", "addon"],
  options: ["elf", "diagnostics"],
  targets: ["elf"],
  tables: ["staging", "elf"],
  script: ["elf"],
  inputs: ["addon", "script", "options", "staging", "elf", "diagnostics"],
  output: ["addon", "script", "tables", "targets", "options", "elf", "diagnostics", "staging"],
  reports: ["output", "tables", "targets", "options", "diagnostics", "staging", "elf"],
  passes: [
    "addon",
    "script",
    "output",
    "reports",
    "inputs",
    "tables",
    "targets",
    "options",
    "staging",
    "elf",
    "diagnostics",
  ],
  // The files at the top: link.ts and index.ts.
  "": ["addon", "passes", "output", "targets", "options", "diagnostics", "inputs", "reports", "staging", "tables"],
  resident: ["addon", "staging"],
  command: ["", "resident", "options", "reports", "diagnostics", "addon", "staging", "passes"],
};

/** What each folder of native may include, besides itself and the C header. */
const includes: Readonly<Record<string, readonly string[]>> = {
  launcher: ["resident"],
  resident: [],
  staging: [],
  elf: [],
  tables: ["elf", "generated"],
  targets: ["tables", "elf", "generated"],
  kernels: ["targets", "tables", "elf", "generated"],
  generated: ["tables", "elf", "targets", "kernels"],
  addon: ["resident", "staging", "elf", "tables", "targets", "kernels", "generated"],
};

function filesOf(folder: string, extensions: RegExp): string[] {
  return readdirSync(join(root, folder), { recursive: true, encoding: "utf8" })
    .map((name) => join(folder, name))
    .filter((name) => extensions.test(name) && !name.startsWith(join("native", "build")))
    .sort();
}

const read = (file: string): string => readFileSync(join(root, file), "utf8");
const typescript = ["src", "test", "native", "bench"].flatMap((folder) => filesOf(folder, /\.ts$/));
const native = filesOf("native", /\.(cc|c|h)$/);

/** `src/passes/scan.ts` → `passes`; `src/link.ts` → "". The innermost folder, or the file, that has a rule. */
function ruledPart(file: string): string {
  let part = relative("src", file);
  while (!(part in imports) && part !== ".") part = dirname(part);
  return part === "." ? "" : part;
}

test("imports go one way", () => {
  const wrong: string[] = [];
  for (const file of filesOf("src", /\.ts$/)) {
    const folder = ruledPart(file);
    const isRuled = folder !== "" || dirname(file) === "src";
    expect(isRuled, `a folder without a rule: ${dirname(file)}`).toBe(true);
    for (const [, path] of read(file).matchAll(/(?:from|import)\s*\(?\s*"(\.[^"]+)"/g)) {
      const target = ruledPart(join(dirname(file), path));
      // Who may import staging sees it by its index, or what of it knows no workers.
      const allowed = target === "staging/index.ts" ? "staging" : target;
      if (target !== folder && !imports[folder].includes(allowed)) wrong.push(`${file} imports ${path}`);
    }
  }
  expect(wrong).toEqual([]);
});

test("includes go one way, and only the addon sees Node-API", () => {
  const wrong: string[] = [];
  for (const file of native) {
    const [folder] = relative("native", file).split("/");
    for (const [, path] of read(file).matchAll(/^#include ["<]([^">]+)[">]/gm)) {
      const [target] = path.split("/");
      if (/^(napi|node_api|uv|v8)/.test(path) && folder !== "addon") wrong.push(`${file} includes ${path}`);
      if (folder in includes && target in includes && target !== folder && !includes[folder].includes(target))
        wrong.push(`${file} includes ${path}`);
    }
  }
  expect(wrong).toEqual([]);
});

test("what is generated is what the tables say", () => {
  for (const [name, contents] of Object.entries(generated))
    expect(read(name), `${name}: run npm run generate`).toBe(contents(`${root}/`));
});

test("no file is a drawer for everything", () => {
  const drawers = /^(utils?|helpers?|commons?|shared|misc)\.\w+$/;
  expect([...typescript, ...native].filter((file) => drawers.test(basename(file)))).toEqual([]);
});

test("file names are kebab-case", () => {
  const odd = /[A-Z_]/;
  expect([...typescript, ...native].filter((file) => odd.test(basename(file)))).toEqual([]);
});

test("nothing is left for later", () => {
  // Written so that this file does not have them.
  const marks = /\b(TO[D]O|FIX[M]E|X[X]X)\b/;
  expect([...typescript, ...native].filter((file) => marks.test(read(file)))).toEqual([]);
});

test("relocation types and machine code stay in the folders of the targets", () => {
  const files = [...filesOf("src", /\.ts$/), ...native];
  const isTarget = (file: string): boolean => /^(src|native)\/targets\/|^native\/(generated|test)\//.test(file);
  const withoutComments = (text: string): string => text.replace(/\/\*[^]*?\*\/|\/\/[^\n]*/g, "");
  expect(files.filter((file) => !isTarget(file) && /\bR_X86_64_\w+/.test(withoutComments(read(file))))).toEqual([]);
});

test("each message is raised by somebody, and each finding by a kernel", () => {
  const declared = ["src/diagnostics/codes.ts", "src/tables/findings.ts"];
  const passes = filesOf("src", /\.ts$/).filter((file) => !declared.includes(file));
  const raisers = passes.map(read).join("\n");
  const kernels = filesOf("native/kernels", /\.(cc|h)$/)
    .map(read)
    .join("\n");
  const isFound = (code: string): boolean =>
    new RegExp(`\\bCode::${code[0]!.toUpperCase()}${code.slice(1)}\\b`).test(kernels);
  expect(Object.keys(findings).filter((code) => !isFound(code))).toEqual([]);
  const isRaised = (code: string): boolean => code in findings || raisers.includes(`"${code}"`);
  expect(Object.keys(codes).filter((code) => !isRaised(code))).toEqual([]);
});
