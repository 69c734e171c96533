/** One file of the link, as find inputs leaves it to the passes. */
import type { MappedFile, ThinMember } from "./mapped-files.ts";

/** A member of a thin archive whose file is not there: an error only when it is needed, as in GNU ld. */
export interface MissingMember {
  readonly archive: string;
  readonly reason: string;
  /** What it defines, as the archive's index has it. */
  readonly names: readonly string[];
}

export interface InputFile {
  readonly kind: "object" | "archive" | "shared" | "bitcode" | "binary" | "missing";
  /** As it was found; what the system was asked for. */
  readonly path: string;
  /** As users call it: the path, or `libx.a(member.o)`. */
  readonly displayName: string;
  readonly mapped: MappedFile;
  /** Of kind "missing". */
  readonly missing: MissingMember | undefined;
  readonly isWholeArchive: boolean;
  readonly isAsNeeded: boolean;
  /** Linked only when it defines what is undefined: --start-lib, and members of thin archives. */
  readonly isLazy: boolean;
  /** The NAME of the `-lNAME` that found it: DT_NEEDED of a library without DT_SONAME is its file name. */
  readonly libraryName: string | undefined;
  /** Its symbols are not exported: --exclude-libs. */
  readonly isExcludedLibrary: boolean;
  /** A shared object that only other shared objects need: it answers for their symbols, not for objects'. */
  readonly isIndirect: boolean;
}

export function displayNameOf(path: string, member: ThinMember | undefined): string {
  return member === undefined ? path : `${member.archive}(${member.name})`;
}
