/** Resolve: --undefined-glob, as lld has it: archive members that define a name which matches are in the link. */
import type { LinkOptions } from "../options/link-options.ts";
import { globToRegExp } from "../script/glob.ts";
import { enumerations } from "../tables/schema.ts";
import { type FileRow, rowAt } from "../tables/views.ts";
import type { FindingReader } from "./findings.ts";
import type { Workers } from "./workers.ts";

const { FileFlags, FileState, FileTraits, MentionFlags, SymbolFlags } = enumerations;

/** Reaches the first member that defines each such name, unless the link defines it anyway; --gc-sections keeps it. */
export function reachGlobs(
  { tables }: Workers,
  files: number,
  { undefinedGlobs }: LinkOptions,
  findings: FindingReader,
): void {
  if (undefinedGlobs.length === 0) return;
  const globs = undefinedGlobs.map(globToRegExp);
  const traits = tables.column("file", "traits");
  const state = tables.column("file", "state");
  const flags = tables.column("file", "flags");
  const firstGlobal = tables.column("file", "firstGlobal");
  const symbolCount = tables.column("file", "symbolCount");
  const mentionFlags = tables.column("mention", "flags");
  const defined = new Set<number>();
  for (const isLazy of [false, true])
    for (let file = 0 as FileRow; file < files; file++) {
      const isOther =
        traits[file] & (FileTraits.IS_SHARED | FileTraits.IS_BROKEN) || flags[file] & FileFlags.IS_INTERNAL;
      if (isOther || ((flags[file] & FileFlags.IS_LAZY) !== 0) !== isLazy) continue;
      const object = findings.object(file);
      for (let i = firstGlobal[file]; i < symbolCount[file]; i++) {
        const mention = rowAt(tables.column("file", "firstMention")[file], i - firstGlobal[file]);
        if ((mentionFlags[mention] & MentionFlags.KIND) === MentionFlags.UNDEFINED) continue;
        const symbol = tables.column("mention", "symbol")[mention];
        const name = object?.symbolName(i) ?? "";
        if (defined.has(symbol) || !globs.some((glob) => glob.test(name))) continue;
        defined.add(symbol);
        state[file] |= FileState.REACHED;
        tables.column("symbol", "flags")[symbol] |= SymbolFlags.ROOT;
      }
    }
}
