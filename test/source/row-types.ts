/** Rows of one table are no index of another: `npm run typecheck` fails where one of these is no error any more. */
import type { FileRow, MentionRow, SymbolRow, Tables } from "../../src/tables/views.ts";

export function mixRows(tables: Tables, file: FileRow, mention: MentionRow, symbol: SymbolRow): unknown[] {
  const flags = tables.column("file", "flags");
  const symbolOf = tables.column("mention", "symbol");
  const claim = tables.column("symbol", "claim");
  return [
    flags[file],
    claim.low(symbolOf[mention]),
    // @ts-expect-error a mention is no file
    flags[mention],
    // @ts-expect-error a number is no row
    flags[3],
    // @ts-expect-error what the column holds is a symbol
    flags[symbolOf[mention]],
    // @ts-expect-error a symbol's first mention has its number, but is not it
    symbolOf[symbol],
    // @ts-expect-error a file has no claim
    claim.low(file),
  ];
}
