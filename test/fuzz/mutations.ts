/** Ways to change a file so that it is wrong: at random, and with knowledge of what it is made of. */
import { ElfObject, type Field, type FieldKind, fieldKinds } from "../harness/elf-object.ts";
import type { FileKind } from "./corpus.ts";
import type { Random } from "./random.ts";

export interface Mutation {
  readonly name: string;
  readonly for: readonly FileKind[];
  /** How often it is chosen among those for a file. */
  readonly weight: number;
  /** Returns other bytes. Undefined when the file has nothing of what it changes. */
  readonly apply: (bytes: Buffer, random: Random) => Buffer | undefined;
}

const binary: readonly FileKind[] = ["object", "archive", "shared object"];
const archives: readonly FileKind[] = ["archive", "thin archive"];
const texts: readonly FileKind[] = ["linker script", "pattern file"];
const all: readonly FileKind[] = [...binary, "thin archive", ...texts];

const AR_MAGIC = 8;
const AR_HEADER = 60;
/** Fields of a member's header: offset, size (`ar` file format). */
const arFields = { name: [0, 16], date: [16, 12], mode: [40, 8], size: [48, 10], end: [58, 2] } as const;

/** Bounds of the types that counts, sizes and offsets have. */
const interesting: readonly bigint[] = [
  0n,
  1n,
  2n,
  3n,
  7n,
  8n,
  0x7fn,
  0xffn,
  0xff00n,
  0xfff1n,
  0xfff2n,
  0xffffn,
  0x7fffffffn,
  0x80000000n,
  0xfffffff0n,
  0xffffffffn,
  1n << 32n,
  1n << 62n,
  (1n << 63n) - 1n,
  1n << 63n,
  (1n << 64n) - 16n,
  (1n << 64n) - 1n,
];

/** Values that sections, symbols and relocations may have there, so that what is wrong is found late. */
const plausible: Readonly<Record<string, readonly bigint[]>> = {
  sh_type: [0n, 1n, 2n, 3n, 4n, 5n, 6n, 7n, 8n, 9n, 10n, 11n, 14n, 15n, 16n, 17n, 18n, 19n, 0x6fff4c03n, 0x70000001n],
  sh_flags: [1n, 2n, 4n, 0x10n, 0x20n, 0x40n, 0x80n, 0x100n, 0x200n, 0x400n, 0x800n, 1n << 21n, 1n << 31n],
  sh_addralign: [1n, 2n, 8n, 64n, 4096n, 1n << 20n],
  sh_entsize: [1n, 2n, 4n, 8n, 16n, 24n],
  st_info: [0x00n, 0x03n, 0x06n, 0x0an, 0x10n, 0x11n, 0x12n, 0x15n, 0x16n, 0x1an, 0x20n, 0x26n, 0xa1n, 0xaan],
  st_other: [0n, 1n, 2n, 3n],
  st_shndx: [0n, 1n, 2n, 3n, 4n, 5n, 6n, 0xfff1n, 0xfff2n, 0xffffn],
  r_type: Array.from({ length: 44 }, (_, type) => BigInt(type)),
};

/** Another value: a plausible one, a bound, one beside the old one, or what another such field has. */
function changeField(elf: ElfObject, field: Field, beside: readonly Field[], random: Random): void {
  const old = elf.read(field);
  const name = field.name.split(" ").at(-1) ?? "";
  const known = plausible[name];
  if (known !== undefined && random.next() < 0.5) {
    elf.set(field, name === "sh_flags" ? old ^ random.pick(known) : random.pick(known));
    return;
  }
  const fileSize = BigInt(elf.bytes.length);
  const others = [old + 1n, old - 1n, old * 2n, old + 8n, old ^ (1n << BigInt(random.below(field.size * 8)))];
  const choice = random.next();
  if (choice < 0.3) elf.set(field, random.pick(interesting));
  else if (choice < 0.6) elf.set(field, random.pick(others));
  else if (choice < 0.7) elf.set(field, random.pick([fileSize, fileSize - 1n, fileSize / 2n]));
  else {
    const alike = beside.filter((other) => other.name.split(" ").at(-1) === name);
    elf.set(field, elf.read(random.pick(alike)));
  }
}

