/**
 * Layout, of -r: what .symtab has, and with that the rest of the file: the linker's own sections, relocations, names and
 * headers. Section symbols come first, then each file's locals, then its globals.
 */
import {
  SHF_EXECINSTR,
  SHF_ALLOC,
  SHN_LORESERVE,
  SHT_NOTE,
  SHT_PROGBITS,
  SHT_STRTAB,
  SHT_SYMTAB,
  SHT_SYMTAB_SHNDX,
} from "../elf/constants.ts";
import { Elf64_Rela, Elf64_Shdr, Elf64_Sym } from "../elf/records.ts";
import type { LinkOptions } from "../options/link-options.ts";
import { alignUp } from "../output/place.ts";
import { buildIdNote, buildIdSize } from "../output/sections/build-id.ts";
import { ownNames } from "../output/sections/own-section.ts";
import { propertyNote } from "../output/sections/property-note.ts";
import { LimitExceeded } from "../tables/limit-exceeded.ts";
import { constants, type OwnSectionId, ownSectionIds } from "../tables/schema.ts";
import { type FileRow, prefixSum } from "../tables/views.ts";
import { isStackExecutable } from "./executable-stack.ts";
import type { FindingReader } from "./findings.ts";
import { programProperties } from "./program-properties.ts";
import type { Resolved } from "./resolve.ts";
import type { Workers } from "./workers.ts";

/** A section of the output that no input has. */
export interface MadeSection {
  readonly id: OwnSectionId | "stackNote";
  readonly name: string;
  readonly type: number;
  readonly flags: number;
  readonly alignment: number;
  readonly size: number;
  readonly entsize: number;
  /** Which section sh_link names, and sh_info. */
  readonly link: OwnSectionId | undefined;
  readonly info: number;
  readonly contents: Uint8Array | undefined;
}

export interface PlacedMade extends MadeSection {
  readonly offset: number;
  /** Of its header. */
  readonly index: number;
}

/** The output's file. */
export interface Numbered extends Resolved {
  readonly made: readonly PlacedMade[];
  /** Of the names of `made` in .shstrtab. */
  readonly namesOffset: number;
  readonly sectionHeadersOffset: number;
  readonly headers: number;
  readonly size: number;
}

const made = (
  id: MadeSection["id"],
  type: number,
  size: number,
  rest: Partial<Omit<MadeSection, "id" | "type" | "size">> = {},
): MadeSection => ({
  id,
  type,
  size,
  name: id === "stackNote" ? ".note.GNU-stack" : ownNames[id],
  flags: 0,
  alignment: 1,
  entsize: 0,
  link: undefined,
  info: 0,
  contents: undefined,
  ...rest,
});

export async function numberSymbols(
  workers: Workers,
  resolved: Resolved,
  options: LinkOptions,
  findings: FindingReader,
): Promise<Numbered> {
  const { tables } = workers;
  const { files, fileBounds: bounds } = resolved;
  const locals = prefixSum(
    tables.column("file", "firstGlobal"),
    tables.column("file", "firstLocalSymbol"),
    files,
    "symbols",
  );
  tables.allocate("localSymbol", locals);
  if (options.strip === "all" || options.discard === "all" || options.discard === "locals")
    await workers.run("findReferredLocals", { bounds });
  await workers.run("countOutputSymbols", { bounds });
  findings.check(workers.diagnostics);
  const { symbols, localCount, strings } = placeSymbols(workers, files);
  await workers.run("numberSymbols", { bounds });

  const notes = noteSections(workers, resolved, options, findings);
  const count = tables.get("outputHeaders") + notes.length + SYMBOL_SECTIONS;
  const isExtended = count >= SHN_LORESERVE;
  const namesBefore = tables.get("outputNamesSize");
  const symtab = made("symtab", SHT_SYMTAB, symbols * Elf64_Sym.sizeof, {
    alignment: 8,
    entsize: Elf64_Sym.sizeof,
    link: "strtab",
    info: localCount,
  });
  const indexShape = { alignment: 4, entsize: 4, link: "symtab" } as const;
  const indices = isExtended ? [made("symtabIndices", SHT_SYMTAB_SHNDX, symbols * 4, indexShape)] : [];
  const named = [...notes, symtab, ...indices, made("strtab", SHT_STRTAB, strings)];
  const names = Buffer.from([...named.map(({ name }) => name), ".shstrtab", ""].join("\0"));
  const shstrtab = made("shstrtab", SHT_STRTAB, namesBefore + names.length);
  let index = tables.get("outputHeaders");
  let offset = tables.get("outputContentsEnd");
  const placed = [...named, shstrtab].map((section): PlacedMade => {
    const at = alignUp(offset, section.alignment);
    offset = at + section.size;
    return { ...section, offset: at, index: index++ };
  });
  for (const section of placed) if (section.id !== "stackNote") publish(workers, section.id, section);
  const relocationsOffset = alignUp(offset, 8);
  const sectionHeadersOffset = relocationsOffset + tables.get("outputRelocations") * Elf64_Rela.sizeof;
  const namesAt = placed.find(({ id }) => id === "shstrtab")!.offset;
  tables.set("relocationsOffset", relocationsOffset);
  tables.set("sectionHeadersOffset", sectionHeadersOffset);
  tables.set("sectionNamesOffset", namesAt);
  tables.set("symtabIndex", placed.find(({ id }) => id === "symtab")!.index);
  allocateDigests(workers, bounds.length - 1);
  const size = sectionHeadersOffset + index * Elf64_Shdr.sizeof;
  return { ...resolved, made: placed, namesOffset: namesAt + namesBefore, sectionHeadersOffset, headers: index, size };
}

