/** Write, of -r: workers copy sections and write relocations, symbols and headers; the parent writes the rest. */
import * as elf from "../elf/constants.ts";
import { Elf64_Ehdr, Elf64_Shdr } from "../elf/records.ts";
import type { LinkOptions } from "../options/link-options.ts";
import type { OutputFile } from "../output/output-file.ts";
import { BUILD_ID_OFFSET, buildIdOf } from "../output/sections/build-id.ts";
import type { Target } from "../targets/target.ts";
import { relocatableFlags } from "./classify.ts";
import type { Numbered, PlacedMade } from "./number-symbols.ts";
import type { Workers } from "./workers.ts";
import { addressOfPath } from "./write.ts";

export async function writeRelocatable(
  workers: Workers,
  numbered: Numbered,
  output: OutputFile,
  options: LinkOptions,
  target: Target,
): Promise<void> {
  const { tables } = workers;
  tables.set("outputPath", addressOfPath(tables, output.path));
  tables.set("replacedPath", addressOfPath(tables, output.target));
  tables.set("codeFiller", target.codeFiller);
  await workers.run("writeMembers");
  await workers.run("writeSymbols", { parameters: [relocatableFlags(options)] });
  await workers.run("writeHeaders", { rows: 1 });
  const hasGnuSymbols = tables.get("hasGnuSymbols") !== 0;
  const low = tables.column("digest", "low").bytes();
  const high = tables.column("digest", "high").bytes();
  const own = writeMade(numbered, output, target, hasGnuSymbols);
  const note = numbered.made.find(({ id }) => id === "buildIdNote");
  if (note !== undefined) output.write(buildIdOf(options.buildId, [low, high, ...own]), note.offset + BUILD_ID_OFFSET);
  void workers.dismiss(output.replacedBytes);
}

/** Headers, and sections that no input has. Returns what was written, for the build id. */
function writeMade(
  { made, namesOffset, sectionHeadersOffset, headers }: Numbered,
  output: OutputFile,
  target: Target,
  hasGnuSymbols: boolean,
): Uint8Array[] {
  const written: Uint8Array[] = [];
  const put = (bytes: Uint8Array, offset: number): void => {
    output.write(bytes, offset);
    written.push(bytes);
  };
  const names = made.map(({ name }) => name);
  const { index: namesIndex, offset: firstName } = made.at(-1)!;
  put(elfHeader(sectionHeadersOffset, headers, namesIndex, target, hasGnuSymbols), 0);
  put(Buffer.from([...names, ""].join("\0")), namesOffset);
  for (const { contents, offset } of made) if (contents !== undefined) put(contents, offset);
  put(nullHeader(headers, namesIndex), sectionHeadersOffset);
  let name = namesOffset - firstName;
  const indexOf = new Map(made.map(({ id, index }) => [id, index]));
  for (const section of made) {
    const link = section.link === undefined ? 0 : indexOf.get(section.link)!;
    put(header(section, name, link), sectionHeadersOffset + section.index * Elf64_Shdr.sizeof);
    name += section.name.length + 1;
  }
  return written;
}

function elfHeader(
  sectionHeadersOffset: number,
  headers: number,
  namesIndex: number,
  target: Target,
  hasGnuSymbols: boolean,
): Uint8Array {
  const bytes = new Uint8Array(Elf64_Ehdr.sizeof);
  const view = new DataView(bytes.buffer);
  const abi = hasGnuSymbols ? elf.ELFOSABI_GNU : elf.ELFOSABI_NONE;
  bytes.set([0x7f, 0x45, 0x4c, 0x46, elf.ELFCLASS64, elf.ELFDATA2LSB, elf.EV_CURRENT, abi]);
  view.setUint16(Elf64_Ehdr.e_type, elf.ET_REL, true);
  view.setUint16(Elf64_Ehdr.e_machine, target.machine, true);
  view.setUint32(Elf64_Ehdr.e_version, elf.EV_CURRENT, true);
  view.setBigUint64(Elf64_Ehdr.e_shoff, BigInt(sectionHeadersOffset), true);
  view.setUint16(Elf64_Ehdr.e_ehsize, Elf64_Ehdr.sizeof, true);
  view.setUint16(Elf64_Ehdr.e_shentsize, Elf64_Shdr.sizeof, true);
  view.setUint16(Elf64_Ehdr.e_shnum, headers >= elf.SHN_LORESERVE ? 0 : headers, true);
  view.setUint16(Elf64_Ehdr.e_shstrndx, namesIndex >= elf.SHN_LORESERVE ? elf.SHN_XINDEX : namesIndex, true);
  return bytes;
}

/** What the ELF header has no room for is here (gABI ch. 4, extended numbering). */
function nullHeader(headers: number, namesIndex: number): Uint8Array {
  const view = new DataView(new ArrayBuffer(Elf64_Shdr.sizeof));
  if (headers >= elf.SHN_LORESERVE) view.setBigUint64(Elf64_Shdr.sh_size, BigInt(headers), true);
  if (namesIndex >= elf.SHN_LORESERVE) view.setUint32(Elf64_Shdr.sh_link, namesIndex, true);
  return new Uint8Array(view.buffer);
}

function header(section: PlacedMade, name: number, link: number): Uint8Array {
  const view = new DataView(new ArrayBuffer(Elf64_Shdr.sizeof));
  view.setUint32(Elf64_Shdr.sh_name, name, true);
  view.setUint32(Elf64_Shdr.sh_type, section.type, true);
  view.setBigUint64(Elf64_Shdr.sh_flags, BigInt(section.flags), true);
  view.setBigUint64(Elf64_Shdr.sh_offset, BigInt(section.offset), true);
  view.setBigUint64(Elf64_Shdr.sh_size, BigInt(section.size), true);
  view.setUint32(Elf64_Shdr.sh_link, link, true);
  view.setUint32(Elf64_Shdr.sh_info, section.info, true);
  view.setBigUint64(Elf64_Shdr.sh_addralign, BigInt(section.alignment), true);
  view.setBigUint64(Elf64_Shdr.sh_entsize, BigInt(section.entsize), true);
  return new Uint8Array(view.buffer);
}
