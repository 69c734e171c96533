/**
 * What kernels leave for TypeScript to decide: names that the linker may define, references to versions, texts of
 * warnings. No faults, so these are no findings. Costs nothing where there are none.
 */
import { enumerations } from "../tables/schema.ts";
import type { FileRow } from "../tables/views.ts";
import type { Workers } from "./workers.ts";

export type RequestKind = keyof typeof enumerations.RequestKind;

export interface Request {
  /** Row of file. */
  readonly file: FileRow;
  /** A symbol or a section header of it, as the kind says. */
  readonly index: number;
  /** The operand, and its low half for values that are no Number. */
  readonly operand: number;
  readonly operandLow: number;
}

/** Makes room: a kernel may ask once for each mention or section, and again when a worker crashed over its chunk. */
export function allocateRequests({ tables }: Workers): void {
  tables.allocate(
    "request",
    2 * Object.keys(enumerations.RequestKind).length * tables.rows("mention") + 2 * tables.rows("section"),
  );
}

/** The requests of one kind since the last `dropRequests()`, without repetitions, in input order. */
export function readRequests({ tables }: Workers, name: RequestKind): Request[] {
  const count = tables.get("requestCount");
  if (count === 0) return []; // a view of a table that nobody touched costs V8 a collection
  if (count > tables.rows("request")) throw new RangeError("kernels left more requests than there is room for");
  const kind = tables.column("request", "kind");
  const file = tables.column("request", "file");
  const index = tables.column("request", "index");
  const operand = tables.column("request", "operand");
  const found: Request[] = [];
  for (let row = 0; row < count; row++)
    if (kind[row] === enumerations.RequestKind[name])
      found.push({
        file: file[row],
        index: index[row],
        operand: operand.high(row) * 2 ** 32 + operand.low(row),
        operandLow: operand.low(row),
      });
  found.sort((a, b) => a.file - b.file || a.index - b.index);
  return found.filter(
    (request, i) => i === 0 || request.file !== found[i - 1].file || request.index !== found[i - 1].index,
  );
}

/** Forgets all requests, once the pass that asked has read them. */
export function dropRequests({ tables }: Workers): void {
  if (tables.get("requestCount") === 0) return;
  tables.column("request", "kind").fill(0, 0, tables.get("requestCount"));
  tables.reset("requestCount");
}
