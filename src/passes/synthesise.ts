/**
 * Synthesise: the sections that the linker makes. TypeScript decides which there are; what grows with symbols is
 * counted and made by kernels. Fills entry, dynsym, version and localNeed.entry. No section is added after it but
 * the tables of symbols and of section names, which layout knows.
 */
import type { LinkOptions } from "../options/link-options.ts";
import { buildIdNote, buildIdSize } from "../output/sections/build-id.ts";
import { copySection } from "../output/sections/copies.ts";
import { DynamicStrings, dynstrSection } from "../output/sections/dynamic-strings.ts";
import { ehFrameEndSection, ehFrameHdrSection, ehFrameSection } from "../output/sections/eh-frame.ts";
import { gotPltSection, gotSection } from "../output/sections/got.ts";
import { bloomWords, gnuHashSection, hashSection } from "../output/sections/hash.ts";
import { interpSection } from "../output/sections/interp.ts";
import { noteSection } from "../output/sections/note.ts";
import type { OwnSection } from "../output/sections/own-section.ts";
import { packageNote } from "../output/sections/package-note.ts";
import { type PltCode, pltFrameSection } from "../output/sections/plt-frame.ts";
import { pltGotSection, pltSecSection, pltSection } from "../output/sections/plt.ts";
import { propertyNote } from "../output/sections/property-note.ts";
import { relaDynSection, relaPltSection, relrSection } from "../output/sections/relocation-tables.ts";
import { dynsymSection } from "../output/sections/symbol-tables.ts";
import { versionDefinitions } from "../output/sections/version-definitions.ts";
import { versionRequirements } from "../output/sections/version-requirements.ts";
import { versionSection, versymSection } from "../output/sections/version-tables.ts";
import { LimitExceeded } from "../tables/limit-exceeded.ts";
import { enumerations, type OwnSectionId } from "../tables/schema.ts";
import type { PltSizes, PltUnwind, Target } from "../targets/target.ts";
import { isStackExecutable } from "./executable-stack.ts";
import type { Needs } from "./find-needs.ts";
import type { FindingReader } from "./findings.ts";
import { placeSlots, type Slots } from "./place-slots.ts";
import { programProperties } from "./program-properties.ts";
import { packsRelatives } from "./spawn.ts";
import { placeVersions, requireVersions } from "./version-needs.ts";
import type { Workers } from "./workers.ts";

const { FileState } = enumerations;
/** VER_NDX_GLOBAL is 1; versions that are required follow those that are defined. */
const FIRST_VERSION_INDEX = 2;

/** What .dynamic says besides where sections are. */
export interface DynamicFacts {
  /** What .dynstr holds besides the symbols' names; complete once .dynamic has been sized. */
  readonly strings: DynamicStrings;
  /** Names of libraries. */
  readonly needed: readonly string[];
  /** Relocations of .rela.dyn without a symbol: the first ones. */
  readonly relativeCount: number;
  /** Records of .gnu.version_r and .gnu.version_d. */
  readonly versionNeeds: number;
  readonly versionDefinitions: number;
}

export interface Synthetic extends Needs {
  readonly own: ReadonlyMap<OwnSectionId, OwnSection>;
  /** Code that the linker makes, and how it is unwound. */
  readonly pltCode: PltCode;
  readonly pltUnwind: PltUnwind;
  /** Undefined for an executable that no loader looks at. */
  readonly dynamic: DynamicFacts | undefined;
  /** What PT_GNU_STACK says; undefined when there is none. */
  readonly isStackExecutable: boolean | undefined;
}

export async function synthesise(
  workers: Workers,
  needs: Needs,
  options: LinkOptions,
  target: Target,
  findings: FindingReader,
): Promise<Synthetic> {
  const { tables } = workers;
  const own = new Map<OwnSectionId, OwnSection>();
  const add = (section: OwnSection): void => {
    own.set(section.id, section);
  };
  const slots = await placeSlots(workers, needs);
  let hasRelr = false;
  if (packsRelatives(options)) {
    await workers.run("packGot", { rows: 1 });
    hasRelr = tables.get("hasPacked") !== 0 || tables.get("gotRelrWords") > 0;
    if (hasRelr) add(relrSection);
  }
  const properties = programProperties(workers, needs, options, findings);
  const plt = options.z.isIbtPlt || properties.hasIbt ? target.checkedPlt : target.plt;
  addSlots(workers, add, slots, target, plt);
  if (slots.relaDyn > 0) add(relaDynSection(slots.relaDyn));
  const pltCode = options.isUnwindInfoMade ? pltCodeOf(own, plt) : [];
  addFrames(workers, add, needs, options, pltCode, plt);
  const propertyBytes = propertyNote(properties);
  if (propertyBytes.length > 0) add(noteSection("propertyNote", propertyBytes, 8));
  const idSize = buildIdSize(options.buildId);
  if (idSize > 0) add(noteSection("buildIdNote", buildIdNote(idSize), 4));
  if (options.packageMetadata !== undefined) add(noteSection("packageNote", packageNote(options.packageMetadata), 4));
  const dynamic = needs.hasDynamicSection ? await addDynamic(workers, add, needs, slots, options, hasRelr) : undefined;
  return {
    ...needs,
    own,
    pltCode,
    pltUnwind: plt.unwind,
    dynamic,
    isStackExecutable: isStackExecutable(workers, needs, options, findings),
  };
}

