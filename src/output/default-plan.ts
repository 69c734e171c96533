/**
 * The plan of a link without a linker script: GNU ld's default script, in the order that mold and lld made usual,
 * which needs fewer pages. Which input section goes where is the names here; how sections may be accessed, and so
 * their segment, is what the slots load.
 */
import * as elf from "../elf/constants.ts";
import type { LinkOptions } from "../options/link-options.ts";
import type { OwnSectionId } from "../tables/schema.ts";
import type {
  InputPattern,
  KindPlan,
  LoadSegment,
  Part,
  PlanSymbol,
  PlanTarget,
  SectionPlan,
  SegmentPlan,
  Slot,
} from "./plan.ts";
import { ownNames } from "./sections/own-section.ts";

export interface PlanOptions {
  /** Address of the first byte of the image. */
  readonly base: number;
  /** Data that only the loader writes is protected once it has: -z relro. */
  readonly isRelro: boolean;
  /** .got.plt is bound at start, so it can be protected too: -z now. */
  readonly isNow: boolean;
  /** The output relocates itself: not an executable at a fixed address. */
  readonly isPic: boolean;
  /** It has .dynamic. */
  readonly isDynamic: boolean;
  /** Constants come after code, as in GNU ld's script: with -Ttext, -n or -N code is expected to be what comes first. */
  readonly isCodeFirst: boolean;
  readonly paged: KindPlan["paged"];
}

/**
 * What a plan depends on.
 * @param imageBase where the target's executables begin
 * @param isDynamic whether it has .dynamic
 */
export function planOptions(options: LinkOptions, imageBase: number, isDynamic: boolean): PlanOptions {
  const { outputKind, z, paged } = options;
  return {
    base: options.imageBase ?? (outputKind === "exec" ? imageBase : 0),
    isRelro: z.isRelro && paged === "segments",
    isNow: z.isNow,
    isPic: outputKind !== "exec",
    isDynamic,
    isCodeFirst: options.sectionStarts.has(".text") || paged !== "segments",
    paged,
  };
}

const readOnly: LoadSegment = { name: "read only", access: "read", hasHeaders: true };
const constants: LoadSegment = { name: "constants", access: "read" };
const code: LoadSegment = { name: "code", access: "execute" };
const relro: LoadSegment = {
  name: "data that is read only once the loader has relocated it",
  access: "write",
  isProtected: true,
};
const data: LoadSegment = { name: "data", access: "write" };
const largeReadOnly: LoadSegment = { name: "read only, of the large code model", access: "read", isLarge: true };
const largeData: LoadSegment = { name: "data of the large code model", access: "write", isLarge: true };
const largeCode: LoadSegment = { name: "code of the large code model", access: "execute", isLarge: true };

/** As readelf shows them. */
const segments: readonly SegmentPlan[] = [
  { type: elf.PT_PHDR },
  { type: elf.PT_INTERP, own: "interp", orNamed: ".interp" }, // a shared object that can be run brings its own
  { type: elf.PT_NOTE },
  { type: elf.PT_GNU_PROPERTY, own: "propertyNote" },
  { loads: true },
  { type: elf.PT_TLS },
  { type: elf.PT_DYNAMIC, own: "dynamic", isWritable: true },
  { type: elf.PT_GNU_EH_FRAME, own: "ehFrameHdr" },
  { type: elf.PT_GNU_STACK },
  { type: elf.PT_GNU_RELRO },
];

const family = (name: string): InputPattern => ({ name, matches: "family" });
const exact = (name: string): InputPattern => ({ name, matches: "exact" });
const numbered = (name: string): InputPattern => ({ name, matches: "numbered" });
const inputs = (...patterns: InputPattern[]): Part => ({ inputs: patterns });

const section = (name: string, ...parts: Part[]): SectionPlan => ({ name, parts });
/** A section of the linker's own, which no section of an input joins. */
const own = (id: OwnSectionId): SectionPlan => section(ownNames[id], { own: id });
/** One that sections of inputs of the same name and flags join, as in GNU ld. */
const joined = (id: OwnSectionId): SectionPlan => section(ownNames[id], { own: id }, inputs(exact(ownNames[id])));

/** Hot and cold code stays apart within .text: what is used together lies together. */
const text = section(
  ".text",
  ...["unlikely", "exit", "startup", "hot"].map((part) => inputs(family(`.text.${part}`))),
  inputs(family(".text"), family(".gnu.linkonce.t")),
);
const rodata: SectionPlan = {
  ...section(".rodata", inputs(family(".rodata"), family(".gnu.linkonce.r"))),
  merged: { strings: ".rodata.str", constants: ".rodata.cst" },
};

