/**
 * `npm run test:fuzz`: links mutants with the build that is made to notice. Ends with status 1 when one of them did
 * not end as it should, or when too few got past the scan.
 *
 *     --count=20000     how many
 *     --seed=1          of which seed
 *     --first=0         from which number on
 *     --only=NUMBER     only this one, with what the linker says; its files are kept
 *     --ordinary        with the ordinary build
 */
import { spawnSync } from "node:child_process";
import { cpSync, mkdtempSync, writeFileSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";

import { root } from "../harness/oracles.ts";
import { formatTable } from "../../src/staging/text-table.ts";
import { makeCorpus } from "./corpus.ts";
import { type Counts, describeFailure, fuzz, MIN_SCANNED } from "./fuzz.ts";
import { Mutants } from "./mutants.ts";

const { values } = parseArgs({
  options: {
    count: { type: "string", default: "20000" },
    seed: { type: "string", default: "1" },
    first: { type: "string", default: "0" },
    only: { type: "string" },
    ordinary: { type: "boolean", default: false },
  },
});
const seed = Number(values.seed);

process.exitCode = values.only === undefined ? await runAll() : await runOne(Number(values.only));

async function runAll(): Promise<number> {
  const first = Number(values.first);
  const end = first + Number(values.count);
  const began = performance.now();
  const seconds = (): string => `${Math.round((performance.now() - began) / 1000)} s`;
  const { counts, total, failures } = await fuzz({
    seed,
    first,
    end,
    processes: availableParallelism(),
    isSanitized: !values.ordinary,
    onFailure: (failure) => void process.stdout.write(`${describeFailure(failure, seed)}\n`),
    onProgress: (done) => void process.stderr.write(`${done} of ${end - first} after ${seconds()}\n`),
  });
  const row = (name: string, of: Counts): string[] => [
    name,
    ...[of.mutants, of.scanned, of.linked, of.failures].map(String),
  ];
  const rows = [...counts].map(([name, of]) => row(name, of));
  process.stdout.write(
    formatTable([["kind", "mutants", "past the scan", "linked", "failures"], ...rows, row("total", total)]),
  );
  const isScannedEnough = total.scanned >= total.mutants * MIN_SCANNED;
  process.stdout.write(
    `seed ${seed}, ${total.mutants} mutants in ${seconds()}: ${total.failures} failures, ` +
      `${((100 * total.scanned) / total.mutants).toFixed(1)} % past the scan${isScannedEnough ? "" : ", too few"}\n`,
  );
  return failures.length > 0 || !isScannedEnough || total.mutants !== end - first ? 1 : 0;
}

/** Links one mutant with the command, in a directory that stays. */
async function runOne(index: number): Promise<number> {
  await using corpus = await makeCorpus();
  const directory = mkdtempSync(join(tmpdir(), "spore-mutant-"));
  cpSync(corpus.path, directory, { recursive: true });
  const { file, mutation, args, searchesAll, contents } = new Mutants(corpus.path, seed).get(index);
  writeFileSync(join(directory, file.name), contents);
  const linker = join(root, values.ordinary ? "bin/ld" : "build/sanitize/bin/ld");
  process.stdout.write(`${file.name}: ${mutation.name}\ncd ${directory} && ${linker} ${args.join(" ")}\n`);
  const { status } = spawnSync(linker, [...args, "--stats"], {
    cwd: directory,
    stdio: "inherit",
    env: { ...process.env, ...(searchesAll ? { SPORE_TEST_SEARCH: "1" } : {}) },
  });
  return status ?? 1;
}
