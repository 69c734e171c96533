/** Values of the symbols that a plan defines, and of `__start_SECTION` and `__stop_SECTION`. */
import { SHF_ALLOC, SHF_EXECINSTR, SHF_TLS, SHF_WRITE, SHT_NOBITS } from "../elf/constants.ts";
import { endOf, type Placed, type PlacedPart, type PlacedSection } from "./placed-section.ts";
import type { Location, OutputPlan, PlanTarget } from "./plan.ts";

export interface SymbolValue {
  readonly address: number;
  /** Header index of the section that it belongs to, 0 for none. */
  readonly sectionIndex: number;
}

/** What values depend on. */
export interface ImageFacts {
  readonly plan: OutputPlan;
  readonly placed: Placed;
  /** Undefined where the ELF header is not loaded. */
  readonly headerAddress: number | undefined;
  /** The first section of each name. */
  readonly byName: ReadonlyMap<string, PlacedSection>;
  /** What thread-local offsets count from, where the link knows it: not in shared objects. */
  readonly threadPointer: number | undefined;
}

/**
 * The value of a symbol of the plan, or of `__start_SECTION` and `__stop_SECTION`; undefined for other names. What
 * belongs to a section that is not there is the image's base: a range that is empty.
 */
export function symbolValue(name: string, image: ImageFacts): SymbolValue | undefined {
  const symbol = image.plan.symbols.find((planned) => planned.name === name);
  const nowhere = { address: image.headerAddress ?? 0, sectionIndex: 0 };
  if (symbol !== undefined) return (symbol.at && valueAt(symbol.at, image)) ?? nowhere;
  const bound = /^__(start|stop)_(.+)$/.exec(name);
  if (bound === null) return undefined;
  const section = image.byName.get(bound[2]);
  return section && within(section, section, bound[1] === "start");
}

function valueAt(at: Location, image: ImageFacts): SymbolValue | undefined {
  const { placed, headerAddress } = image;
  if ("startOf" in at)
    return find(at.startOf, placed, true) ?? (at.otherwise === undefined ? undefined : valueAt(at.otherwise, image));
  if ("endOf" in at) return find(at.endOf, placed, false);
  if ("image" in at) return { address: headerAddress ?? 0, sectionIndex: placed.sections[0]?.index ?? 0 };
  if ("endOfLast" in at) {
    const section = placed.sections.findLast((tried) => isLoaded(tried) && kinds[at.endOfLast](tried));
    return section && within(section, section, false);
  }
  // Where accesses to the module's variables are rewritten to Local Exec, offsets count from the thread pointer.
  const section = placed.sections.find(({ flags }) => flags & SHF_TLS);
  return section && { address: image.threadPointer ?? section.address, sectionIndex: section.index };
}

/** A part of its own is what an own section means: inputs of the same name may be beside it. */
function find(target: PlanTarget, placed: Placed, isStart: boolean): SymbolValue | undefined {
  if ("own" in target) {
    const own = placed.own(target.own);
    return own && within(own.section, own, isStart);
  }
  const section = placed.planned(target.section);
  return section && within(section, section, isStart);
}

function within(section: PlacedSection, part: Pick<PlacedPart, "address" | "size">, isStart: boolean): SymbolValue {
  return { address: isStart ? part.address : endOf(part), sectionIndex: section.index };
}

const isLoaded = ({ flags, type }: PlacedSection): boolean =>
  (flags & SHF_ALLOC) !== 0 && !(flags & SHF_TLS && type === SHT_NOBITS);

const kinds: Readonly<Record<"code" | "data" | "image", (section: PlacedSection) => boolean>> = {
  code: ({ flags }) => (flags & SHF_EXECINSTR) !== 0,
  data: ({ flags, type }) => (flags & SHF_WRITE) !== 0 && type !== SHT_NOBITS,
  image: () => true,
};
