/** Symbols that the linker defines when something refers to them, and what they stand for. */
import { SHF_ALLOC, SHF_EXECINSTR, SHF_TLS, SHF_WRITE, SHT_NOBITS } from "../elf/constants.ts";
import type { OutputSection } from "./output-section.ts";

interface Value {
  readonly address: number;
  /** Header index of the section that it belongs to, 0 for none. */
  readonly sectionIndex: number;
}

/** What values depend on. */
export interface ImageFacts {
  readonly ordered: readonly OutputSection[];
  readonly base: number;
  readonly isPic: boolean;
  /** What thread-local offsets count from, where the link knows it: not in shared objects. */
  readonly threadPointer: number | undefined;
}

type Find = (image: ImageFacts) => Value | undefined;

const begin =
  (...names: string[]): Find =>
  ({ ordered }) => {
    const section = ordered.find(({ name }) => names.includes(name));
    return section && { address: section.address, sectionIndex: section.index };
  };
const end =
  (...names: string[]): Find =>
  ({ ordered }) => {
    const section = ordered.find(({ name }) => names.includes(name));
    return section && { address: section.end, sectionIndex: section.index };
  };
const lastEnd =
  (isMeant: (section: OutputSection) => boolean): Find =>
  ({ ordered }) => {
    const section = ordered.findLast(
      (s) => s.flags & SHF_ALLOC && !(s.flags & SHF_TLS && s.type === SHT_NOBITS) && isMeant(s),
    );
    return section && { address: section.end, sectionIndex: section.index };
  };
const imageBase: Find = ({ ordered, base }) => ({ address: base, sectionIndex: ordered[0]?.index ?? 0 });

const endOfCode = lastEnd((section) => (section.flags & SHF_EXECINSTR) !== 0);
const endOfData = lastEnd((section) => (section.flags & SHF_WRITE) !== 0 && section.type !== SHT_NOBITS);
const endOfImage = lastEnd(() => true);

const symbols: Readonly<Record<string, Find>> = {
  __ehdr_start: imageBase,
  __executable_start: imageBase,
  __dso_handle: imageBase,
  _GLOBAL_OFFSET_TABLE_: begin(".got.plt", ".got"),
  _PROCEDURE_LINKAGE_TABLE_: begin(".plt"),
  _DYNAMIC: begin(".dynamic"),
  // Where accesses to the module's variables are rewritten to Local Exec, offsets count from the thread pointer.
  _TLS_MODULE_BASE_: ({ ordered, threadPointer }) => {
    const section = ordered.find(({ flags }) => flags & SHF_TLS);
    return section && { address: threadPointer ?? section.address, sectionIndex: section.index };
  },
  __GNU_EH_FRAME_HDR: begin(".eh_frame_hdr"),
  __preinit_array_start: begin(".preinit_array"),
  __preinit_array_end: end(".preinit_array"),
  __init_array_start: begin(".init_array"),
  __init_array_end: end(".init_array"),
  __fini_array_start: begin(".fini_array"),
  __fini_array_end: end(".fini_array"),
  // A program that relocates itself finds these relocations through .dynamic, and must not apply them twice.
  __rela_iplt_start: (image) => (image.isPic ? undefined : begin(".rela.plt")(image)),
  __rela_iplt_end: (image) => (image.isPic ? undefined : end(".rela.plt")(image)),
  __bss_start: begin(".bss"),
  _etext: endOfCode,
  etext: endOfCode,
  __etext: endOfCode,
  _edata: endOfData,
  edata: endOfData,
  _end: endOfImage,
  end: endOfImage,
};

/** Names that the linker may define, whatever the inputs are. */
export const linkerSymbols: readonly string[] = Object.keys(symbols);

/**
 * The value of a name of {@link linkerSymbols}, or of `__start_SECTION` and `__stop_SECTION`. What belongs to
 * a section that is not there is the image's base: a range that is empty.
 */
export function linkerSymbolValue(name: string, image: ImageFacts): Value | undefined {
  const find = Object.hasOwn(symbols, name) ? symbols[name] : undefined;
  if (find !== undefined) return find(image) ?? { address: image.base, sectionIndex: 0 };
  const bound = /^__(start|stop)_(.+)$/.exec(name);
  if (bound === null) return undefined;
  return (bound[1] === "start" ? begin(bound[2]) : end(bound[2]))(image);
}
