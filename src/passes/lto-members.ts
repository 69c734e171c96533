/**
 * Resolve: objects for link-time optimisation in archives. What they define is in their own language; of regular
 * archives, the index tells it. Costs nothing where there are none.
 */
import { FormatError } from "../elf/byte-reader.ts";
import { readArchiveIndex } from "../inputs/archive.ts";
import { beginningOf } from "../inputs/mapped-files.ts";
import { isClaimed } from "../tables/claim.ts";
import { enumerations } from "../tables/schema.ts";
import { type FileRow, rowAt, type U64Column } from "../tables/views.ts";
import type { Inputs } from "./find-inputs.ts";
import type { FindingReader } from "./findings.ts";
import type { Workers } from "./workers.ts";

const { FileFlags, FileState, FileTraits, MentionFlags } = enumerations;

/** Refuses the members that define what is undefined. Those of which nobody can tell are named in a warning. */
export function checkLtoMembers(
  { tables, diagnostics }: Workers,
  files: number,
  inputs: Inputs,
  findings: FindingReader,
): void {
  const flags = tables.column("file", "flags");
  const traits = tables.column("file", "traits");
  const byInput = new Map<number, FileRow[]>();
  for (let file = 0 as FileRow; file < files; file++) {
    if (!(traits[file] & FileTraits.IS_LTO) || !(flags[file] & FileFlags.IS_LAZY)) continue;
    const input = tables.column("file", "input")[file];
    byInput.set(input, [...(byInput.get(input) ?? []), file]);
  }
  if (byInput.size === 0) return;
  const undefinedNames = listUndefined(tables, files, findings);
  if (undefinedNames.size === 0) return;
  for (const [input, members] of byInput) {
    const known = indexedMembers(inputs, input, members, tables.column("file", "nameOffset"));
    for (const file of members) {
      const place = { file: findings.fileName(file), fileOrder: file };
      const names = known.get(file);
      if (names === undefined) diagnostics.add("ltoMemberLeftOut", {}, place);
      else if (names.some((name) => undefinedNames.has(name)))
        diagnostics.add(
          traits[file] & FileTraits.IS_BROKEN ? "bitcode" : "ltoObject",
          findings.irOperands(file),
          place,
        );
    }
  }
}

/** What the index of an archive says that these members define; none for members that it does not have. */
function indexedMembers(
  { files }: Inputs,
  input: number,
  members: readonly FileRow[],
  headers: U64Column<FileRow>,
): ReadonlyMap<FileRow, string[]> {
  const found = new Map<FileRow, string[]>();
  const { kind, displayName, mapped } = files[input];
  if (kind !== "archive") return found;
  const byHeader = new Map(members.map((file) => [headers.get(file), file]));
  try {
    for (const { name, header } of readArchiveIndex(displayName, beginningOf(mapped))) {
      const file = byHeader.get(header);
      if (file === undefined) continue;
      const names = found.get(file);
      if (names === undefined) found.set(file, [name]);
      else names.push(name);
    }
  } catch (error) {
    if (!(error instanceof FormatError)) throw error; // an index that cannot be read says nothing
  }
  return found;
}

/** Names that a file of the link refers to, not weakly, and that nothing defines. */
function listUndefined(tables: Workers["tables"], files: number, findings: FindingReader): ReadonlySet<string> {
  const mentionFlags = tables.column("mention", "flags");
  const symbolOf = tables.column("mention", "symbol");
  const claim = tables.column("symbol", "claim");
  const names = new Set<string>();
  for (let file = 0 as FileRow; file < files; file++) {
    if (!(tables.column("file", "state")[file] & FileState.REACHED)) continue;
    if (tables.column("file", "traits")[file] & (FileTraits.IS_SHARED | FileTraits.IS_BROKEN)) continue;
    const firstGlobal = tables.column("file", "firstGlobal")[file];
    const firstMention = tables.column("file", "firstMention")[file];
    const symbols = tables.column("file", "symbolCount")[file];
    for (let i = firstGlobal; i < symbols; i++) {
      const mention = rowAt(firstMention, i - firstGlobal);
      if (mentionFlags[mention] & MentionFlags.WEAK) continue;
      if ((mentionFlags[mention] & MentionFlags.KIND) !== MentionFlags.UNDEFINED) continue;
      const symbol = symbolOf[mention];
      if (!isClaimed(claim, symbol)) names.add(findings.symbolName(file, i));
    }
  }
  return names;
}