/** .symtab, .symtab_shndx, .strtab and .shstrtab. */
const SYMBOL_SECTIONS = 4;

/** Numbers what each file gives. */
function placeSymbols({ tables }: Workers, files: number): { symbols: number; localCount: number; strings: number } {
  const locals = tables.column("file", "outputLocals");
  const globals = tables.column("file", "outputGlobals");
  const strings = tables.column("file", "outputStrings");
  const firstLocal = tables.column("file", "firstOutputLocal");
  const firstGlobal = tables.column("file", "firstOutputGlobal");
  const firstString = tables.column("file", "firstOutputString");
  let symbol = 1 + tables.get("sectionSymbols");
  let string = 1;
  for (let file = 0 as FileRow; file < files; file++) {
    firstLocal[file] = symbol;
    symbol += locals[file];
    firstString[file] = string;
    string += strings[file];
  }
  const localCount = symbol;
  for (let file = 0 as FileRow; file < files; file++) {
    firstGlobal[file] = symbol;
    symbol += globals[file];
  }
  if (string > 0xffffffff) throw new LimitExceeded("bytes of names in .strtab", "4 GiB");
  return { symbols: symbol, localCount, strings: string };
}

/** What all inputs say of the stack and of what they were compiled for, and the name of the output. */
function noteSections(
  workers: Workers,
  resolved: Resolved,
  options: LinkOptions,
  findings: FindingReader,
): MadeSection[] {
  const sections: MadeSection[] = [];
  const note = { flags: SHF_ALLOC };
  const properties = propertyNote(programProperties(workers, resolved, options, findings));
  if (properties.length > 0)
    sections.push(made("propertyNote", SHT_NOTE, properties.length, { ...note, alignment: 8, contents: properties }));
  const size = buildIdSize(options.buildId);
  if (size > 0) {
    const contents = buildIdNote(size);
    sections.push(made("buildIdNote", SHT_NOTE, contents.length, { ...note, alignment: 4, contents }));
  }
  // -z execstack is for programs; there is nothing to be warned of before there is one.
  const silent = {
    ...options,
    isWarnExecStack: false,
    z: { ...options.z, execStack: undefined, stackSize: undefined },
  };
  const isExecutable = isStackExecutable(workers, resolved, silent, findings);
  if (isExecutable !== undefined)
    sections.push(made("stackNote", SHT_PROGBITS, 0, { flags: isExecutable ? SHF_EXECINSTR : 0 }));
  return sections;
}

function publish({ tables }: Workers, id: OwnSectionId, { offset, size, index }: PlacedMade): void {
  const row = ownSectionIds.indexOf(id);
  tables.column("ownSection", "offset").set(row, offset);
  tables.column("ownSection", "size").set(row, size);
  tables.column("ownSection", "index")[row] = index;
}

/** Rows of digest: two for each chunk of members, those of symbols, and those of one kernel. */
function allocateDigests({ tables }: Workers, chunks: number): void {
  const firstSymtab = 2 * tables.rows("memberChunk");
  const firstSingle = firstSymtab + chunks * constants.symtabParts.value;
  tables.allocate("digest", firstSingle + constants.singleParts.value);
  tables.set("firstSymtabDigest", firstSymtab);
  tables.set("firstSingleDigest", firstSingle);
}