/** Of inputs, of the PLT, and the terminator. */
const ehFrame = section(".eh_frame", { own: "ehFrame" }, { own: "pltFrame" }, { own: "ehFrameEnd" });

/** A list of functions to run: numbered ones in order, then the others, with those of the older kind among them. */
function functionList(name: string, older: string, type: number): SectionPlan {
  return section(
    name,
    inputs(numbered(`${name}.`), { ...numbered(`${older}.`), reversedInto: type }),
    inputs(exact(name), { ...exact(older), reversedInto: type }),
  );
}

const functionLists = [
  section(".preinit_array", inputs(exact(".preinit_array"))),
  functionList(".init_array", ".ctors", elf.SHT_INIT_ARRAY),
  functionList(".fini_array", ".dtors", elf.SHT_FINI_ARRAY),
];

export function defaultPlan({ base, isRelro, isNow, isPic, isDynamic, isCodeFirst, paged }: PlanOptions): KindPlan {
  const slots: Slot[] = [
    { load: readOnly, sections: [own("interp")] },
    {
      load: readOnly,
      sections: [joined("propertyNote"), joined("buildIdNote"), joined("packageNote")],
      orphans: "note",
    },
    {
      load: readOnly,
      sections: [
        own("hash"),
        own("gnuHash"),
        own("dynsym"),
        own("dynstr"),
        own("versym"),
        own("versionNeeds"),
        own("versionDefinitions"),
        own("relr"),
        own("relaDyn"),
        own("relaPlt"),
      ],
    },
    ...(isCodeFirst ? [...codeSlots(), ...constantSlots(constants)] : [...constantSlots(readOnly), ...codeSlots()]),
    ...dataSlots(isRelro, isNow),
    {
      load: largeReadOnly,
      sections: [section(".lrodata", inputs(family(".lrodata"), family(".gnu.linkonce.lr")))],
      orphans: "largeReadOnly",
    },
    {
      load: largeData,
      sections: [section(".ldata", inputs(family(".ldata"), family(".gnu.linkonce.l")))],
      orphans: "largeData",
    },
    { load: largeCode, sections: [section(".ltext", inputs(family(".ltext")))], orphans: "largeCode" },
    { load: undefined, sections: [], orphans: "notLoaded" },
    { load: undefined, sections: [own("symtab"), own("symtabIndices"), own("strtab"), own("shstrtab")] },
  ];
  return { order: "kinds", base, paged, slots, segments, symbols: defaultSymbols(isPic, isDynamic) };
}

function constantSlots(load: LoadSegment): Slot[] {
  return [
    {
      load,
      sections: [rodata, section(".gcc_except_table", inputs(family(".gcc_except_table")))],
      orphans: "readOnly",
    },
    { load, sections: [own("ehFrameHdr"), ehFrame] },
  ];
}

function codeSlots(): Slot[] {
  return [
    {
      load: code,
      sections: [
        section(".init", inputs(exact(".init"))),
        joined("plt"),
        joined("pltGot"),
        joined("pltSec"),
        section(".fini", inputs(exact(".fini"))),
      ],
    },
    { load: code, sections: [text], orphans: "code" },
  ];
}

/** What may be written. Without protection all of it is one segment. */
function dataSlots(isRelro: boolean, isNow: boolean): Slot[] {
  const early = isRelro ? relro : data;
  const threadLocal: Slot[] = [
    { load: early, sections: [section(".tdata", inputs(family(".tdata")))], orphans: "tlsData" },
    {
      load: early,
      isZero: true,
      sections: [section(".tbss", inputs(family(".tbss")), { commons: "threadLocal" })],
      orphans: "tlsZero",
    },
  ];
  const relocated = section(".data.rel.ro", inputs(family(".data.rel.ro")));
  const variables = section(".data", inputs(family(".data"), family(".gnu.linkonce.d")));
  const dynamic: Slot = { load: early, sections: [own("dynamic"), joined("got")] };
  const gotPlt: Slot = { load: isNow ? early : data, sections: [joined("gotPlt")] };
  const relocatedZero = section(".bss.rel.ro", inputs(family(".bss.rel.ro")));
  const zero: Slot[] = [
    {
      load: data,
      isZero: true,
      sections: isRelro ? [own("copy")] : [own("copy"), own("copyRelro"), relocatedZero],
      orphans: "zero",
    },
    {
      load: data,
      isZero: true,
      sections: [section(".bss", inputs(family(".bss"), family(".gnu.linkonce.b")), { commons: "small" })],
    },
    {
      load: data,
      isZero: true,
      sections: [section(".lbss", inputs(family(".lbss"), family(".gnu.linkonce.lb")), { commons: "large" })],
      orphans: "largeZero",
    },
  ];
  if (!isRelro)
    return [
      ...threadLocal,
      gotPlt,
      { load: data, sections: [...functionLists, relocated, variables], orphans: "data" },
      dynamic,
      ...zero,
    ];
  return [
    ...threadLocal,
    ...(isNow ? [gotPlt] : []),
    { load: relro, sections: [...functionLists, relocated], orphans: "relro" },
    dynamic,
    { load: relro, isZero: true, sections: [own("copyRelro"), relocatedZero], orphans: "relroZero" },
    ...(isNow ? [] : [gotPlt]),
    { load: data, sections: [variables], orphans: "data" },
    ...zero,
  ];
}

