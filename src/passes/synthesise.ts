/**
 * Synthesise: slots for what symbols need, the dynamic symbol table, and the sections that the linker makes.
 * TypeScript decides which there are; what grows with symbols is counted and made by kernels. Fills entry,
 * dynsym, version and localNeed.entry. No section is added after it.
 */
import * as elf from "../elf/constants.ts";
import type { LinkOptions } from "../options/link-options.ts";
import { OutputSection } from "../output/output-section.ts";
import { buildIdNote, buildIdSize } from "../output/sections/build-id.ts";
import { type DynamicEntry, dynamicEntries, encodeDynamic } from "../output/sections/dynamic.ts";
import { DynamicStrings } from "../output/sections/dynamic-strings.ts";
import { packageNote } from "../output/sections/package-note.ts";
import { type ProgramProperties, propertyNote } from "../output/sections/property-note.ts";
import { versionDefinitions } from "../output/sections/version-definitions.ts";
import { type VersionRequirement, versionRequirements } from "../output/sections/version-requirements.ts";
import { enumerations } from "../tables/schema.ts";
import type { Needs } from "./find-needs.ts";
import type { FindingReader } from "./findings.ts";
import type { LinkedObject } from "./resolve.ts";
import { packsRelatives } from "./spawn.ts";
import type { Workers } from "./workers.ts";
import type { PltSizes, Target } from "../targets/target.ts";

const { FileFlags, FileState } = enumerations;
const { SHF_ALLOC, SHF_EXECINSTR, SHF_WRITE } = elf;
const RELA = 24;
const SYM = 24;
const WORD = 8;
const RELR_VERSION = "GLIBC_ABI_DT_RELR";
/** VER_NDX_GLOBAL is 1; versions that are required follow. */
const FIRST_VERSION_INDEX = 2;

export interface Synthetic extends Needs {
  /** The linker's own sections by name; layout adds those that come from inputs. */
  readonly sections: Map<string, OutputSection>;
  readonly isDynamic: boolean;
  /** What .dynstr holds besides the symbols' names; complete once .dynamic has been sized. */
  readonly strings: DynamicStrings;
}

/** How the values of .dynamic find out about addresses. */
export type AddressOf = (symbol: string) => number | undefined;

export async function synthesise(
  workers: Workers,
  needs: Needs,
  options: LinkOptions,
  target: Target,
  addressOf: AddressOf,
  findings: FindingReader,
): Promise<Synthetic> {
  const { tables } = workers;
  const slots = await placeSlots(workers, needs);
  const isDynamic = options.outputKind !== "exec" || !options.isStatic;
  const sections = new Map<string, OutputSection>();
  const add = (section: OutputSection): OutputSection => {
    sections.set(section.name, section);
    return section;
  };
  const find = (name: string): OutputSection | undefined => sections.get(name);

  const relaDyn = tables.get("gotSymbolics") + slots.symbolics + tables.get("copyCount");
  if (packsRelatives(options)) {
    await workers.run("packGot", { rows: 1 });
    add(
      new OutputSection({
        name: ".relr.dyn",
        type: elf.SHT_RELR,
        flags: SHF_ALLOC,
        alignment: 8,
        size: tables.get("gotRelrWords") * WORD,
        entsize: WORD,
      }),
    );
  }
  const properties = programProperties(workers, needs, options, findings);
  const plt = options.z.isIbtPlt || properties.hasIbt ? target.checkedPlt : target.plt;
  tables.set("pltHeaderSize", plt.header);
  tables.set("pltEntrySize", plt.entry);
  tables.set("pltSecEntrySize", plt.secondEntry);
  tables.set("pltGotEntrySize", plt.gotEntry);
  addSlots(workers, add, find, slots, target, plt);
  if (relaDyn > 0) {
    add(
      new OutputSection({
        name: ".rela.dyn",
        type: elf.SHT_RELA,
        flags: SHF_ALLOC,
        alignment: 8,
        size: relaDyn * RELA,
        entsize: RELA,
        link: () => find(".dynsym"),
      }),
    );
  }
  if (needs.ehFrameSize > 0) addEhFrame(workers, add, needs, options);
  const propertyBytes = propertyNote(properties);
  if (propertyBytes.length > 0)
    add(
      new OutputSection({
        name: ".note.gnu.property",
        type: elf.SHT_NOTE,
        flags: SHF_ALLOC,
        alignment: 8,
        size: propertyBytes.length,
        contents: () => propertyBytes,
      }),
    );
  const idSize = buildIdSize(options.buildId);
  if (idSize > 0) {
    const note = buildIdNote(idSize);
    add(
      new OutputSection({
        name: ".note.gnu.build-id",
        type: elf.SHT_NOTE,
        flags: SHF_ALLOC,
        alignment: 4,
        size: note.length,
        contents: () => note,
      }),
    );
  }
  if (options.packageMetadata !== undefined) {
    const note = packageNote(options.packageMetadata);
    add(
      new OutputSection({
        name: ".note.package",
        type: elf.SHT_NOTE,
        flags: SHF_ALLOC,
        alignment: 4,
        size: note.length,
        contents: () => note,
      }),
    );
  }
  const strings = new DynamicStrings();
  if (isDynamic) await addDynamic(workers, add, find, strings, needs, options, addressOf);
  return { ...needs, sections, isDynamic, strings };
}

