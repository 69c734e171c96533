/** What files, members, sections and symbols are called, read from the inputs for messages and reports. */
import { ByteReader, FormatError } from "../elf/byte-reader.ts";
import { STT_FUNC, STT_OBJECT } from "../elf/constants.ts";
import { Elf64_Ehdr } from "../elf/records.ts";
import { MemberNames } from "../inputs/archive.ts";
import { irCompilerOf } from "../inputs/ir-compiler.ts";
import type { LinkOptions } from "../options/link-options.ts";
import type { FileNames } from "../output/script/file-pattern.ts";
import { enumerations } from "../tables/schema.ts";
import { type FileRow, rowAt } from "../tables/views.ts";
import type { Inputs } from "./find-inputs.ts";
import { ObjectReader } from "./object-reader.ts";
import type { Workers } from "./workers.ts";
import { nameMeantBy } from "./wrapped-names.ts";

const { FileFlags, FileTraits, MentionFlags } = enumerations;

export class InputNames {
  readonly #workers: Workers;
  readonly #inputs: Inputs;
  readonly #options: LinkOptions;
  /** Objects that have been described, for what they have found out about themselves. */
  readonly #described = new Map<FileRow, ObjectReader>();
  /** By row of input. */
  readonly #members = new Map<number, MemberNames>();

  constructor(workers: Workers, inputs: Inputs, options: LinkOptions) {
    this.#workers = workers;
    this.#inputs = inputs;
    this.#options = options;
  }

  /** The file as users call it. */
  fileName(file: FileRow): string {
    const { tables } = this.#workers;
    const input = tables.column("file", "input")[file];
    const entry = this.#inputs.files[input];
    if (entry === undefined) return "<internal>";
    if (entry.kind !== "archive") return entry.displayName;
    return `${entry.displayName}(${this.memberName(input, tables.column("file", "nameOffset").get(file))})`;
  }

  /** The file as patterns of scripts speak of it. */
  patternNames(file: FileRow): FileNames {
    const { tables } = this.#workers;
    const input = tables.column("file", "input")[file];
    const entry = this.#inputs.files[input];
    if (entry === undefined) return { name: "", archive: undefined };
    const { kind, path, displayName } = entry;
    if (kind === "archive")
      return { name: this.memberName(input, tables.column("file", "nameOffset").get(file)), archive: path };
    const thin = /^(.*)\(([^()]*)\)$/.exec(displayName);
    return thin === null || displayName === path
      ? { name: path, archive: undefined }
      : { name: thin[2]!, archive: thin[1]! };
  }

  /** Of the member of an input whose header is there. */
  memberName(input: number, header: number): string {
    return this.#membersOf(input).at(header);
  }

  /** The name of the input that the file is from, without folders. */
  baseName(file: FileRow): string {
    const { path } = this.#inputs.files[this.#workers.tables.column("file", "input")[file]];
    return path.slice(path.lastIndexOf("/") + 1);
  }

