/** What becomes of each option, row by row: what is not done is said, and what is said to be done is done by somebody. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";

import { Diagnostics } from "../../src/diagnostics/diagnostics.ts";
import { newDraft } from "../../src/options/link-options.ts";
import { parseOptions } from "../../src/options/parse.ts";
import type { PositionalState, Setting } from "../../src/options/setting.ts";
import { type Outcome, type Status, UnmetOptions } from "../../src/options/status.ts";
import { optionTable } from "../../src/options/table.ts";
import { zTable } from "../../src/options/z-keywords.ts";
import { root } from "../harness/oracles.ts";

/** Arguments that are no number. */
const samples: Readonly<Record<string, string>> = {
  m: "elf_x86_64",
  oformat: "elf64-x86-64",
  "build-id": "sha1",
  "compress-debug-sections": "zlib",
  format: "binary",
  a: "archive",
  defsym: "a=1",
  "section-start": ".a=10",
  "unresolved-symbols": "ignore-all",
  "hash-style": "gnu",
  "pack-dyn-relocs": "relr",
  z: "now",
  diagnostics: "json",
  "color-diagnostics": "never",
  icf: "all",
  "call-graph-profile-sort": "hfsort",
  "remap-inputs": "a=b",
  "sort-section": "name",
  "sort-common": "descending",
  "orphan-handling": "error",
  "ctf-share-types": "share-duplicated",
  assert: "definitions",
  "cet-report": "error",
  "start-stop-visibility": "hidden",
  "call-nop": "suffix-nop",
};

/** What a row's `set` works on, with a list of the fields that it looks at or changes. */
function recordingSetting(diagnostics: Diagnostics): { setting: Setting; touched: Set<string> } {
  const touched = new Set<string>();
  const recording = <T extends object>(target: T): T =>
    new Proxy(target, {
      get: (fields, name) => {
        if (name !== "z" && name !== "queries") touched.add(String(name));
        return Reflect.get(fields, name) as unknown;
      },
      set: (fields, name, value) => {
        touched.add(String(name));
        return Reflect.set(fields, name, value);
      },
    });
  const plain = newDraft();
  plain.z = recording(plain.z);
  plain.queries = recording(plain.queries);
  const state = (): PositionalState => ({
    isWholeArchive: false,
    isAsNeeded: false,
    isStatic: false,
    isLazy: true,
    isBinary: false,
  });
  const setting: Setting = {
    draft: recording(plain),
    state: recording(state()),
    savedStates: [recording(state())],
    openGroups: ["--start-group"],
    unmet: new UnmetOptions(),
    diagnostics,
    option: "",
  };
  return { setting, touched };
}

/** What parsing says of an option, with the place of all options before it that must come first. */
function said(...argv: string[]): string[] {
  const diagnostics = new Diagnostics({ errorLimit: 0 });
  parseOptions(argv, diagnostics);
  return diagnostics.list().map(({ severity, message }) => `${severity}: ${message}`);
}