/** The output may be run with IBT and SHSTK when every object was made for it, or when the user says so. */
function programProperties(
  { tables, diagnostics }: Workers,
  { files, internalFile }: Needs,
  { z }: LinkOptions,
  findings: FindingReader,
): ProgramProperties {
  const flags = tables.column("file", "flags");
  const state = tables.column("file", "state");
  const { HAS_IBT, HAS_SHSTK } = FileFlags;
  let common: number = HAS_IBT | HAS_SHSTK;
  for (let file = 0; file < files; file++) {
    if (file === internalFile || flags[file] & FileFlags.IS_SHARED || !(state[file] & FileState.REACHED)) continue;
    common &= flags[file];
    if (z.cetReport === "none") continue;
    const missing = [...(flags[file] & HAS_IBT ? [] : ["IBT"]), ...(flags[file] & HAS_SHSTK ? [] : ["SHSTK"])];
    if (missing.length === 0) continue;
    const operands = { properties: `${missing.join(" and ")} ${missing.length === 1 ? "property" : "properties"}` };
    const place = { file: findings.fileName(file), fileOrder: file };
    diagnostics.add(z.cetReport === "error" ? "propertyMissing" : "propertyMissingWarning", operands, place);
  }
  return {
    hasIbt: z.isIbt || (common & HAS_IBT) !== 0,
    hasShstk: z.isShstk || (common & HAS_SHSTK) !== 0,
    isaNeeded: tables.get("isaNeeded") | (z.x86IsaLevel === undefined ? 0 : 1 << (z.x86IsaLevel - 1)),
  };
}

interface Slots {
  readonly got: number;
  readonly plt: number;
  readonly pltGot: number;
  /** Relocations of .got slots without a symbol, and the others; Local Dynamic's among these. */
  readonly relatives: number;
  readonly symbolics: number;
}

/** Counts, sums and places what symbols need. */
async function placeSlots(workers: Workers, needs: Needs): Promise<Slots> {
  const { tables } = workers;
  await workers.run("markCopyAliases", { bounds: needs.fileBounds });
  const ranges = tables.get("ranges");
  tables.allocate("needCell", ranges + 1);
  await workers.run("countNeeds", { rows: ranges + 1 });
  const sum = (
    name: "entries" | "got" | "plt" | "pltGot" | "irelatives" | "relatives" | "symbolics",
    start: number,
  ): number => {
    const column = tables.column("needCell", name);
    let next = start;
    for (let cell = 0; cell <= ranges; cell++) {
      const count = column[cell];
      column[cell] = next;
      next += count;
    }
    return next;
  };
  const tlsLd = tables.get("needsTlsLd");
  const isStatic = (tables.get("outputFlags") & enumerations.OutputFlags.STATIC) !== 0;
  const entries = sum("entries", 0);
  const got = sum("got", tlsLd * 2);
  const jumps = sum("plt", 0);
  const pltGot = sum("pltGot", 0);
  const ifuncs = sum("irelatives", 0);
  const relatives = sum("relatives", 0);
  const symbolics = sum("symbolics", 0) + (isStatic ? 0 : tlsLd);
  tables.set("pltJumps", jumps);
  tables.allocate("entry", entries);
  await workers.run("placeNeeds", { rows: ranges + 1 });
  await workers.run("placeCopies", { rows: 1 });

  // .rela.dyn: relocations without a symbol first, as DT_RELACOUNT wants; then the sections', then .got's.
  placeRelocations(workers, needs, relatives);
  return { got, plt: jumps + ifuncs, pltGot, relatives, symbolics };
}

function placeRelocations({ tables }: Workers, { files }: Needs, gotRelatives: number): void {
  const relatives = tables.column("file", "relatives");
  const symbolics = tables.column("file", "symbolics");
  const firstRelative = tables.column("file", "firstRelative");
  const firstSymbolic = tables.column("file", "firstSymbolic");
  let next = gotRelatives;
  for (let file = 0; file < files; file++) {
    firstRelative[file] = next;
    next += relatives[file];
  }
  tables.set("gotRelatives", next);
  for (let file = 0; file < files; file++) {
    firstSymbolic[file] = next;
    next += symbolics[file];
  }
  tables.set("gotSymbolics", next);
}