/** The tables of code that the linker makes, for unwinders. */
function pltCodeOf(own: ReadonlyMap<OwnSectionId, OwnSection>, { unwind }: PltSizes): PltCode {
  const all = [
    { id: "plt", instructions: unwind.plt },
    { id: "pltSec", instructions: unwind.jump },
    { id: "pltGot", instructions: unwind.jump },
  ] as const;
  return all.filter(({ id }) => own.has(id));
}

/** .eh_frame of inputs and of the PLT, and the table by which unwinders find a function's record. */
function addFrames(
  { tables }: Workers,
  add: Add,
  { ehFrameSize, fdes }: Needs,
  { hasEhFrameHdr }: LinkOptions,
  pltCode: PltCode,
  { unwind }: PltSizes,
): void {
  const count = fdes + pltCode.length;
  tables.allocate("fde", count);
  if (ehFrameSize === 0 && pltCode.length === 0) return;
  add(ehFrameSection(ehFrameSize));
  if (pltCode.length > 0) add(pltFrameSection(pltCode, unwind));
  add(ehFrameEndSection);
  if (hasEhFrameHdr) add(ehFrameHdrSection(count));
}

type Add = (section: OwnSection) => void;

/** Tells kernels what an entry of each kind of PLT takes, and adds the tables of slots that are needed. */
function addSlots({ tables }: Workers, add: Add, slots: Slots, target: Target, plt: PltSizes): void {
  tables.set("pltHeaderSize", plt.header);
  tables.set("pltEntrySize", plt.entry);
  tables.set("pltSecEntrySize", plt.secondEntry);
  tables.set("pltGotEntrySize", plt.gotEntry);
  if (slots.got > 0) add(gotSection(slots.got));
  add(gotPltSection(slots.plt, target));
  if (slots.plt > 0) {
    add(pltSection(slots.plt, plt));
    if (plt.secondEntry > 0) add(pltSecSection(slots.plt, plt));
    add(relaPltSection(slots.plt));
  }
  if (slots.pltGot > 0) add(pltGotSection(slots.pltGot, plt));
  const [copy, copyRelro] = [tables.get("copySize"), tables.get("copyRelroSize")];
  if (copy > 0) add(copySection("copy", copy, tables.get("copyAlignment")));
  if (copyRelro > 0) add(copySection("copyRelro", copyRelro, tables.get("copyRelroAlignment")));
}

/** What the loader reads: .dynsym and all that goes with it. Layout adds .dynamic, which says where the rest is. */
async function addDynamic(
  workers: Workers,
  add: Add,
  needs: Needs,
  slots: Slots,
  options: LinkOptions,
  hasRelr: boolean,
): Promise<DynamicFacts> {
  const { tables } = workers;
  const { shared, versions } = needs;
  const strings = new DynamicStrings();
  const answering = placeVersions(workers, needs, shared);
  tables.allocate("dynsym", tables.rows("entry"));
  await workers.run("listDynsyms", { rows: 1 });
  if (tables.get("dynstrSize") > 0xffffffff) throw new LimitExceeded("bytes of names in .dynstr", "4 GiB");
  const required = requireVersions(workers, answering, hasRelr, FIRST_VERSION_INDEX + versions.length);
  const versionNeeds = versionRequirements(required, strings);
  const state = tables.column("file", "state");
  const needed = new Set(shared.filter(({ file }) => state[file] & FileState.NEEDED).map(({ soname }) => soname));

  if (options.dynamicLinker !== undefined) add(interpSection(options.dynamicLinker));
  const symbols = tables.get("dynsymCount");
  add(dynsymSection(symbols));
  const { hashStyle } = options;
  const hashed = tables.get("dynsymHashed");
  tables.set("gnuHashBloomWords", bloomWords(hashed));
  if (hashStyle === "gnu" || hashStyle === "both") add(gnuHashSection(hashed, tables.get("gnuHashBuckets")));
  if (hashStyle === "sysv" || hashStyle === "both") add(hashSection(symbols));
  const definitions = versions.length > 0 ? versionDefinitions(ownName(options), versions, strings) : undefined;
  if (definitions !== undefined) add(versionSection("versionDefinitions", definitions, versions.length + 1));
  if (required.length > 0 || definitions !== undefined) add(versymSection(symbols));
  if (required.length > 0) add(versionSection("versionNeeds", versionNeeds, required.length));
  add(dynstrSection(strings));
  return {
    strings,
    needed: [...needed],
    relativeCount: slots.allRelatives,
    versionNeeds: required.length,
    versionDefinitions: definitions === undefined ? 0 : versions.length + 1,
  };
}

/** What a shared object is called in its own version table. */
function ownName({ soname, output }: LinkOptions): string {
  return soname ?? output.slice(output.lastIndexOf("/") + 1);
}