/** Everything of the linker that reads options, and how those that depend on each other are resolved. */
const readers = [
  ...readdirSync(join(root, "src"), { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(".ts") && !file.startsWith("options/"))
    .map((file) => readFileSync(join(root, "src", file), "utf8")),
  readFileSync(join(root, "src/options/link-options.ts"), "utf8").replace(/^[^]*?export function checksShared/, ""),
].join("\n");
const isRead = (field: string): boolean => new RegExp(`\\b${field}\\b`).test(readers);

const before: Readonly<Record<string, string[]>> = {
  "pop-state": ["--push-state"],
  "end-lib": ["--start-lib"],
  "end-group": ["--start-group"],
  auxiliary: ["-shared"],
  filter: ["-shared"],
};
const after: Readonly<Record<string, string[]>> = { "start-group": ["--end-group"], "start-lib": ["--end-lib"] };

const dashes = (name: string): string => (name.length === 1 ? `-${name}` : `--${name}`);
interface Case extends Outcome {
  readonly option: string;
  readonly argv: readonly string[];
  readonly set: (setting: Setting) => void;
}

const options: readonly Case[] = optionTable.flatMap((row) =>
  row.names.map((name): Case => {
    const value = row.form === "none" ? "" : (samples[row.names[0]!] ?? "16");
    const words =
      row.form === "none" ? [dashes(name)] : row.form === "optional" ? [`--${name}=${value}`] : [dashes(name), value];
    const argv = [...(before[row.names[0]!] ?? []), ...words, ...(after[row.names[0]!] ?? [])];
    return { ...row, option: dashes(name), argv, set: (setting) => row.set(setting, value) };
  }),
);

const keywords: readonly Case[] = zTable.map((row) => {
  const value = row.value === "" ? "" : (samples[row.keyword] ?? "4096");
  const word = row.value === "" ? row.keyword : `${row.keyword}=${value}`;
  return {
    ...row,
    option: `-z ${row.keyword}`,
    argv: ["-z", word],
    set: ({ draft }) => expect(row.set(draft.z, value, draft)).toBe(true),
  };
});

const all = [...options, ...keywords];
const thatAre = (is: Status["is"]): readonly Case[] => all.filter(({ status }) => status.is === is);
const whyOf = ({ status }: Outcome): string => (status.is === "done" ? "" : status.why);

test.each(thatAre("refused"))("$option is refused by its name", ({ option, argv, ...outcome }) => {
  expect(whyOf(outcome)).not.toBe("");
  expect(said(...argv, ...argv)).toEqual([`error: option '${option}' is not supported: ${whyOf(outcome)}`]);
});

test.each(thatAre("warned"))("$option is ignored with one warning that names it", ({ option, argv, ...outcome }) => {
  expect(whyOf(outcome)).not.toBe("");
  const [warning, ...more] = said(...argv, ...argv);
  expect(warning).toMatch(/^warning: /);
  expect(warning).toContain(`option '${option}`);
  expect(warning).toContain(whyOf(outcome));
  expect(more).toEqual([]);
});

test.each(thatAre("ignored"))("$option is accepted without a word, for a reason", ({ argv, ...outcome }) => {
  expect(whyOf(outcome)).not.toBe("");
  expect(said(...argv)).toEqual([]);
});

test.each(thatAre("done"))("$option is done by who reads what it sets", ({ argv, set }) => {
  const diagnostics = new Diagnostics();
  const { setting, touched } = recordingSetting(diagnostics);
  set(setting);
  expect(diagnostics.list()).toEqual([]);
  expect(said(...argv)).toEqual([]);
  expect(touched.size).toBeGreaterThan(0);
  expect([...touched].filter((field) => !isRead(field))).toEqual([]);
});

test("an argument may have a status of its own", () => {
  const withOthers = all.filter(({ statusOf }) => Object.keys(statusOf).length > 0);
  expect(withOthers.length).toBeGreaterThan(2);
  for (const { option, argv, statusOf } of withOthers)
    for (const [value, { is }] of Object.entries(statusOf)) {
      const words = argv[0] === "-z" ? ["-z", `${option.slice(3)}=${value}`] : [`${option}=${value}`];
      const isSaid = is === "warned" || is === "refused";
      expect(said(...argv, ...words), words.join(" ")).toEqual(
        isSaid ? [expect.stringContaining(`option '${option}=${value}'`)] : [],
      );
    }
});

test("an option that is taken back is not spoken of", () => {
  const taking = [...optionTable, ...zTable].filter(({ ends }) => ends !== undefined);
  expect(taking.length).toBeGreaterThan(10);
  const byName = new Map(all.map((row) => [row.option, row]));
  for (const { option, ends } of all) {
    if (ends === undefined) continue;
    const taken = byName.get(ends.startsWith("-z ") ? ends : dashes(ends));
    expect(taken, ends).toBeDefined();
    expect(said(...taken!.argv), ends).toHaveLength(1);
    expect(said(...taken!.argv, ...option.split(" ")), `${ends}, then ${option}`).toEqual([]);
    expect(said(...option.split(" "), ...taken!.argv), `${option}, then ${ends}`).toHaveLength(1);
  }
});
