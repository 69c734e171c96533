/** .dynamic: what the loader is told (gABI ch. 5, Dynamic Section). */
import * as elf from "../../elf/constants.ts";
import type { LinkOptions } from "../../options/link-options.ts";
import type { OutputSection } from "../output-section.ts";
import type { DynamicStrings } from "./dynamic-strings.ts";

export type DynamicEntry = readonly [tag: number, value: () => number];

export interface DynamicInputs {
  readonly options: LinkOptions;
  readonly strings: DynamicStrings;
  readonly needed: readonly string[];
  readonly find: (name: string) => OutputSection | undefined;
  /** Address of a symbol that the output defines, or undefined. */
  readonly addressOf: (symbol: string) => number | undefined;
  readonly relativeCount: number;
  readonly versionNeeds: number;
  readonly versionDefinitions: number;
  readonly hasTextRelocations: boolean;
  readonly hasStaticTls: boolean;
}

/** The entries, in order; how many there are is known before their values are. */
export function dynamicEntries(inputs: DynamicInputs): DynamicEntry[] {
  const { options, strings, needed, find, addressOf } = inputs;
  const entries: DynamicEntry[] = [];
  const add = (tag: number, value: number | (() => number)): void => {
    entries.push([tag, typeof value === "number" ? () => value : value]);
  };
  const addSection = (name: string, tag: number, sizeTag?: number): void => {
    const section = find(name);
    if (section === undefined) return;
    add(tag, () => section.address);
    if (sizeTag !== undefined) add(sizeTag, () => section.size);
  };

  for (const name of needed) add(elf.DT_NEEDED, strings.add(name));
  if (options.outputKind === "shared" && options.soname !== undefined) add(elf.DT_SONAME, strings.add(options.soname));
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
  addSection(".preinit_array", elf.DT_PREINIT_ARRAY, elf.DT_PREINIT_ARRAYSZ);
  addSection(".init_array", elf.DT_INIT_ARRAY, elf.DT_INIT_ARRAYSZ);
  addSection(".fini_array", elf.DT_FINI_ARRAY, elf.DT_FINI_ARRAYSZ);
  addSection(".hash", elf.DT_HASH);
  addSection(".gnu.hash", elf.DT_GNU_HASH);
  addSection(".dynstr", elf.DT_STRTAB);
  addSection(".dynsym", elf.DT_SYMTAB);
  add(elf.DT_STRSZ, () => find(".dynstr")?.size ?? 0);
  add(elf.DT_SYMENT, 24);
  if (options.outputKind !== "shared") add(elf.DT_DEBUG, 0);
  if (find(".rela.plt") !== undefined) {
    addSection(".got.plt", elf.DT_PLTGOT);
    add(elf.DT_PLTRELSZ, () => find(".rela.plt")!.size);
    add(elf.DT_PLTREL, elf.DT_RELA);
    addSection(".rela.plt", elf.DT_JMPREL);
  }
  if (find(".rela.dyn") !== undefined) {
    addSection(".rela.dyn", elf.DT_RELA, elf.DT_RELASZ);
    add(elf.DT_RELAENT, 24);
    if (inputs.relativeCount > 0) add(elf.DT_RELACOUNT, inputs.relativeCount);
  }
  if (find(".relr.dyn") !== undefined) {
    addSection(".relr.dyn", elf.DT_RELR, elf.DT_RELRSZ);
    add(elf.DT_RELRENT, 8);
  }
  if (find(".gnu.version_r") !== undefined) {
    addSection(".gnu.version_r", elf.DT_VERNEED);
    add(elf.DT_VERNEEDNUM, inputs.versionNeeds);
  }
  if (find(".gnu.version_d") !== undefined) {
    addSection(".gnu.version_d", elf.DT_VERDEF);
    add(elf.DT_VERDEFNUM, inputs.versionDefinitions);
  }
  addSection(".gnu.version", elf.DT_VERSYM);
  if (inputs.hasTextRelocations) add(elf.DT_TEXTREL, 0);

  const { z } = options;
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
    (z.isNoDelete ? elf.DF_1_NODELETE : 0) |
    (z.isInitFirst ? elf.DF_1_INITFIRST : 0) |
    (z.isNoDlopen ? elf.DF_1_NOOPEN : 0) |
    (z.isOrigin ? elf.DF_1_ORIGIN : 0) |
    (z.isInterpose ? elf.DF_1_INTERPOSE : 0) |
    (z.isNoDefaultLib ? elf.DF_1_NODEFLIB : 0) |
    (z.isNoDump ? elf.DF_1_NODUMP : 0) |
    (z.isGlobalAudit ? elf.DF_1_GLOBAUDIT : 0) |
    (options.outputKind === "pie" ? elf.DF_1_PIE : 0);
  if (flags1 !== 0) add(elf.DT_FLAGS_1, flags1);
  if (z.isUnique && options.outputKind === "shared") add(elf.DT_GNU_FLAGS_1, elf.DF_GNU_1_UNIQUE);
  add(elf.DT_NULL, 0);
  return entries;
}

export function encodeDynamic(entries: readonly DynamicEntry[]): Uint8Array {
  const view = new DataView(new ArrayBuffer(entries.length * 16));
  for (const [i, [tag, value]] of entries.entries()) {
    view.setBigUint64(i * 16, BigInt(tag), true);
    view.setBigUint64(i * 16 + 8, BigInt(value()), true);
  }
  return new Uint8Array(view.buffer);
}