type Add = (section: OutputSection) => OutputSection;
type Find = (name: string) => OutputSection | undefined;

function addSlots(workers: Workers, add: Add, find: Find, slots: Slots, target: Target, plt: PltSizes): void {
  const { tables } = workers;
  const code = SHF_ALLOC | SHF_EXECINSTR;
  const data = SHF_ALLOC | SHF_WRITE;
  const progbits = elf.SHT_PROGBITS;
  if (slots.got > 0)
    add(
      new OutputSection({ name: ".got", type: progbits, flags: data, alignment: 8, size: slots.got * 8, entsize: 8 }),
    );
  add(
    new OutputSection({
      name: ".got.plt",
      type: progbits,
      flags: data,
      alignment: 8,
      size: (target.gotPltReserved + slots.plt) * 8,
      entsize: 8,
    }),
  );
  if (slots.plt > 0) {
    const size = plt.header + slots.plt * plt.entry;
    add(
      new OutputSection({
        name: ".plt",
        type: progbits,
        flags: code,
        alignment: 16,
        size,
        entsize: plt.entry,
      }),
    );
    if (plt.secondEntry > 0)
      add(
        new OutputSection({
          name: ".plt.sec",
          type: progbits,
          flags: code,
          alignment: 16,
          size: slots.plt * plt.secondEntry,
          entsize: plt.secondEntry,
        }),
      );
    add(
      new OutputSection({
        name: ".rela.plt",
        type: elf.SHT_RELA,
        flags: SHF_ALLOC | elf.SHF_INFO_LINK,
        alignment: 8,
        size: slots.plt * RELA,
        entsize: RELA,
        link: () => find(".dynsym"),
        info: () => find(".got.plt")!.index,
      }),
    );
  }
  if (slots.pltGot > 0) {
    const size = slots.pltGot * plt.gotEntry;
    add(
      new OutputSection({
        name: ".plt.got",
        type: progbits,
        flags: code,
        alignment: plt.gotEntry,
        size,
        entsize: plt.gotEntry,
      }),
    );
  }
  for (const [name, size, alignment] of [
    [".copyrel", "copySize", "copyAlignment"],
    [".copyrel.rel.ro", "copyRelroSize", "copyRelroAlignment"],
  ] as const)
    if (tables.get(size) > 0)
      add(
        new OutputSection({
          name,
          type: elf.SHT_NOBITS,
          flags: data,
          alignment: 2 ** tables.get(alignment),
          size: tables.get(size),
        }),
      );
}

function addEhFrame(workers: Workers, add: Add, { ehFrameSize, fdes }: Needs, options: LinkOptions): void {
  workers.tables.allocate("fde", fdes);
  // A terminator of four zero bytes, which unwinders without .eh_frame_hdr look for.
  add(
    new OutputSection({
      name: ".eh_frame",
      type: elf.SHT_PROGBITS,
      flags: SHF_ALLOC,
      alignment: 8,
      size: ehFrameSize + 4,
    }),
  );
  if (options.hasEhFrameHdr)
    add(
      new OutputSection({
        name: ".eh_frame_hdr",
        type: elf.SHT_PROGBITS,
        flags: SHF_ALLOC,
        alignment: 4,
        size: 12 + fdes * 8,
      }),
    );
}

