/**
 * L3: many objects of 200 functions each, with names as long as C++'s, COMDAT functions that many of them
 * share, unwind tables, tables of pointers and strings. A smaller size is the beginning of a larger one.
 */
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import {
  Bytes,
  ObjectWriter,
  R_X86_64_64,
  R_X86_64_PC32,
  R_X86_64_PLT32,
  R_X86_64_REX_GOTPCRELX,
  SHF_ALLOC,
  SHF_EXECINSTR,
  SHF_MERGE,
  SHF_STRINGS,
  SHF_WRITE,
  STB_GLOBAL,
  STB_LOCAL,
  STB_WEAK,
  STT_FUNC,
  STT_NOTYPE,
  STT_OBJECT,
  type SymbolHandle,
} from "../../test/harness/elf-writer.ts";
import { checkProgram, driverArguments, type LinkCase, missingProgram, mixed, type Workload } from "./workload.ts";
import { addCie, addCountedFunction, addFde, addMain, countedFunction, FDE_BYTES } from "./x86-64-code.ts";

/** Functions of an object, by kind. */
const GLOBALS = 140;
const LOCALS = 20;
const SHARED = 40;
/** COMDAT functions that there are; each object has `SHARED` of them. */
const POOL = 4000;
/** Entries of an object's table of pointers. */
const POINTERS = 12;
const STRINGS = 24;
/** Calls of `main`, and how deep each goes. */
const MAIN_CALLS = 64;
const DEPTH = 6;
const FILES_IN_FOLDER = 1000;

const verbs = [
  "parse",
  "emit",
  "visit",
  "lower_binary_expression",
  "canonicalize",
  "fold",
  "serialize_attributes",
  "get",
];
const nouns = ["Operand", "TypeAttributeStorage", "Block", "DominatorTreeNode", "Use", "SymbolTableCollection"];

const identifier = (text: string): string => `${text.length}${text}`;

/** `bench::module_00042::Component03::fold_Block_007(bench::Context const&, bench::Buffer*)`, mangled. */
function globalName(object: number, index: number): string {
  const module = identifier(`module_${String(object).padStart(5, "0")}`);
  const component = identifier(`Component${String(Math.floor(index / 10)).padStart(2, "0")}`);
  const verb = verbs[mixed(object, index, 1) % verbs.length];
  const noun = nouns[mixed(object, index, 2) % nouns.length];
  return `_ZN5bench${module}${component}${identifier(`${verb}_${noun}_${index}`)}ERKNS_7ContextEPNS_6BufferE`;
}

/** `void std::vector<bench::Widget_17, std::allocator<bench::Widget_17> >::_M_realloc_insert<…>(…)`, mangled. */
function sharedName(index: number): string {
  const widget = identifier(`Widget_${index}`);
  return `_ZNSt6vectorIN5bench${widget}ESaIS1_EE17_M_realloc_insertIJRKS1_EEEvN9__gnu_cxx17__normal_iteratorIPS1_S3_EEDpOT_`;
}

/** A function: of an object, or of the pool. */
type Function = { readonly object: number; readonly index: number } | { readonly shared: number };

/** The i-th COMDAT function of an object; all of one object are different. */
const sharedOf = (object: number, i: number): number => (mixed(object, 3) + i * 97) % POOL;

/** What a function adds to the sum. */
const numberOf = (it: Function): number =>
  "shared" in it ? mixed(it.shared, 4) % 1000 : mixed(it.object, it.index, 5) % 1000;

/** What a function calls. COMDAT functions call the same in every object: one of object 0. */
function calleeOf(it: Function): Function {
  if ("shared" in it) return { object: 0, index: mixed(it.shared, 6) % GLOBALS };
  const choice = mixed(it.object, it.index, 7);
  const at = mixed(it.object, it.index, 8);
  if (choice % 10 < 5) return { object: it.object, index: at % (GLOBALS + LOCALS) };
  if (choice % 10 < 7) return { object: choice % (it.object + 1), index: at % GLOBALS };
  return { shared: sharedOf(it.object, at % SHARED) };
}

/** What the machine code of a function returns. */
function valueOf(it: Function, depth: number): number {
  return numberOf(it) + (depth > 0 ? valueOf(calleeOf(it), depth - 1) : 0);
}

