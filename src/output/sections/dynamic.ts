/** .dynamic: what the loader is told (gABI ch. 5, Dynamic Section). */
import * as elf from "../../elf/constants.ts";
import { Elf64_Dyn, Elf64_Rela, Elf64_Sym } from "../../elf/records.ts";
import type { LinkOptions } from "../../options/link-options.ts";
import type { OwnSectionId } from "../../tables/schema.ts";
import type { Placed } from "../placed-section.ts";
import type { DynamicStrings } from "./dynamic-strings.ts";
import type { OwnSection } from "./own-section.ts";

type DynamicEntry = readonly [tag: number, value: (placed: Placed) => number];

export interface DynamicInputs {
  readonly options: LinkOptions;
  readonly strings: DynamicStrings;
  readonly needed: readonly string[];
  /** Which sections of its own the output has, and which that its plan names. */
  readonly has: (id: OwnSectionId) => boolean;
  readonly hasPlanned: (name: string) => boolean;
  /** Address of a symbol that the output defines, or undefined. */
  readonly addressOf: (symbol: string) => number | undefined;
  readonly relativeCount: number;
  readonly versionNeeds: number;
  readonly versionDefinitions: number;
  readonly hasTextRelocations: boolean;
  readonly hasStaticTls: boolean;
}

/** What its place depends on; what it says, on which other sections there are. */
export const dynamicHeader: OwnSection = {
  id: "dynamic",
  type: elf.SHT_DYNAMIC,
  flags: elf.SHF_ALLOC | elf.SHF_WRITE,
  alignment: 8,
  entsize: Elf64_Dyn.sizeof,
  link: "dynstr",
};

/** .dynamic of the output. How many entries it has is known before their values are. */
export function dynamicSection(inputs: DynamicInputs): OwnSection {
  const entries = dynamicEntries(inputs);
  return {
    ...dynamicHeader,
    size: entries.length * Elf64_Dyn.sizeof,
    contents: (placed) => encodeDynamic(entries, placed),
  };
}

