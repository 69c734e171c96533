/** Reads --just-symbols: the addresses of what a linked file defines, where the inputs define nothing of that name. */
import { FormatError } from "../elf/byte-reader.ts";
import { SHN_UNDEF, SHT_SYMTAB, STB_LOCAL, STT_TLS } from "../elf/constants.ts";
import { ElfFile } from "../elf/elf-file.ts";
import type { Diagnostics } from "../diagnostics/diagnostics.ts";
import type { ScriptAssignment } from "../script/commands.ts";
import { parseExpression } from "../script/expressions.ts";
import type { MappedFiles } from "./mapped-files.ts";

/** The global symbols of these files, as PROVIDE would define them. Those of threads have no address. */
export function readJustSymbols(
  paths: readonly string[],
  files: MappedFiles,
  diagnostics: Diagnostics,
): ScriptAssignment[] {
  files.map(paths.map((path) => ({ path })));
  const found = new Map<string, ScriptAssignment>();
  for (const path of paths) {
    const file = files.get(path);
    if (file === undefined) continue;
    try {
      for (const { name, value } of globalsOf(path, file.bytes())) {
        const expression = parseExpression(`0x${value.toString(16)}`);
        const place = { path, line: 0 };
        if (!found.has(name))
          found.set(name, { kind: "assignment", name, value: expression, isProvided: true, isHidden: false, place });
      }
    } catch (error) {
      if (!(error instanceof FormatError)) throw error;
      diagnostics.add("unknownFileType", { path, detail: error.detail });
    }
  }
  return [...found.values()];
}

/** @throws FormatError where the file is no ELF file, or is cut off */
function globalsOf(path: string, bytes: Uint8Array): { readonly name: string; readonly value: bigint }[] {
  const file = new ElfFile(path, bytes);
  const table = file.sectionOfType(SHT_SYMTAB);
  if (table === undefined) return [];
  return file
    .symbols(table)
    .filter(
      ({ name, binding, section, type }) =>
        name !== "" && binding !== STB_LOCAL && section !== SHN_UNDEF && type !== STT_TLS,
    )
    .map(({ name, value }) => ({ name, value: BigInt(value) }));
}
