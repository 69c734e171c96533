/** Mutants by number: seed and number say which file of which link is changed, and how. */
import { readFileSync } from "node:fs";
import { join } from "node:path";

import { type CorpusFile, type Scenario, scenarios } from "./corpus.ts";
import { type Mutation, mutations } from "./mutations.ts";
import { Random } from "./random.ts";

export interface Mutant {
  readonly index: number;
  readonly scenario: Scenario;
  readonly file: CorpusFile;
  readonly mutation: Mutation;
  readonly contents: Buffer;
  /** ld's arguments without -o. */
  readonly args: readonly string[];
  /** Whether archives are searched by their indexes, as large ones are. */
  readonly searchesAll: boolean;
}

/** Options that some links have besides. */
const variations: readonly (readonly string[])[] = [
  [],
  [],
  ["--gc-sections"],
  ["-s"],
  ["-Bsymbolic"],
  ["-z", "now"],
  ["-z", "pack-relative-relocs"],
  ["--discard-all"],
  ["--no-relax"],
  ["-z", "notext"],
  ["--export-dynamic"],
  ["--hash-style=sysv"],
];

export class Mutants {
  readonly #originals = new Map<string, Buffer>();
  readonly #seed: number;

  /** `corpus` is a directory that `makeCorpus` filled. */
  constructor(corpus: string, seed: number) {
    this.#seed = seed;
    for (const { name } of scenarios.flatMap(({ files }) => files))
      this.#originals.set(name, readFileSync(join(corpus, name)));
  }

  original(name: string): Buffer {
    return this.#originals.get(name)!;
  }

  get(index: number): Mutant {
    const random = new Random(this.#seed, index);
    const scenario = scenarios[index % scenarios.length]!;
    const file = random.weighted(scenario.files);
    const original = this.original(file.name);
    const choices = mutations.filter((mutation) => mutation.for.includes(file.kind));
    // Two workers now and then: forks are what a short link consists of.
    const args = [...scenario.args, ...random.pick(variations), `--threads=${index % 8 === 0 ? 2 : 1}`];
    const searchesAll = random.next() < 0.5;
    for (;;) {
      const mutation = random.weighted(choices);
      const contents = mutation.apply(original, random);
      if (contents !== undefined) return { index, scenario, file, mutation, contents, args, searchesAll };
    }
  }
}