function dynamicEntries(inputs: DynamicInputs): DynamicEntry[] {
  const { options, strings, needed, has, hasPlanned, addressOf } = inputs;
  const entries: DynamicEntry[] = [];
  const add = (tag: number, value: number | ((placed: Placed) => number)): void => {
    entries.push([tag, typeof value === "number" ? () => value : value]);
  };
  const addOwn = (id: OwnSectionId, tag: number, sizeTag?: number): void => {
    if (!has(id)) return;
    add(tag, (placed) => placed.own(id)!.address);
    if (sizeTag !== undefined) add(sizeTag, (placed) => placed.own(id)!.size);
  };
  const addPlanned = (name: string, tag: number, sizeTag: number): void => {
    if (!hasPlanned(name)) return;
    add(tag, (placed) => placed.planned(name)!.address);
    add(sizeTag, (placed) => placed.planned(name)!.size);
  };

  for (const name of needed) add(elf.DT_NEEDED, strings.add(name));
  if (options.soname !== undefined) add(elf.DT_SONAME, strings.add(options.soname));
  if (options.rpath !== undefined) add(options.isNewDtags ? elf.DT_RUNPATH : elf.DT_RPATH, strings.add(options.rpath));
  for (const name of options.auxiliary) add(elf.DT_AUXILIARY, strings.add(name));
  for (const name of options.filter) add(elf.DT_FILTER, strings.add(name));
  if (options.audit !== undefined) add(elf.DT_AUDIT, strings.add(options.audit));
  if (options.depaudit !== undefined) add(elf.DT_DEPAUDIT, strings.add(options.depaudit));
  for (const [symbol, tag] of [
    [options.initSymbol, elf.DT_INIT],
    [options.finiSymbol, elf.DT_FINI],
  ] as const)
    if (addressOf(symbol) !== undefined) add(tag, () => addressOf(symbol)!);
  addPlanned(".preinit_array", elf.DT_PREINIT_ARRAY, elf.DT_PREINIT_ARRAYSZ);
  addPlanned(".init_array", elf.DT_INIT_ARRAY, elf.DT_INIT_ARRAYSZ);
  addPlanned(".fini_array", elf.DT_FINI_ARRAY, elf.DT_FINI_ARRAYSZ);
  addOwn("hash", elf.DT_HASH);
  addOwn("gnuHash", elf.DT_GNU_HASH);
  addOwn("dynstr", elf.DT_STRTAB);
  addOwn("dynsym", elf.DT_SYMTAB);
  if (has("dynstr")) add(elf.DT_STRSZ, (placed) => placed.own("dynstr")!.size);
  add(elf.DT_SYMENT, Elf64_Sym.sizeof);
  if (options.outputKind !== "shared") add(elf.DT_DEBUG, 0);
  if (has("relaPlt")) {
    addOwn("gotPlt", elf.DT_PLTGOT);
    add(elf.DT_PLTRELSZ, (placed) => placed.own("relaPlt")!.size);
    add(elf.DT_PLTREL, elf.DT_RELA);
    addOwn("relaPlt", elf.DT_JMPREL);
  }
  if (has("relaDyn")) {
    addOwn("relaDyn", elf.DT_RELA, elf.DT_RELASZ);
    add(elf.DT_RELAENT, Elf64_Rela.sizeof);
    if (inputs.relativeCount > 0) add(elf.DT_RELACOUNT, inputs.relativeCount);
  }
  if (has("relr")) {
    addOwn("relr", elf.DT_RELR, elf.DT_RELRSZ);
    add(elf.DT_RELRENT, 8);
  }
  if (has("versionNeeds")) {
    addOwn("versionNeeds", elf.DT_VERNEED);
    add(elf.DT_VERNEEDNUM, inputs.versionNeeds);
  }
  if (has("versionDefinitions")) {
    addOwn("versionDefinitions", elf.DT_VERDEF);
    add(elf.DT_VERDEFNUM, inputs.versionDefinitions);
  }
  addOwn("versym", elf.DT_VERSYM);
  if (inputs.hasTextRelocations) add(elf.DT_TEXTREL, 0);

  const { z } = options;
  const isShared = options.outputKind === "shared";
  const flags =
    (z.isOrigin ? elf.DF_ORIGIN : 0) |
    (options.symbolic === "all" ? elf.DF_SYMBOLIC : 0) |
    (inputs.hasTextRelocations ? elf.DF_TEXTREL : 0) |
    (z.isNow ? elf.DF_BIND_NOW : 0) |
    (inputs.hasStaticTls ? elf.DF_STATIC_TLS : 0);
  if (options.symbolic === "all") add(elf.DT_SYMBOLIC, 0);
  if (flags !== 0) add(elf.DT_FLAGS, flags);
  const flags1 =
    (z.isNow ? elf.DF_1_NOW : 0) |
    (z.isGlobal ? elf.DF_1_GLOBAL : 0) |
    (options.isGroup ? elf.DF_1_GROUP : 0) |
    (isShared && z.isNoDelete ? elf.DF_1_NODELETE : 0) |
    (isShared && z.isInitFirst ? elf.DF_1_INITFIRST : 0) |
    (isShared && z.isNoDlopen ? elf.DF_1_NOOPEN : 0) |
    (z.isOrigin ? elf.DF_1_ORIGIN : 0) |
    (z.isInterpose ? elf.DF_1_INTERPOSE : 0) |
    (z.isNoDefaultLib ? elf.DF_1_NODEFLIB : 0) |
    (z.isNoDump ? elf.DF_1_NODUMP : 0) |
    (z.isGlobalAudit ? elf.DF_1_GLOBAUDIT : 0) |
    (z.isLoadFilter ? elf.DF_1_LOADFLTR : 0) |
    (options.outputKind === "pie" ? elf.DF_1_PIE : 0);
  if (flags1 !== 0) add(elf.DT_FLAGS_1, flags1);
  if (z.isUnique) add(elf.DT_GNU_FLAGS_1, elf.DF_GNU_1_UNIQUE);
  for (let i = 0; i <= options.spareDynamicTags; i++) add(elf.DT_NULL, 0);
  return entries;
}

function encodeDynamic(entries: readonly DynamicEntry[], placed: Placed): Uint8Array {
  const view = new DataView(new ArrayBuffer(entries.length * Elf64_Dyn.sizeof));
  for (const [i, [tag, value]] of entries.entries()) {
    view.setBigUint64(i * Elf64_Dyn.sizeof + Elf64_Dyn.d_tag, BigInt(tag), true);
    view.setBigUint64(i * Elf64_Dyn.sizeof + Elf64_Dyn.d_val, BigInt(value(placed)), true);
  }
  return new Uint8Array(view.buffer);
}