/** The ELF file in these bytes, which is changed in place: the file, or one member of the archive. */
function elfIn(bytes: Buffer, random: Random): ElfObject | undefined {
  if (bytes.subarray(0, 4).equals(Buffer.from("\x7fELF"))) return new ElfObject(bytes);
  const objects = membersOf(bytes).filter(({ begin }) => bytes.toString("latin1", begin, begin + 4) === "\x7fELF");
  if (objects.length === 0) return undefined;
  const { begin, end } = random.pick(objects);
  return new ElfObject(bytes.subarray(begin, end));
}

interface Member {
  readonly header: number;
  readonly begin: number;
  readonly end: number;
}

/** Members of an archive that nothing is wrong with. In a thin one only the index and the names have contents. */
function membersOf(archive: Buffer): Member[] {
  const members: Member[] = [];
  const isThin = archive.toString("latin1", 0, AR_MAGIC) === "!<thin>\n";
  for (let at = AR_MAGIC; at + AR_HEADER <= archive.length;) {
    const begin = at + AR_HEADER;
    const isStored = !isThin || /^\/\/? /.test(archive.toString("latin1", at, at + 3));
    const size = isStored ? Number.parseInt(archive.toString("latin1", at + 48, at + 58), 10) : 0;
    members.push({ header: at, begin, end: begin + size });
    at = begin + size + (size & 1);
  }
  return members;
}

function changeFields(kind: FieldKind): Mutation["apply"] {
  return (bytes, random) => {
    const copy = Buffer.from(bytes);
    const elf = elfIn(copy, random);
    const fields = elf?.fields(kind) ?? [];
    if (elf === undefined || fields.length === 0) return undefined;
    for (let left = 1 + random.below(3); left > 0; left--) changeField(elf, random.pick(fields), fields, random);
    return copy;
  };
}

/** Two rows of one table change places, or one is there twice. */
function exchangeRows(bytes: Buffer, random: Random): Buffer | undefined {
  const copy = Buffer.from(bytes);
  const elf = elfIn(copy, random);
  const tables = elf?.tables() ?? [];
  if (elf === undefined || tables.length === 0) return undefined;
  const { offset, rowSize, rows } = random.pick(tables);
  const first = offset + random.below(rows) * rowSize;
  const second = offset + random.below(rows) * rowSize;
  const kept = Buffer.from(elf.bytes.subarray(first, first + rowSize));
  elf.bytes.copy(elf.bytes, first, second, second + rowSize);
  if (random.next() < 0.7) kept.copy(elf.bytes, second);
  return copy;
}

const cutOff: Mutation["apply"] = (bytes, random) => bytes.subarray(0, random.below(bytes.length));

const flipBits: Mutation["apply"] = (bytes, random) => {
  const copy = Buffer.from(bytes);
  for (let left = 1 + random.below(8); left > 0; left--) copy[random.below(copy.length)]! ^= 1 << random.below(8);
  return copy;
};

/** Overwrites a part with another part of the file. */
const splice: Mutation["apply"] = (bytes, random) => {
  const copy = Buffer.from(bytes);
  const size = random.below(Math.min(64, copy.length)) + 1;
  const from = random.below(copy.length - size + 1);
  bytes.copy(copy, random.below(copy.length - size + 1), from, from + size);
  return copy;
};

/** A few bytes come or go, so that all that follows is elsewhere. */
const shift: Mutation["apply"] = (bytes, random) => {
  const at = random.below(bytes.length);
  const size = 1 + random.below(16);
  const isLonger = random.next() < 0.5;
  return Buffer.concat([
    bytes.subarray(0, at),
    isLonger ? Buffer.alloc(size, random.below(256)) : Buffer.alloc(0),
    bytes.subarray(isLonger ? at : Math.min(bytes.length, at + size)),
  ]);
};

