/**
 * Reads the members' names of thin archives, whose members are files of their own, and indices of regular ones.
 * Members of regular archives are found by the kernel that walks them, which follows the same rules for headers.
 *
 * A header has 60 bytes of text: name (16), date (12), uid (6), gid (6), mode (8), size (10), "`\n". Headers
 * are at even offsets. `/` and `/SYM64/` are symbol tables, `//` holds long names, `/N` is the name at
 * offset N there, ended by "/\n". In a thin archive only these three have contents.
 */
import { ByteReader } from "../elf/byte-reader.ts";

const MAGIC_SIZE = 8;
const HEADER_SIZE = 60;
const SIZE_OFFSET = 48;
const SIZE_LENGTH = 10;
const END_OFFSET = 58;
const NAME_LENGTH = 16;

/**
 * The members of a thin archive, in order: paths, relative to the archive's directory unless absolute.
 * @throws FormatError for what is not a thin archive
 */
export function readThinArchive(path: string, bytes: Uint8Array): string[] {
  const reader = new ByteReader(path, bytes);
  const members: string[] = [];
  let longNames: { offset: number; size: number } | undefined;
  let offset = MAGIC_SIZE;
  while (offset < reader.size) {
    if (reader.text(offset + END_OFFSET, 2) !== "`\n") throw reader.error(offset, "no member header");
    const name = reader.text(offset, NAME_LENGTH).trimEnd();
    const sizeText = reader.text(offset + SIZE_OFFSET, SIZE_LENGTH).trimEnd();
    if (!/^\d+$/.test(sizeText)) throw reader.error(offset + SIZE_OFFSET, `member size '${sizeText}' is not a number`);
    const size = Number(sizeText);
    const contents = offset + HEADER_SIZE;
    if (name === "/" || name === "//" || name === "/SYM64/") {
      reader.bytes(contents, size);
      if (name === "//") longNames = { offset: contents, size };
      offset = contents + size + (size % 2);
      continue;
    }
    members.push(memberName(reader, offset, name, longNames));
    offset = contents;
  }
  return members;
}

/**
 * The contents of a regular archive's first member; undefined when there is none.
 * @throws FormatError for a member that leaves the archive
 */
export function firstMember(path: string, bytes: Uint8Array): Uint8Array | undefined {
  const reader = new ByteReader(path, bytes);
  for (let offset = MAGIC_SIZE; offset < reader.size;) {
    const name = reader.text(offset, NAME_LENGTH).trimEnd();
    const size = Number.parseInt(reader.text(offset + SIZE_OFFSET, SIZE_LENGTH), 10) || 0;
    const contents = reader.bytes(offset + HEADER_SIZE, size);
    if (name !== "/" && name !== "//" && name !== "/SYM64/") return contents;
    offset += HEADER_SIZE + size + (size % 2);
  }
  return undefined;
}

function memberName(
  reader: ByteReader,
  offset: number,
  name: string,
  longNames: { offset: number; size: number } | undefined,
): string {
  if (!name.startsWith("/")) return name.endsWith("/") ? name.slice(0, -1) : name;
  const match = /^\/(\d+)(:\d+)?$/.exec(name);
  if (match === null) throw reader.error(offset, `member name '${name}' is not known`);
  if (match[2] !== undefined) throw reader.error(offset, "a thin archive in a thin archive is not supported");
  const start = Number(match[1]);
  if (longNames === undefined || start >= longNames.size)
    throw reader.error(offset, `member name '${name}' is outside the table of long names`);
  const text = Buffer.from(reader.bytes(longNames.offset + start, longNames.size - start)).toString("utf8");
  const end = text.indexOf("/\n");
  if (end <= 0) throw reader.error(longNames.offset + start, "long name without an end");
  return text.slice(0, end);
}

/** An entry of an archive's index: a name, and the offset of the header of the member that defines it. */
export interface IndexedSymbol {
  readonly name: string;
  readonly header: number;
}

/**
 * The index of a regular archive: big-endian offsets of 4 bytes, or 8 in `/SYM64/`, then the names.
 * @throws FormatError for an index that leaves the archive
 */
export function* readArchiveIndex(path: string, bytes: Uint8Array): Generator<IndexedSymbol> {
  const reader = new ByteReader(path, bytes);
  const kind = reader.text(MAGIC_SIZE, NAME_LENGTH).trimEnd();
  if (kind !== "/" && kind !== "/SYM64/") return;
  const width = kind === "/" ? 4 : 8;
  const contents = MAGIC_SIZE + HEADER_SIZE;
  const number = (offset: number): number =>
    Number.parseInt(Buffer.from(reader.bytes(offset, width)).toString("hex"), 16);
  const count = number(contents);
  for (let i = 0, at = contents + width * (count + 1); i < count; i++) {
    const name = reader.cString(at);
    yield { name, header: number(contents + width * (i + 1)) };
    at += Buffer.byteLength(name) + 1;
  }
}
