/** Places in the order of inputs, and the paths that may answer for each, in the order in which GNU ld looks. */
import { basename, dirname, isAbsolute, join } from "node:path";

import type { InputRequest, LinkOptions } from "../options/link-options.ts";
import type { ThinArchiveEntry } from "./archive.ts";
import { expandSysroot, type LibrarySearch } from "./library-search.ts";
import type { ScriptInput } from "./linker-script.ts";
import type { MissingMember } from "./input-file.ts";
import type { MappedFile, ThinMember } from "./mapped-files.ts";

export type InputState = Pick<InputRequest, "isWholeArchive" | "isAsNeeded" | "isStatic" | "isLazy" | "isBinary">;

/** A place in the order of inputs. It becomes a file, or the list of what a script or thin archive names. */
export interface Slot {
  readonly state: InputState;
  readonly libraryName: string | undefined;
  /** What a search looks for, as messages call it; undefined where there is one path and no search. */
  readonly searchedFor: string | undefined;
  /** Paths that may answer, best first; where only one may, that. */
  readonly candidates: Iterator<string> | string;
  readonly member: ThinMember | undefined;
  /** Scripts above it. */
  readonly depth: number;
  path: string | undefined;
  file: MappedFile | undefined;
  missing: MissingMember | undefined;
  parts: Slot[] | undefined;
}

/** A file of the command line without the state of the options before it: a script of -T. */
export const fileRequest = (name: string): InputRequest => ({
  kind: "file",
  name,
  isWholeArchive: false,
  isAsNeeded: false,
  isStatic: false,
  isLazy: false,
  isBinary: false,
});

export class SlotMaker {
  readonly #options: Pick<LinkOptions, "sysroot" | "isStatic">;
  readonly #search: LibrarySearch;

  constructor(options: Pick<LinkOptions, "sysroot" | "isStatic">, search: LibrarySearch) {
    this.#options = options;
    this.#search = search;
  }

  /** @param script the script that names it, at this depth; undefined for the command line */
  fromRequest(request: InputRequest, script?: string, depth = 0): Slot {
    const { kind, name } = request;
    const isLibrary = kind === "library";
    const { sysroot, isStatic } = this.#options;
    return {
      state: request, // thousands of files, so nothing is copied
      libraryName: isLibrary ? name : undefined,
      searchedFor: isLibrary ? `-l${name}` : script === undefined ? undefined : name,
      candidates: isLibrary
        ? this.#search.candidates(name, request.isStatic || isStatic)
        : script === undefined
          ? expandSysroot(name, sysroot)
          : this.#pathsFromScript(name, script),
      member: undefined,
      depth,
      path: undefined,
      file: undefined,
      missing: undefined,
      parts: undefined,
    };
  }

  fromScript(slot: Slot, script: string, input: ScriptInput): Slot {
    const { kind, name } = input;
    const isAsNeeded = slot.state.isAsNeeded || input.isAsNeeded;
    const isBinary = slot.state.isBinary || input.isBinary;
    return this.fromRequest({ ...slot.state, isAsNeeded, isBinary, kind, name }, script, slot.depth + 1);
  }

  fromThinArchive(slot: Slot, archive: string, { header, name, isArchive }: ThinArchiveEntry): Slot {
    return {
      state: { ...slot.state, isLazy: !slot.state.isWholeArchive },
      libraryName: undefined,
      searchedFor: undefined,
      candidates: thinMemberPath(archive, name),
      member: { archive, header, name: basename(name), isArchive },
      depth: slot.depth + 1,
      path: undefined,
      file: undefined,
      missing: undefined,
      parts: undefined,
    };
  }

  /**
   * The paths of a file that a script names. It is, as in GNU ld, below the sysroot when it is absolute and the
   * script is there, too; else beside the script, in the working directory, or in a library directory.
   */
  *#pathsFromScript(name: string, script: string): Generator<string> {
    const { sysroot } = this.#options;
    const path = expandSysroot(name, sysroot);
    if (path !== name) yield path;
    else if (isAbsolute(name)) yield sysroot !== "" && script.startsWith(sysroot) ? sysroot + name : name;
    else {
      let isFound = false;
      for (const found of this.#search.filesFrom([dirname(script), "."], name)) {
        isFound = true;
        yield found;
      }
      if (!isFound) yield name; // the message says what was asked for
    }
  }
}

export const thinMemberPath = (archive: string, member: string): string =>
  isAbsolute(member) ? member : join(dirname(archive), member);
