/** Whether a file that was found by a search is for this machine; if not, GNU ld goes on searching. */
import { closeSync, openSync, readSync } from "node:fs";

import { FormatError } from "../elf/byte-reader.ts";
import { readThinArchive, firstMember } from "./archive.ts";
import { type FileType, fileTypeOf, HEAD_SIZE } from "./file-type.ts";
import { thinMemberPath } from "./input-slot.ts";
import { outputFormatOf } from "./linker-script.ts";
import { beginningOf, type MappedFile } from "./mapped-files.ts";
import { textOf } from "./pattern-files.ts";

/** Why a file is skipped; undefined when it is not. Of an archive its first member is looked at. */
export function whyIncompatible(file: MappedFile): string | undefined {
  const { kind } = file.type;
  if (kind === "script") {
    // Only this name counts: a "default" is for another machine, too.
    const format = outputFormatOf(textOf(file.bytes()));
    return format === undefined || format === "elf64-x86-64" ? undefined : `its OUTPUT_FORMAT is ${format}`;
  }
  const type = kind === "archive" || kind === "thin-archive" ? firstMemberType(file) : file.type;
  if (type?.kind !== "foreign") return undefined;
  return type === file.type ? `it is ${type.what}` : `its first member is ${type.what}`;
}

function firstMemberType(file: MappedFile): FileType | undefined {
  try {
    if (file.type.kind === "archive") {
      const contents = firstMember(file.path, beginningOf(file));
      return contents && fileTypeOf(contents.subarray(0, HEAD_SIZE), contents.length);
    }
    const [member] = readThinArchive(file.path, file.bytes());
    return member === undefined ? undefined : typeOfHead(thinMemberPath(file.path, member.name));
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
    return undefined; // who reads it says what is wrong
  }
}

/** From the file's first bytes alone; undefined when it can not be read. */
function typeOfHead(path: string): FileType | undefined {
  const head = new Uint8Array(HEAD_SIZE);
  let descriptor: number;
  try {
    descriptor = openSync(path, "r");
  } catch {
    return undefined;
  }
  try {
    return fileTypeOf(head, readSync(descriptor, head));
  } catch {
    return undefined;
  } finally {
    closeSync(descriptor);
  }
}
