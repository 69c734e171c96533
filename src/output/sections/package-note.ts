/** .note.package: what distribution's package a file is part of, as JSON (systemd's Package Metadata for ELF). */

const FDO_PACKAGING_METADATA = 0xcafe1a7e;
const HEADER = 16;

export function packageNote(json: string): Uint8Array {
  const text = Buffer.from(`${json}\0`);
  const size = Math.ceil(text.length / 4) * 4; // GNU ld counts the padding
  const note = new Uint8Array(HEADER + size);
  const view = new DataView(note.buffer);
  view.setUint32(0, 4, true);
  view.setUint32(4, size, true);
  view.setUint32(8, FDO_PACKAGING_METADATA, true);
  note.set(Buffer.from("FDO\0"), 12);
  note.set(text, HEADER);
  return note;
}
