/** Synthesise: whether the stack may hold code, which PT_GNU_STACK says and objects say by .note.GNU-stack. */
import type { LinkOptions } from "../options/link-options.ts";
import { enumerations } from "../tables/schema.ts";
import type { FileRow } from "../tables/views.ts";
import type { FindingReader } from "./findings.ts";
import type { Scanned } from "./scan.ts";
import type { Workers } from "./workers.ts";

const { FileFlags, FileState, FileTraits } = enumerations;

/**
 * As GNU ld 2.40: an object without the note was made by somebody who did not think of it, so it needs the permission,
 * unless none of the objects has one. Undefined when the output says nothing, as it does then.
 */
export function isStackExecutable(
  { tables, diagnostics }: Workers,
  { files, internalFile }: Scanned,
  { z, isWarnExecStack }: LinkOptions,
  findings: FindingReader,
): boolean | undefined {
  if (z.execStack === true && isWarnExecStack === true) diagnostics.add("executableStackAsked", {});
  if (z.execStack !== undefined) return z.execStack;
  const flags = tables.column("file", "flags");
  const traits = tables.column("file", "traits");
  const state = tables.column("file", "state");
  const { HAS_STACK_NOTE, NEEDS_EXECUTABLE_STACK } = FileFlags;
  let hasNote = false;
  let asking: FileRow | undefined; // the first whose note asks for it
  let silent: FileRow | undefined; // the last without a note
  for (let file = 0 as FileRow; file < files; file++) {
    if (file === internalFile || traits[file] & FileTraits.IS_SHARED || !(state[file] & FileState.REACHED)) continue;
    if (flags[file] & HAS_STACK_NOTE) hasNote = true;
    if (!(flags[file] & NEEDS_EXECUTABLE_STACK)) continue;
    if (flags[file] & HAS_STACK_NOTE) asking ??= file;
    else silent = file;
  }
  if (!hasNote && (z.stackSize ?? 0) === 0) return undefined;
  const culprit = asking ?? silent;
  if (culprit !== undefined && isWarnExecStack !== false) {
    const place = { file: findings.fileName(culprit), fileOrder: culprit };
    diagnostics.add(asking === undefined ? "executableStackImplied" : "executableStackNoted", {}, place);
  }
  return culprit !== undefined;
}
