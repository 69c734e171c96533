/**
 * Layout: .symtab and .strtab. Each file's locals come first; then the globals that are made local, after an STT_FILE
 * symbol without a name, as with GNU ld; then each file's globals.
 */
import { SHN_LORESERVE } from "../elf/constants.ts";
import type { OwnSection } from "../output/sections/own-section.ts";
import { strtabSection, symtabIndicesSection, symtabSection } from "../output/sections/symbol-tables.ts";
import type { FileRow } from "../tables/views.ts";
import { enumerations } from "../tables/schema.ts";
import { LimitExceeded } from "../tables/limit-exceeded.ts";
import type { FindingReader } from "./findings.ts";
import type { Scanned } from "./scan.ts";
import type { Workers } from "./workers.ts";

const { FileFlags } = enumerations;

export async function countSymtab(workers: Workers, bounds: Uint32Array, findings: FindingReader): Promise<void> {
  await workers.run("countSymtab", { bounds });
  nameFiles(workers, findings);
}

/**
 * Gives those whose local symbols no STT_FILE symbol leads one that says the object's name, as GNU ld does. The kernel
 * has done that for members of archives.
 */
function nameFiles({ tables }: Workers, findings: FindingReader): void {
  const flags = tables.column("file", "flags");
  const lacking: { file: FileRow; name: string }[] = [];
  let total = 0;
  for (let file = 0 as FileRow; file < tables.rows("file"); file++) {
    if (!(flags[file] & FileFlags.LACKS_FILE_SYMBOL)) continue;
    const name = findings.baseName(file);
    lacking.push({ file, name });
    total += name.length;
  }
  if (lacking.length === 0) return;
  const { arena } = tables;
  const offset = arena.allocate(total);
  const { buffer, byteOffset } = arena.u8view(offset, total);
  const bytes = Buffer.from(buffer, byteOffset, total);
  const nameAddress = tables.column("file", "symbolFileName");
  const nameSize = tables.column("file", "symbolFileNameSize");
  const locals = tables.column("file", "outputLocals");
  const strings = tables.column("file", "outputStrings");
  let at = 0;
  for (const { file, name } of lacking) {
    bytes.write(name, at, "latin1");
    nameAddress.set(file, arena.baseAddress + offset + at);
    nameSize[file] = name.length;
    locals[file]++;
    strings[file] += name.length + 1;
    at += name.length;
  }
}

/** Numbers what each file gives. */
export function symtabSections(
  { tables }: Workers,
  { files, buckets }: Scanned & { readonly buckets: readonly unknown[] },
): OwnSection[] {
  const locals = tables.column("file", "outputLocals");
  const hidden = tables.column("file", "outputHidden");
  const globals = tables.column("file", "outputGlobals");
  const strings = tables.column("file", "outputStrings");
  const firstLocal = tables.column("file", "firstOutputLocal");
  const firstHidden = tables.column("file", "firstOutputHidden");
  const firstGlobal = tables.column("file", "firstOutputGlobal");
  const firstString = tables.column("file", "firstOutputString");
  let isAnyHidden = false;
  for (let file = 0 as FileRow; file < files; file++) isAnyHidden ||= hidden[file] > 0;
  const hiddenLead = isAnyHidden ? 1 : 0;
  tables.set("hiddenLead", hiddenLead);
  strings[0 as FileRow] += hiddenLead; // the NUL of no name
  let symbol = 1;
  let string = 1;
  for (let file = 0 as FileRow; file < files; file++) {
    firstLocal[file] = symbol;
    symbol += locals[file];
    firstString[file] = string;
    string += strings[file];
  }
  symbol += hiddenLead;
  for (let file = 0 as FileRow; file < files; file++) {
    firstHidden[file] = symbol;
    symbol += hidden[file];
  }
  const localCount = symbol;
  for (let file = 0 as FileRow; file < files; file++) {
    firstGlobal[file] = symbol;
    symbol += globals[file];
  }
  if (string > 0xffffffff) throw new LimitExceeded("bytes of names in .strtab", "4 GiB: --strip-all needs none");
  const sections = [symtabSection(symbol, localCount), strtabSection(string)];
  // Each bucket may become a section; with those of the linker's own there are more indices than st_shndx has.
  if (buckets.length + OWN_SECTIONS >= SHN_LORESERVE) sections.push(symtabIndicesSection(symbol));
  return sections;
}

/** More than the linker ever makes. */
const OWN_SECTIONS = 64;