/** The object with this number. */
export function manyFilesObject(object: number): Buffer {
  const writer = new ObjectWriter(`module_${object}.cc`);
  const references = new Map<string, SymbolHandle>();
  const reference = (name: string): SymbolHandle => {
    let symbol = references.get(name);
    if (symbol === undefined)
      references.set(name, (symbol = writer.addSymbol({ name, binding: STB_GLOBAL, type: STT_NOTYPE })));
    return symbol;
  };

  const code = new Bytes(8192);
  for (let index = 0; index < GLOBALS + LOCALS; index++) {
    code.align(16);
    addCountedFunction(code, numberOf({ object, index }));
  }
  const offsetOf = (index: number): number => index * ((countedFunction.size + 15) & ~15);
  const text = writer.addSection({
    name: ".text",
    flags: SHF_ALLOC | SHF_EXECINSTR,
    contents: code.done(),
    alignment: 16,
  });
  const own = Array.from({ length: GLOBALS + LOCALS }, (_, index) => {
    const place = { section: text, value: offsetOf(index), size: countedFunction.size };
    const binding = index < GLOBALS ? STB_GLOBAL : STB_LOCAL;
    const name = index < GLOBALS ? globalName(object, index) : `_ZL11local_${String(index).padStart(5, "0")}v`;
    return writer.addSymbol({ name, binding, type: STT_FUNC, ...place });
  });
  const strings = writer.addSection({
    name: ".rodata.str1.1",
    flags: SHF_ALLOC | SHF_MERGE | SHF_STRINGS,
    contents: stringsOf(object),
    entrySize: 1,
  });
  // A symbol each, as assemblers do for strings that are referred to relative to the instruction: the addend of -4
  // would lead to another string than the section's symbol means.
  const texts = Array.from({ length: STRINGS }, (_, i) =>
    writer.addSymbol({
      name: `.LC${i}`,
      binding: STB_LOCAL,
      type: STT_NOTYPE,
      section: strings,
      value: i * STRING_BYTES,
    }),
  );

  const frames = new Bytes(8192);
  addCie(frames);
  const framed: { readonly section: number; readonly value: number }[] = own.map((_, index) => ({
    section: text,
    value: offsetOf(index),
  }));

  const shared = new Map<number, SymbolHandle>();
  const sharedSections: { readonly section: number; readonly it: Function }[] = [];
  for (let i = 0; i < SHARED; i++) {
    const it = { shared: sharedOf(object, i) };
    const name = sharedName(it.shared);
    const body = new Bytes(64);
    addCountedFunction(body, numberOf(it));
    // The group is called after the symbol, which is in a section of the group.
    const group = writer.addGroup(writer.nextGlobal);
    const section = writer.addSection({
      name: `.text.${name}`,
      flags: SHF_ALLOC | SHF_EXECINSTR,
      contents: body.done(),
      alignment: 2,
      group,
    });
    const place = { section, value: 0, size: countedFunction.size };
    shared.set(it.shared, writer.addSymbol({ name, binding: STB_WEAK, type: STT_FUNC, ...place }));
    sharedSections.push({ section, it });
    framed.push({ section, value: 0 });
  }

  const symbolOf = (it: Function): SymbolHandle => {
    if ("shared" in it) return shared.get(it.shared)!;
    return it.object === object ? own[it.index] : reference(globalName(it.object, it.index));
  };
  const relocate = (section: number, at: number, it: Function): void => {
    const seed = "shared" in it ? it.shared : it.index;
    const loaded = "shared" in it ? symbolOf(calleeOf(it)) : own[mixed(object, seed, 9) % GLOBALS];
    writer.addRelocation(section, at + countedFunction.load, R_X86_64_REX_GOTPCRELX, loaded, -4);
    const string = texts[mixed(seed, 10) % STRINGS];
    writer.addRelocation(section, at + countedFunction.text, R_X86_64_PC32, string, -4);
    writer.addRelocation(section, at + countedFunction.call, R_X86_64_PLT32, symbolOf(calleeOf(it)), -4);
  };
  for (let index = 0; index < own.length; index++) relocate(text, offsetOf(index), { object, index });
  for (const { section, it } of sharedSections) relocate(section, 0, it);

  for (let i = 0; i < framed.length; i++) addFde(frames, countedFunction.size);
  const ehFrame = writer.addSection({
    name: ".eh_frame",
    flags: SHF_ALLOC,
    contents: frames.done(),
    alignment: 8,
  });
  for (const [i, { section, value }] of framed.entries())
    writer.addRelocation(ehFrame, 24 + FDE_BYTES * i + 8, R_X86_64_PC32, writer.sectionSymbol(section), value);

  const table = writer.addSection({
    name: ".data.rel.ro",
    flags: SHF_ALLOC | SHF_WRITE,
    contents: new Uint8Array(POINTERS * 8),
    alignment: 8,
  });
  writer.addSymbol({
    name: `_ZTVN5bench${identifier(`module_${String(object).padStart(5, "0")}`)}4BaseE`,
    binding: STB_GLOBAL,
    type: STT_OBJECT,
    section: table,
    value: 0,
    size: POINTERS * 8,
  });
  for (let i = 0; i < POINTERS; i++)
    writer.addRelocation(table, i * 8, R_X86_64_64, own[mixed(object, i, 11) % own.length], 0);
  writer.addSection({ name: ".note.GNU-stack", flags: 0 });
  return writer.write();
}

