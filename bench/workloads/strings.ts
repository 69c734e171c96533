/** L5: 20 million bytes of mergeable strings in 1,000 objects, 70% of them found in an earlier place too. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import {
  Bytes,
  ObjectWriter,
  R_X86_64_64,
  R_X86_64_PC32,
  R_X86_64_PLT32,
  SHF_ALLOC,
  SHF_EXECINSTR,
  SHF_MERGE,
  SHF_STRINGS,
  SHF_WRITE,
  STB_GLOBAL,
  STT_FUNC,
  STT_NOTYPE,
} from "../../test/harness/elf-writer.ts";
import {
  cached,
  checkProgram,
  driverArguments,
  type LinkCase,
  missingProgram,
  mixed,
  type Workload,
} from "./workload.ts";
import { addMain } from "./x86-64-code.ts";

const BYTES_PER_OBJECT = 20_000;
/** Of ten strings, those that are new. */
const NEW_OF_TEN = 3;
const MAIN_CALLS = 200;

const words = "cannot the value of argument expected type reference constant while instantiating member from".split(
  " ",
);

/** The string with this number: 20 to 70 characters, unlike every other. */
function stringOf(id: number): string {
  const count = 2 + (mixed(id, 1) % 7);
  const chosen = Array.from({ length: count }, (_, i) => words[mixed(id, i, 2) % words.length]);
  return `${chosen.join(" ")} '${id.toString(36)}'`;
}

/** Numbers of the strings of each object. */
export function stringIds(objects: number): number[][] {
  let next = 0;
  return Array.from({ length: objects }, (_, object) => {
    const ids: number[] = [];
    for (let bytes = 0; bytes < BYTES_PER_OBJECT;) {
      const roll = mixed(object, ids.length, 3);
      const id = roll % 10 < NEW_OF_TEN || next === 0 ? next++ : mixed(roll, 4) % next;
      ids.push(id);
      bytes += stringOf(id).length + 1;
    }
    return ids;
  });
}

const functionName = (object: number): string => `_ZN5bench7strings5at${String(object).padStart(3, "0")}Ei`;

/** An object whose function returns the last character of its i-th string. */
export function stringsObject(object: number, ids: readonly number[]): Buffer {
  const writer = new ObjectWriter(`strings_${object}.cc`);
  const bytes = new Bytes(BYTES_PER_OBJECT + 256);
  const places = ids.map((id) => {
    const at = bytes.size;
    bytes.text(stringOf(id));
    bytes.u8(0);
    return at;
  });
  const strings = writer.addSection({
    name: ".rodata.str1.1",
    flags: SHF_ALLOC | SHF_MERGE | SHF_STRINGS,
    contents: bytes.done(),
    entrySize: 1,
  });
  const table = writer.addSection({
    name: ".data.rel.ro.local",
    flags: SHF_ALLOC | SHF_WRITE,
    contents: new Uint8Array(ids.length * 8),
    alignment: 8,
  });
  for (const [i, at] of places.entries())
    writer.addRelocation(table, i * 8, R_X86_64_64, writer.sectionSymbol(strings), at);

  const code = new Bytes();
  code.u8(0x48, 0x8d, 0x05, 0, 0, 0, 0); // lea table(%rip), %rax
  code.u8(0x89, 0xff, 0x48, 0x8b, 0x04, 0xf8); // mov %edi, %edi; mov (%rax,%rdi,8), %rax
  code.u8(0x0f, 0xb6, 0x08, 0x31, 0xd2); // movzbl (%rax), %ecx; xor %edx, %edx
  const loop = code.size;
  code.u8(0x01, 0xca, 0x48, 0xff, 0xc0, 0x0f, 0xb6, 0x08); // add %ecx, %edx; inc %rax; movzbl (%rax), %ecx
  code.u8(0x85, 0xc9, 0x75, loop - code.size - 4); // test %ecx, %ecx; jne loop
  code.u8(0x89, 0xd0, 0xc3); // mov %edx, %eax; ret
  const text = writer.addSection({
    name: ".text",
    flags: SHF_ALLOC | SHF_EXECINSTR,
    contents: code.done(),
    alignment: 16,
  });
  writer.addRelocation(text, 3, R_X86_64_PC32, writer.sectionSymbol(table), -4);
  writer.addSymbol({
    name: functionName(object),
    binding: STB_GLOBAL,
    type: STT_FUNC,
    section: text,
    size: code.size,
  });
  writer.addSection({ name: ".note.GNU-stack", flags: 0 });
  return writer.write();
}

/** `main`: the sum of the characters of some strings. And the status that it ends with. */
export function stringsMain(ids: readonly (readonly number[])[]): { readonly bytes: Buffer; readonly status: number } {
  const writer = new ObjectWriter("main.cc");
  const called = Array.from({ length: MAIN_CALLS }, (_, i) => {
    const object = mixed(i, 5) % ids.length;
    return { object, argument: mixed(i, 6) % ids[object].length };
  });
  const code = new Bytes();
  const fields = addMain(code, called);
  const text = writer.addSection({
    name: ".text",
    flags: SHF_ALLOC | SHF_EXECINSTR,
    contents: code.done(),
    alignment: 16,
  });
  writer.addSymbol({ name: "main", binding: STB_GLOBAL, type: STT_FUNC, section: text, size: code.size });
  const references = ids.map((_, object) => ({ name: functionName(object), binding: STB_GLOBAL, type: STT_NOTYPE }));
  const symbols = new Map(
    [...new Set(called.map(({ object }) => object))].map((object) => [object, references[object]]),
  );
  const handles = new Map([...symbols].map(([object, symbol]) => [object, writer.addSymbol(symbol)]));
  let sum = 0;
  for (const [i, { object, argument }] of called.entries()) {
    writer.addRelocation(text, fields[i], R_X86_64_PLT32, handles.get(object)!, -4);
    for (const character of Buffer.from(stringOf(ids[object][argument]))) sum += character;
  }
  writer.addSection({ name: ".note.GNU-stack", flags: 0 });
  return { bytes: writer.write(), status: sum % 128 };
}

function prepare(parent: string, size: number): LinkCase {
  const folder = join(parent, `strings-${size}`);
  const ids = stringIds(size);
  const objects = ids.map((_, object) => `strings_${object}.o`);
  const main = stringsMain(ids);
  cached(folder, "1", (unfinished) => {
    mkdirSync(unfinished, { recursive: true });
    for (const [object, name] of objects.entries())
      writeFileSync(join(unfinished, name), stringsObject(object, ids[object]));
    writeFileSync(join(unfinished, "main.o"), main.bytes);
  });
  const { before, after } = driverArguments();
  const megabytes = (size * BYTES_PER_OBJECT) / 1e6;
  return {
    description: `${megabytes} million bytes of strings in ${size} objects`,
    folder,
    inputs: ["main.o", ...objects].map((name) => join(folder, name)),
    args: [...before, "main.o", ...objects, ...after],
    check: (output) => checkProgram(output, { status: main.status }),
  };
}

export const strings: Workload = {
  name: "strings",
  title: "L5 strings",
  target: { ratio: 0.75, onOneProcessor: 0.8 },
  sizes: { full: 1000, quick: 1000 },
  missing: () => missingProgram("gcc"),
  prepare,
};
