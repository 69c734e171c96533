/** The rows that kernels leave about what is wrong, read after each kernel and kept until they are worded. */
import { type FindingName, findings as findingTable } from "../tables/findings.ts";
import type { FileRow } from "../tables/views.ts";
import type { Workers } from "./workers.ts";

/** Rows of the finding table. What is found beyond them is counted, not kept: an error all the same. */
const MAX_FINDINGS = 1 << 16;
const findingNames = Object.keys(findingTable) as FindingName[];

export interface Finding {
  readonly name: FindingName;
  /** Where the code is about an input, its row. */
  readonly file: FileRow;
  readonly section: number;
  readonly offset: number;
  readonly symbol: number;
  readonly operand: number;
  /** The operand's halves, for values that are no offset. */
  readonly operandLow: number;
  readonly operandHigh: number;
}

export class FindingTable {
  readonly #workers: Workers;
  #pending: Finding[] = [];
  /** How many of each code found no room. */
  readonly #lost = new Map<FindingName, number>();

  constructor(workers: Workers) {
    this.#workers = workers;
    workers.tables.allocate("finding", MAX_FINDINGS);
    workers.tables.allocate("lostFinding", findingNames.length + 1);
    workers.onKernelEnded = () => this.#read();
  }

  /** Takes the findings of one name out of what kernels have reported, without repetitions, in input order. */
  take(name: FindingName): Finding[] {
    const taken = this.#pending.filter((finding) => finding.name === name);
    this.#pending = this.#pending.filter((finding) => finding.name !== name);
    return taken;
  }

  /** Leaves out those findings of one name that are not wanted. */
  keep(name: FindingName, isWanted: (finding: Finding) => boolean): void {
    this.#pending = this.#pending.filter((finding) => finding.name !== name || isWanted(finding));
  }

  /** Takes all of them, in input order, and how many more there were of each code. */
  takeAll(): { readonly findings: readonly Finding[]; readonly lost: ReadonlyMap<FindingName, number> } {
    const taken = { findings: this.#pending, lost: new Map(this.#lost) };
    this.#pending = [];
    this.#lost.clear();
    return taken;
  }

  /** Empties the table after each kernel, so that what one finds does not depend on what was found before. */
  #read(): void {
    const { tables } = this.#workers;
    const count = tables.get("findingCount");
    if (count === 0) return;
    const end = Math.min(count, MAX_FINDINGS);
    const code = tables.column("finding", "code");
    const file = tables.column("finding", "file");
    const section = tables.column("finding", "section");
    const offset = tables.column("finding", "offset");
    const symbol = tables.column("finding", "symbol");
    const operand = tables.column("finding", "operand");
    const seen = new Set<string>();
    for (let row = 0; row < end; row++) {
      if (code[row] === 0) continue; // its worker died while it wrote the row; the rerun wrote another
      const finding: Finding = {
        name: findingNames[code[row] - 1],
        file: file[row],
        section: section[row],
        offset: offset.high(row) * 2 ** 32 + offset.low(row),
        symbol: symbol[row],
        operand: operand.high(row) * 2 ** 32 + operand.low(row),
        operandLow: operand.low(row),
        operandHigh: operand.high(row),
      };
      const key = Object.values(finding).join();
      if (seen.has(key)) continue;
      seen.add(key);
      this.#pending.push(finding);
    }
    this.#pending.sort(
      (a, b) => a.file - b.file || a.section - b.section || a.offset - b.offset || a.symbol - b.symbol,
    );
    code.fill(0, 0, end);
    tables.reset("findingCount");
    if (count > end) this.#readLost();
  }

  #readLost(): void {
    const lost = this.#workers.tables.column("lostFinding", "count");
    for (const [i, name] of findingNames.entries())
      if (lost[i + 1] > 0) this.#lost.set(name, (this.#lost.get(name) ?? 0) + lost[i + 1]);
    lost.fill(0);
  }
}
