/** --cref: for each symbol the files that mention it, first the one that defines it; in GNU ld's columns. */

export interface SymbolMention {
  readonly symbol: string;
  /** As users call it. */
  readonly file: string;
  readonly isDefinition: boolean;
}

const SYMBOL_WIDTH = 50;

/** The table, sorted by name. Files are in input order. */
export function formatCrossReference(mentions: Iterable<SymbolMention>): string {
  const bySymbol = new Map<string, { definers: string[]; others: string[] }>();
  for (const { symbol, file, isDefinition } of mentions) {
    let entry = bySymbol.get(symbol);
    if (entry === undefined) bySymbol.set(symbol, (entry = { definers: [], others: [] }));
    (isDefinition ? entry.definers : entry.others).push(file);
  }
  const lines = ["", "Cross Reference Table", "", `${"Symbol".padEnd(SYMBOL_WIDTH)}File`];
  const symbols = [...bySymbol.keys()].sort((a, b) => (a < b ? -1 : 1));
  for (const symbol of symbols) {
    const { definers = [], others = [] } = bySymbol.get(symbol) ?? {};
    const column =
      symbol.length < SYMBOL_WIDTH ? symbol.padEnd(SYMBOL_WIDTH) : `${symbol}\n${" ".repeat(SYMBOL_WIDTH)}`;
    lines.push(`${column}${[...definers, ...others].join(`\n${" ".repeat(SYMBOL_WIDTH)}`)}`);
  }
  return `${lines.join("\n")}\n`;
}