async function addDynamic(
  workers: Workers,
  add: Add,
  find: Find,
  strings: DynamicStrings,
  needs: Needs,
  options: LinkOptions,
  addressOf: AddressOf,
): Promise<void> {
  const { tables } = workers;
  const { shared } = needs;
  placeVersions(workers, needs, shared);
  tables.allocate("dynsym", tables.rows("entry"));
  await workers.run("listDynsyms", { rows: 1 });
  const required = requireVersions(workers, shared, options, FIRST_VERSION_INDEX + needs.versions.length);
  const versionNeeds = versionRequirements(required, strings);
  const needed = [
    ...new Set(
      shared.filter(({ file }) => tables.column("file", "state")[file] & FileState.NEEDED).map(({ soname }) => soname),
    ),
  ];

  if (options.dynamicLinker !== undefined) {
    const path = Buffer.from(`${options.dynamicLinker}\0`);
    add(
      new OutputSection({
        name: ".interp",
        type: elf.SHT_PROGBITS,
        flags: SHF_ALLOC,
        alignment: 1,
        size: path.length,
        contents: () => path,
      }),
    );
  }
  const dynsym = (): OutputSection | undefined => find(".dynsym");
  const count = tables.get("dynsymCount");
  add(
    new OutputSection({
      name: ".dynsym",
      type: elf.SHT_DYNSYM,
      flags: SHF_ALLOC,
      alignment: 8,
      size: count * SYM,
      entsize: SYM,
      link: () => find(".dynstr"),
      info: () => 1,
    }),
  );
  const hashed = tables.get("dynsymHashed");
  const { hashStyle } = options;
  if (hashStyle === "gnu" || hashStyle === "both") {
    const words = hashed === 0 ? 1 : 2 ** Math.max(0, Math.ceil(Math.log2((hashed * 12) / 64)));
    tables.set("gnuHashBloomWords", words);
    const size = 16 + words * 8 + tables.get("gnuHashBuckets") * 4 + hashed * 4;
    add(
      new OutputSection({
        name: ".gnu.hash",
        type: elf.SHT_GNU_HASH,
        flags: SHF_ALLOC,
        alignment: 8,
        size,
        link: dynsym,
      }),
    );
  }
  if (hashStyle === "sysv" || hashStyle === "both")
    add(
      new OutputSection({
        name: ".hash",
        type: elf.SHT_HASH,
        flags: SHF_ALLOC,
        alignment: 4,
        size: 8 + count * 8,
        entsize: 4,
        link: dynsym,
      }),
    );
  const { versions } = needs;
  const definitions = versions.length > 0 ? versionDefinitions(ownName(options), versions, strings) : undefined;
  if (definitions !== undefined)
    add(
      new OutputSection({
        name: ".gnu.version_d",
        type: elf.SHT_GNU_verdef,
        flags: SHF_ALLOC,
        alignment: 8,
        size: definitions.length,
        link: () => find(".dynstr"),
        info: () => versions.length + 1,
        contents: () => definitions,
      }),
    );
  if (required.length > 0 || definitions !== undefined)
    add(
      new OutputSection({
        name: ".gnu.version",
        type: elf.SHT_GNU_versym,
        flags: SHF_ALLOC,
        alignment: 2,
        size: count * 2,
        entsize: 2,
        link: dynsym,
      }),
    );
  if (required.length > 0)
    add(
      new OutputSection({
        name: ".gnu.version_r",
        type: elf.SHT_GNU_verneed,
        flags: SHF_ALLOC,
        alignment: 8,
        size: versionNeeds.length,
        link: () => find(".dynstr"),
        info: () => required.length,
        contents: () => versionNeeds,
      }),
    );
  const dynamic = (): DynamicEntry[] =>
    dynamicEntries({
      options,
      strings,
      needed,
      find,
      addressOf,
      relativeCount: tables.get("gotRelatives"),
      versionNeeds: required.length,
      versionDefinitions: definitions === undefined ? 0 : versions.length + 1,
      hasTextRelocations: tables.get("hasTextRelocations") !== 0,
      hasStaticTls: tables.get("hasStaticTls") !== 0,
    });
  add(
    new OutputSection({
      name: ".dynstr",
      type: elf.SHT_STRTAB,
      flags: SHF_ALLOC,
      alignment: 1,
      // What .dynamic names is added before; the symbols' names come after it, by kernel.
      contents: () => strings.bytes(),
    }),
  );
  add(
    new OutputSection({
      name: ".dynamic",
      type: elf.SHT_DYNAMIC,
      flags: SHF_ALLOC | SHF_WRITE,
      alignment: 8,
      entsize: 16,
      link: () => find(".dynstr"),
      contents: () => encodeDynamic(dynamic()),
    }),
  );
}

/** What a shared object is called in its own version table. */
function ownName({ soname, output }: LinkOptions): string {
  return soname ?? output.slice(output.lastIndexOf("/") + 1);
}

function placeVersions({ tables }: Workers, { files }: Needs, shared: readonly LinkedObject[]): void {
  const first = tables.column("file", "firstVersion");
  const counts = new Uint32Array(files);
  for (const { file, versions } of shared) counts[file] = versions.length;
  let next = 0;
  for (let file = 0; file < files; file++) {
    first[file] = next;
    next += counts[file];
  }
  first[files] = next;
  tables.allocate("version", next);
}

function requireVersions(
  { tables }: Workers,
  shared: readonly LinkedObject[],
  options: LinkOptions,
  firstIndex: number,
): VersionRequirement[] {
  const isUsed = tables.column("version", "isUsed");
  const index = tables.column("version", "index");
  const first = tables.column("file", "firstVersion");
  const required: VersionRequirement[] = [];
  let next = firstIndex;
  for (const { file, soname, versions } of shared) {
    const used: { name: string; index: number }[] = [];
    for (const [i, name] of versions.entries()) {
      // glibc's loader wants to be told that it must understand DT_RELR.
      const isWanted = name === RELR_VERSION && packsRelatives(options);
      if (name === undefined || (!isUsed[first[file] + i] && !isWanted)) continue;
      index[first[file] + i] = next;
      used.push({ name, index: next++ });
    }
    if (used.length > 0) required.push({ soname, versions: used });
  }
  return required;
}