const STRING_BYTES = 32;

/** Half of the strings are in many objects. */
function stringsOf(object: number): Uint8Array {
  const strings = new Bytes(STRINGS * STRING_BYTES);
  for (let i = 0; i < STRINGS; i++) {
    const id = i % 2 === 0 ? mixed(object, i, 12) : mixed(object, i, 13) % 5000;
    strings.text(`unexpected token near ${id}`.padEnd(STRING_BYTES - 1, "."));
    strings.u8(0);
  }
  return strings.done();
}

/** What `main` calls in a program of so many objects. */
const calledBy = (objects: number): Function[] =>
  Array.from({ length: MAIN_CALLS }, (_, i) => ({ object: mixed(i, 14) % objects, index: mixed(i, 15) % GLOBALS }));

/** `main` of a program of so many objects. */
export function manyFilesMain(objects: number): Buffer {
  const writer = new ObjectWriter("main.cc");
  const called = calledBy(objects);
  const code = new Bytes();
  const fields = addMain(code, Array<{ argument: number }>(called.length).fill({ argument: DEPTH }));
  const text = writer.addSection({
    name: ".text",
    flags: SHF_ALLOC | SHF_EXECINSTR,
    contents: code.done(),
    alignment: 16,
  });
  writer.addSymbol({ name: "main", binding: STB_GLOBAL, type: STT_FUNC, section: text, size: code.size });
  const references = new Map<string, SymbolHandle>();
  for (const [i, it] of called.entries()) {
    const name = "shared" in it ? sharedName(it.shared) : globalName(it.object, it.index);
    const symbol = references.get(name) ?? writer.addSymbol({ name, binding: STB_GLOBAL, type: STT_NOTYPE });
    references.set(name, symbol);
    writer.addRelocation(text, fields[i], R_X86_64_PLT32, symbol, -4);
  }
  writer.addSection({ name: ".note.GNU-stack", flags: 0 });
  return writer.write();
}

/** The status with which a program of so many objects ends. */
export function manyFilesStatus(objects: number): number {
  return calledBy(objects).reduce((sum, it) => sum + valueOf(it, DEPTH), 0) % 128;
}

/** Changes when the objects do, so that those of an earlier version are not used. */
const FORMAT = "1";

function prepare(parent: string, size: number): LinkCase {
  const folder = join(parent, `many-files-${FORMAT}`);
  const objects: string[] = [];
  for (let object = 0; object < size; object++) {
    const below = `${Math.floor(object / FILES_IN_FOLDER)}`;
    if (object % FILES_IN_FOLDER === 0) mkdirSync(join(folder, below), { recursive: true });
    const name = `${below}/module_${object}.o`;
    objects.push(name);
    if (!existsSync(join(folder, name))) writeFileSync(join(folder, name), manyFilesObject(object));
  }
  const main = `main-${size}.o`;
  writeFileSync(join(folder, main), manyFilesMain(size));
  const response = `objects-${size}.txt`;
  writeFileSync(join(folder, response), objects.join("\n"));
  const { before, after } = driverArguments();
  return {
    description: `${size} objects of ${GLOBALS + LOCALS + SHARED} functions`,
    folder,
    inputs: [main, ...objects].map((name) => join(folder, name)),
    args: [...before, main, `@${response}`, ...after],
    check: (output) => checkProgram(output, { status: manyFilesStatus(size) }),
  };
}

export const manyFiles: Workload = {
  name: "many-files",
  title: "L3 many files",
  target: { ratio: 0.6, onOneProcessor: 0.75 },
  sizes: { full: 10_000, quick: 1000 },
  growth: { full: [5000, 10_000, 20_000, 40_000], quick: [500, 1000, 2000] },
  missing: () => missingProgram("gcc"),
  prepare,
};
