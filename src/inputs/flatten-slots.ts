/** From places to files: what scripts and thin archives named takes their place, and what was named twice is one. */
import { basename } from "node:path";

import { displayNameOf, type InputFile } from "./input-file.ts";
import type { Slot } from "./input-slot.ts";
import type { MappedFile, ThinMember } from "./mapped-files.ts";
import type { LinkOptions } from "../options/link-options.ts";

/**
 * The files of all slots, in order. An archive or shared object that is named twice is one file: members are looked
 * for until nothing is found, so the second mention could add nothing. Not so under --whole-archive, where each
 * mention is all members once more, and their definitions are errors, as in GNU ld.
 */
export function flattenSlots(slots: readonly Slot[], options: Pick<LinkOptions, "excludeLibs">): InputFile[] {
  const files: InputFile[] = [];
  const seen = new Map<string, number>();
  const visit = (slot: Slot): void => {
    if (slot.parts !== undefined) {
      for (const part of slot.parts) visit(part);
      return;
    }
    const mapped = slot.missing === undefined ? slot.file : nothingAt(slot.path!);
    const file = mapped === undefined ? undefined : inputFile(slot, mapped, options);
    if (file === undefined) return;
    if (file.kind !== "archive" && file.kind !== "shared" && slot.member === undefined) {
      files.push(file);
      return;
    }
    const key = `${slot.member?.archive ?? ""}\0${file.path}`;
    const earlier = seen.get(key);
    if (earlier === undefined) {
      seen.set(key, files.length);
      files.push(file);
      return;
    }
    const other = files[earlier]!;
    if (isWhole(other) && isWhole(file)) files.push(file);
    else files[earlier] = merged(other, file);
  };
  for (const slot of slots) visit(slot);
  return files;
}

/** Whether all of an archive, or this member of a thin one, is linked whether or not it is needed. */
function isWhole({ kind, isWholeArchive, isLazy }: InputFile): boolean {
  return kind !== "shared" && isWholeArchive && !isLazy;
}

function merged(first: InputFile, second: InputFile): InputFile {
  return {
    ...first,
    isWholeArchive: first.isWholeArchive || second.isWholeArchive,
    isAsNeeded: first.isAsNeeded && second.isAsNeeded,
    isLazy: first.isLazy && second.isLazy,
  };
}

/** What is in a place; undefined for what is no input, which has been said. */
export function inputFile(
  { state, libraryName, member, missing }: Pick<Slot, "state" | "libraryName" | "member" | "missing">,
  mapped: MappedFile,
  options: Pick<LinkOptions, "excludeLibs">,
): InputFile | undefined {
  const { path } = mapped;
  const kind = missing !== undefined ? "missing" : state.isBinary ? "binary" : mapped.type.kind;
  if (!isInputKind(kind)) return undefined;
  return {
    kind,
    path,
    displayName: displayNameOf(path, member),
    mapped,
    missing,
    isWholeArchive: state.isWholeArchive,
    isAsNeeded: state.isAsNeeded,
    isLazy: state.isLazy,
    libraryName,
    isIndirect: false,
    isExcludedLibrary: isExcluded(archiveOf(kind, path, member), options),
  };
}

const inputKinds: readonly string[] = ["object", "archive", "shared", "bitcode", "binary", "missing"];
const isInputKind = (kind: string): kind is InputFile["kind"] => inputKinds.includes(kind);

/** In the place of a file that is not there. */
function nothingAt(path: string): MappedFile {
  const none = new Uint8Array();
  return { path, type: { kind: "empty" }, size: 0, address: 0, bytes: () => none, bytesAt: () => none };
}

function archiveOf(kind: string, path: string, member: ThinMember | undefined): string | undefined {
  return member?.archive ?? (kind === "archive" ? path : undefined);
}

/** --exclude-libs names archives by their file name, with or without `.a`, as in GNU ld. */
function isExcluded(archive: string | undefined, { excludeLibs }: Pick<LinkOptions, "excludeLibs">): boolean {
  if (archive === undefined || excludeLibs.length === 0) return false;
  const name = basename(archive);
  return excludeLibs.some((excluded) => excluded === "ALL" || excluded === name || `${excluded}.a` === name);
}