const changeMemberHeader: Mutation["apply"] = (bytes, random) => {
  const copy = Buffer.from(bytes);
  const { header } = random.pick(membersOf(bytes));
  const [offset, size] = arFields[random.pick(["name", "size", "size", "end", "date", "mode"] as const)];
  const old = Number.parseInt(copy.toString("latin1", header + offset, header + offset + size), 10) || 0;
  const numbers = [old + 1, old - 1, old * 2].map(String);
  const others = "0 -1 1e3 x 9999999999 4294967296 0x10 / // /0 /99999999 #1/8 #1/99999 /SYM64/ __.SYMDEF \0 a/b/../c";
  copy.write(
    random
      .pick(["", ...numbers, ...others.split(" ")])
      .padEnd(size)
      .slice(0, size),
    header + offset,
    "latin1",
  );
  return copy;
};

/** Bytes of the symbol index, or of the table of long names: an archive's first members. */
const changeIndex: Mutation["apply"] = (bytes, random) => {
  const copy = Buffer.from(bytes);
  const { begin, end } = random.pick(membersOf(bytes).slice(0, 2));
  for (let left = 1 + random.below(4); left > 0; left--) {
    const at = begin + random.below(Math.max(1, Math.min(end - begin, 256)));
    const values = [0, 1, 0x7fffffff, 0xffffffff, bytes.length, bytes.length - 1, 0x0a2f0a2f, 0x2f2e2e2f];
    if (random.next() < 0.5 && at + 4 <= copy.length) copy.writeUInt32BE(random.pick(values) >>> 0, at);
    else if (at < copy.length) copy[at] = random.pick([0, 10, 32, 47, 65, 255]);
  }
  return copy;
};

const words = [
  ..."( ) { } ; , * ? [ ] : = /* */ # \" ' \\ \0 \xff global local V1 V2 start 0x10 [!a-z]*".split(" "),
  ..."INPUT GROUP AS_NEEDED ENTRY EXTERN SEARCH_DIR OUTPUT OUTPUT_FORMAT SECTIONS PROVIDE VERSION INCLUDE".split(" "),
  ..."TARGET ASSERT lib.a -lnone -l:lib.a inputs.ld thin.a libplain.so elf64-x86-64 elf32-i386".split(" "),
  'extern "C++"',
  'extern "C"',
  "\n",
];

/** Words of a script are left out, doubled, exchanged, replaced or repeated very often. */
const changeWords: Mutation["apply"] = (bytes, random) => {
  const parts = bytes.toString("latin1").match(/\s+|\w+|[^\w\s]/g) ?? [];
  for (let left = 1 + random.below(4); left > 0 && parts.length > 0; left--) {
    const at = random.below(parts.length);
    const choice = random.next();
    if (choice < 0.25) parts.splice(at, 1 + random.below(3));
    else if (choice < 0.5) parts.splice(at, 0, random.pick(words));
    else if (choice < 0.7) parts[at] = random.pick(words);
    else if (choice < 0.95) parts[at] = parts[random.below(parts.length)]!;
    else parts.splice(at, 0, ...Array<string>(1 << random.below(15)).fill(random.pick(words)));
  }
  return Buffer.from(parts.join(""), "latin1");
};

const fieldWeights: Readonly<Record<FieldKind, number>> = {
  header: 1,
  "section headers": 8,
  symbols: 7,
  relocations: 7,
  groups: 2,
  notes: 2,
  frames: 4,
  "mergeable sections": 3,
  "compressed sections": 8,
  dynamic: 3,
  versions: 4,
};

export const mutations: readonly Mutation[] = [
  { name: "cut off", for: all, weight: 1, apply: cutOff },
  { name: "flipped bits", for: all, weight: 3, apply: flipBits },
  { name: "parts exchanged", for: all, weight: 1.5, apply: splice },
  { name: "bytes inserted or removed", for: all, weight: 1, apply: shift },
  ...fieldKinds.map((kind) => ({
    name: `other values: ${kind}`,
    for: binary,
    weight: fieldWeights[kind],
    apply: changeFields(kind),
  })),
  { name: "rows exchanged", for: binary, weight: 4, apply: exchangeRows },
  { name: "member headers", for: archives, weight: 5, apply: changeMemberHeader },
  { name: "archive index and names", for: archives, weight: 5, apply: changeIndex },
  { name: "words of scripts", for: texts, weight: 12, apply: changeWords },
];