  /** The object that a row of file is, or undefined for the linker's own. */
  object(file: FileRow): ObjectReader | undefined {
    const { tables } = this.#workers;
    const input = tables.column("file", "input")[file];
    const entry = this.#inputs.files[input];
    if (entry === undefined) return undefined;
    return new ObjectReader(tables, file, new ByteReader(this.fileName(file), this.#bytesOf(file)));
  }

  /** The same, which is kept: what it finds out about functions and lines is asked for again. */
  describedObject(file: FileRow): ObjectReader | undefined {
    let object = this.#described.get(file);
    if (object === undefined && (object = this.object(file)) !== undefined) this.#described.set(file, object);
    return object;
  }

  /** The name that a symbol of a file stands for: of a reference, what --wrap makes of it. */
  symbolName(file: FileRow, symbol: number): string {
    const object = this.object(file);
    const name = object?.symbolName(symbol) ?? "";
    return object?.isDefined(symbol) === true ? name : nameMeantBy(name, this.#options);
  }

  /** The name of a symbol; of a section's own, which has none, that of the section. */
  nameOrSection(file: FileRow, symbol: number): string {
    const name = this.symbolName(file, symbol);
    const object = this.object(file);
    const section = name === "" ? object?.definitionOf(symbol)?.section : undefined;
    return section === undefined ? name : (object?.sectionName(section) ?? "");
  }

  /** What messages say of a file of intermediate language that is left. */
  irOperands(file: FileRow): { compiler: string | undefined; plugins: string | undefined; isRelocatable: boolean } {
    const { plugins: all, outputKind } = this.#options;
    const plugins = all.length === 0 ? undefined : all.map(({ path }) => `'${path}'`).join(" or ");
    return { compiler: irCompilerOf(this.#bytesOf(file)), plugins, isRelocatable: outputKind === "relocatable" };
  }

  sectionName(file: FileRow, section: number): string {
    return this.object(file)?.sectionName(section) ?? "";
  }

  /** Every name that a file of the link defines for others, and the file. */
  *definedNames(): Generator<readonly [name: string, file: FileRow]> {
    const { tables } = this.#workers;
    const mentionFlags = tables.column("mention", "flags");
    for (const [file, object] of this.#ownObjects()) {
      const firstGlobal = tables.column("file", "firstGlobal")[file];
      const firstMention = tables.column("file", "firstMention")[file];
      for (let i = firstGlobal; i < object.symbolCount; i++)
        if ((mentionFlags[rowAt(firstMention, i - firstGlobal)] & MentionFlags.KIND) !== MentionFlags.UNDEFINED)
          yield [object.symbolName(i), file];
    }
  }

  /** Every function and datum that an object of the link has for itself, and the object: `static` in C. */
  *localNames(): Generator<readonly [name: string, file: FileRow]> {
    const { tables } = this.#workers;
    const traits = tables.column("file", "traits");
    for (const [file, object] of this.#ownObjects()) {
      if (traits[file] & FileTraits.IS_SHARED) continue;
      for (let i = 1; i < tables.column("file", "firstGlobal")[file]; i++) {
        const type = object.symbolType(i);
        if ((type === STT_FUNC || type === STT_OBJECT) && object.isDefined(i)) yield [object.symbolName(i), file];
      }
    }
  }

  *#ownObjects(): Generator<readonly [FileRow, ObjectReader]> {
    const { tables } = this.#workers;
    const flags = tables.column("file", "flags");
    const traits = tables.column("file", "traits");
    for (let file = 0 as FileRow; file < tables.rows("file"); file++) {
      if (traits[file] & FileTraits.IS_BROKEN || flags[file] & FileFlags.IS_INTERNAL) continue;
      const object = this.object(file);
      if (object !== undefined) yield [file, object];
    }
  }

  /** What shared objects define that only other shared objects need, and their names. */
  definedIndirectly(): Map<string, string> {
    const { tables } = this.#workers;
    const flags = tables.column("file", "flags");
    const traits = tables.column("file", "traits");
    const names = new Map<string, string>();
    for (let file = 0 as FileRow; file < tables.rows("file"); file++) {
      if (traits[file] & FileTraits.IS_BROKEN || !(flags[file] & FileFlags.IS_INDIRECT)) continue;
      const object = this.object(file);
      for (let i = 1; i < (object?.symbolCount ?? 0); i++)
        if (object?.isDefined(i) === true) names.set(object.symbolName(i), this.fileName(file));
    }
    return names;
  }

  /** Where the section headers should end, of a file that ends before; undefined for one that is wrong otherwise. */
  whereCut(file: FileRow): string | undefined {
    const reader = new ByteReader("", this.#bytesOf(file));
    try {
      const size = reader.u16(Elf64_Ehdr.e_shnum) * reader.u16(Elf64_Ehdr.e_shentsize);
      const end = reader.u64(Elf64_Ehdr.e_shoff) + size;
      if (end > reader.size) return `it ends at byte ${end}, of ${reader.size} that are there: the file was cut off`;
    } catch (error) {
      if (!(error instanceof FormatError)) throw error;
    }
    return undefined;
  }

  #membersOf(input: number): MemberNames {
    let members = this.#members.get(input);
    if (members === undefined) {
      const { path, mapped } = this.#inputs.files[input];
      members = new MemberNames(path, mapped.size, (offset, size) => mapped.bytesAt(offset, size));
      this.#members.set(input, members);
    }
    return members;
  }

  #bytesOf(file: FileRow): Uint8Array {
    const { tables } = this.#workers;
    const input = tables.column("file", "input")[file];
    const { kind, mapped } = this.#inputs.files[input];
    if (tables.column("file", "traits")[file] & FileTraits.IS_IR) {
      const image = tables.column("file", "image").get(file) - tables.arena.baseAddress;
      return tables.arena.u8view(image, tables.column("file", "imageSize")[file]);
    }
    // An uncompressed copy has its names where the file has them.
    if (kind !== "binary" && kind !== "missing")
      return mapped.bytesAt(tables.column("file", "inputOffset").get(file), tables.column("file", "size")[file]);
    // The object that was made of it is in the arena.
    const offset = tables.column("input", "base").get(input) - tables.arena.baseAddress;
    return tables.arena.u8view(offset, tables.column("input", "size").get(input));
  }
}