/** Names that the linker may define, whatever the inputs are. */
export const linkerSymbols: readonly string[] = defaultSymbols(false, false).map(({ name }) => name);

/** Names that the linker defines when something refers to them. */
function defaultSymbols(isPic: boolean, isDynamic: boolean): PlanSymbol[] {
  const named = (name: string): PlanTarget => ({ section: name });
  return [
    { name: "__ehdr_start", at: { image: "start" } },
    { name: "__executable_start", at: { image: "start" } },
    { name: "__dso_handle", at: { image: "start" } },
    { name: "_GLOBAL_OFFSET_TABLE_", at: { startOf: { own: "gotPlt" } } },
    { name: "_PROCEDURE_LINKAGE_TABLE_", at: { startOf: { own: "plt" } } },
    { name: "_DYNAMIC", at: { startOf: { own: "dynamic" } } },
    { name: "_TLS_MODULE_BASE_", at: { threadLocal: "base" } },
    { name: "__GNU_EH_FRAME_HDR", at: { startOf: { own: "ehFrameHdr" } } },
    ...bounds("__preinit_array_start", "__preinit_array_end", named(".preinit_array")),
    ...bounds("__init_array_start", "__init_array_end", named(".init_array")),
    ...bounds("__fini_array_start", "__fini_array_end", named(".fini_array")),
    ...irelativeBounds(isPic, isDynamic),
    // Start code clears what is from here to _end.
    { name: "__bss_start", at: { startOf: named(".bss"), otherwise: { endOfLast: "data" } } },
    ...["_etext", "etext", "__etext"].map((name): PlanSymbol => ({ name, at: { endOfLast: "code" } })),
    ...["_edata", "edata"].map((name): PlanSymbol => ({ name, at: { endOfLast: "data" } })),
    ...["_end", "end"].map((name): PlanSymbol => ({ name, at: { endOfLast: "image" } })),
  ];
}

/** Of these, what belongs to no section of a script: symbols that code finds its tables by, and the headers. */
const neverStated: ReadonlySet<string> = new Set([
  "__ehdr_start",
  "__dso_handle",
  "_GLOBAL_OFFSET_TABLE_",
  "_PROCEDURE_LINKAGE_TABLE_",
  "_DYNAMIC",
  "_TLS_MODULE_BASE_",
  "__GNU_EH_FRAME_HDR",
]);

/** What a plan has that scripts do not say: the other program headers, and symbols. */
export function unstated({ isPic, isDynamic }: PlanOptions): Pick<KindPlan, "segments" | "symbols"> {
  return { segments, symbols: defaultSymbols(isPic, isDynamic).filter(({ name }) => neverStated.has(name)) };
}

function bounds(start: string, end: string, target: PlanTarget): PlanSymbol[] {
  return [
    { name: start, at: { startOf: target } },
    { name: end, at: { endOf: target } },
  ];
}

/** What start code relocates. Nothing where .dynamic leads to it as well: it must not be relocated twice. */
function irelativeBounds(isPic: boolean, isDynamic: boolean): PlanSymbol[] {
  const relocations = { own: "relaPlt" } as const;
  const [start, end] = ["__rela_iplt_start", "__rela_iplt_end"];
  if (!isPic && !isDynamic) return bounds(start, end, relocations);
  return [start, end].map((name) => ({ name, at: isPic ? undefined : { startOf: relocations } }));
}
