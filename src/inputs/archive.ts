/**
 * Reads the members' names of thin archives, whose members are files of their own, and indices of regular ones,
 * and the names of their members for messages. Those members are found by the kernel that walks them, which follows the
 * same rules for headers.
 *
 * A header has 60 bytes of text: name (16), date (12), uid (6), gid (6), mode (8), size (10), "`\n". Headers
 * are at even offsets. `/` and `/SYM64/` are symbol tables, `//` holds long names, `/N` is the name at
 * offset N there, ended by "/\n". In a thin archive only these three have contents.
 */
import { ByteReader, FormatError } from "../elf/byte-reader.ts";

const MAGIC_SIZE = 8;
const HEADER_SIZE = 60;
const SIZE_OFFSET = 48;
const SIZE_LENGTH = 10;
const END_OFFSET = 58;
const NAME_LENGTH = 16;

/** More than the path of any file has. */
const MAX_NAME = 4096;

/** What is read of an archive: of its bytes, or of a file of any size. Its texts are Latin-1. */
interface ArchiveText {
  readonly size: number;
  /** @throws FormatError for what leaves the archive */
  text(offset: number, size: number): string;
  error(offset: number, detail: string): FormatError;
}

interface MemberHeader {
  /** As it is there, without the spaces that follow it. */
  readonly name: string;
  readonly offset: number;
  /** Offset of what follows the header. */
  readonly contents: number;
  readonly size: number;
  /** It is no symbol table and no table of long names. */
  readonly isMember: boolean;
}

/** All headers, in order. */
function* memberHeaders(archive: ArchiveText, isThin: boolean): Generator<MemberHeader> {
  // As in GNU ld, what is behind the last member and has no room for a header is nobody's.
  for (let offset = MAGIC_SIZE; offset + HEADER_SIZE <= archive.size;) {
    if (archive.text(offset + END_OFFSET, 2) !== "`\n") throw archive.error(offset, "no member header");
    const name = archive.text(offset, NAME_LENGTH).trimEnd();
    const sizeText = archive.text(offset + SIZE_OFFSET, SIZE_LENGTH).trimEnd();
    if (!/^\d+$/.test(sizeText)) throw archive.error(offset + SIZE_OFFSET, `member size '${sizeText}' is not a number`);
    const size = Number(sizeText);
    const contents = offset + HEADER_SIZE;
    const isMember = name !== "/" && name !== "//" && name !== "/SYM64/";
    yield { name, offset, contents, size, isMember };
    offset = isThin && isMember ? contents : contents + size + (size % 2);
  }
}

export interface ThinArchiveEntry {
  /** Offset of its header. */
  readonly header: number;
  /** A path, relative to the archive's directory unless absolute. */
  readonly name: string;
  /** It is an ordinary archive, of which members were put into this one. */
  readonly isArchive: boolean;
}

/**
 * The members of a thin archive, in order. `ar` makes members of a thin archive of those of the archives that it is
 * given: such an archive stands for them, where the first of them is.
 * @throws FormatError for what is not a thin archive
 */
export function readThinArchive(path: string, bytes: Uint8Array): ThinArchiveEntry[] {
  const reader = new ByteReader(path, bytes);
  const members: ThinArchiveEntry[] = [];
  const archives = new Set<string>();
  let longNames: MemberHeader | undefined;
  for (const header of memberHeaders(reader, true)) {
    const { name, offset, contents, size, isMember } = header;
    if (isMember) {
      const member = memberName(reader, offset, name, longNames);
      if (!member.isArchive || !archives.has(member.name)) members.push(member);
      if (member.isArchive) archives.add(member.name);
      continue;
    }
    reader.bytes(contents, size);
    if (name === "//") longNames = header;
  }
  return members;
}

/**
 * The contents of a regular archive's first member; undefined when there is none.
 * @throws FormatError for a member that leaves the archive
 */
export function firstMember(path: string, bytes: Uint8Array): Uint8Array | undefined {
  const reader = new ByteReader(path, bytes);
  for (const { contents, size, isMember } of memberHeaders(reader, false))
    if (isMember) return reader.bytes(contents, size);
  return undefined;
}

/** Names of a regular archive's members, of which few are asked for: no more is read than they need. */
export class MemberNames {
  readonly #archive: ArchiveText;
  #longNames: MemberHeader | undefined;

  /** @param bytesAt those of a part, as far as the archive has it */
  constructor(path: string, size: number, bytesAt: (offset: number, size: number) => Uint8Array) {
    const error = (offset: number, detail: string): FormatError => new FormatError(path, offset, detail);
    this.#archive = {
      size,
      error,
      text: (offset, length) => {
        const bytes = Buffer.from(bytesAt(offset, length));
        if (bytes.length < length) throw error(offset, `${length} bytes are needed and the file has ${size}`);
        return bytes.toString("latin1");
      },
    };
  }

  /** The name of the member whose header is there. What cannot be read is no help in a message about the member. */
  at(offset: number): string {
    let name = "";
    try {
      name = this.#archive.text(offset, NAME_LENGTH).trimEnd();
      if (name.startsWith("/")) this.#longNames ??= this.#findLongNames(offset);
      return memberName(this.#archive, offset, name, this.#longNames).name;
    } catch (error) {
      if (!(error instanceof FormatError)) throw error;
      return name;
    }
  }

  /** The table of long names is one of the first members. */
  #findLongNames(end: number): MemberHeader | undefined {
    for (const header of memberHeaders(this.#archive, false)) {
      if (header.name === "//") return header;
      if (header.isMember || header.offset >= end) return undefined;
    }
    return undefined;
  }
}

function memberName(
  archive: ArchiveText,
  offset: number,
  name: string,
  longNames: MemberHeader | undefined,
): ThinArchiveEntry {
  if (!name.startsWith("/"))
    return { header: offset, name: name.endsWith("/") ? name.slice(0, -1) : name, isArchive: false };
  // "/N:OFFSET" is the member at OFFSET of the archive whose name is at N. GNU ar writes a slash into the last byte,
  // where the file's own name has 15 bytes.
  const match = /^\/(\d+)(:\d+)?(?: *\/)?$/.exec(name);
  if (match === null) throw archive.error(offset, `member name '${name}' is not known`);
  const start = Number(match[1]);
  if (longNames === undefined || start >= longNames.size)
    throw archive.error(offset, `member name '${name}' is outside the table of long names`);
  const at = longNames.contents + start;
  const text = archive.text(at, Math.min(longNames.size - start, MAX_NAME));
  const end = text.indexOf("/\n");
  if (end <= 0) throw archive.error(at, "long name without an end");
  return {
    header: offset,
    name: Buffer.from(text.slice(0, end), "latin1").toString("utf8"),
    isArchive: match[2] !== undefined,
  };
}

/** An entry of an archive's index: a name, and the offset of the header of the member that defines it. */
export interface IndexedSymbol {
  readonly name: string;
  readonly header: number;
}

/**
 * The index of an archive, thin or not: big-endian offsets of 4 bytes, or 8 in `/SYM64/`, then the names.
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
