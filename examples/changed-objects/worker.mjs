import { createHash } from "node:crypto";

/** The digests of the chunk's objects, and what those define whose digest is not the known one. */
export default (task, { files, range, args: known }) =>
  files.slice(range.begin, range.end).map((file) => {
    const bytes = file.bytes();
    const digest = createHash("sha256").update(bytes).digest("hex");
    return { path: file.path, digest, defines: digest === known[file.path] ? undefined : definedSymbols(bytes) };
  });

/** The global and weak symbols that an ELF object defines (gABI ch. 4: ELF header, section headers, symbol table). */
function definedSymbols(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < 64 || view.getUint32(0) !== 0x7f454c46 || bytes[4] !== 2 || bytes[5] !== 1) return [];
  const at64 = (offset) => Number(view.getBigUint64(offset, true));
  const sections = at64(0x28); // e_shoff
  const section = (index) => {
    const at = sections + index * 64;
    return { type: view.getUint32(at + 4, true), offset: at64(at + 24), size: at64(at + 32), link: view.getUint32(at + 40, true) }; // prettier-ignore
  };
  const count = view.getUint16(0x3c, true); // e_shnum
  const symtab = Array.from({ length: count }, (_, index) => section(index)).find(({ type }) => type === 2); // SHT_SYMTAB
  if (!symtab) return [];
  const names = section(symtab.link);
  const defined = [];
  for (let at = symtab.offset; at < symtab.offset + symtab.size; at += 24) {
    const isGlobal = bytes[at + 4] >> 4 !== 0; // not STB_LOCAL
    const isDefined = view.getUint16(at + 6, true) !== 0; // not SHN_UNDEF
    if (!isGlobal || !isDefined) continue;
    const begin = names.offset + view.getUint32(at, true);
    defined.push(Buffer.from(bytes.subarray(begin, bytes.indexOf(0, begin))).toString());
  }
  return defined;
}
