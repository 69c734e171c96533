/** Sections that are SHF_COMPRESSED: a header, then their contents (gABI ch. 4, Compression). */
import type * as Zlib from "node:zlib";

import type { ByteReader } from "./byte-reader.ts";
import { ELFCOMPRESS_ZLIB, ELFCOMPRESS_ZSTD } from "./constants.ts";
import { Elf64_Chdr } from "./records.ts";

/**
 * The contents of a compressed section that is at an offset of a file.
 *
 * @throws FormatError when they are corrupt, larger than `maxSize` or compressed in a way that is not known
 */
export function uncompress(reader: ByteReader, offset: number, size: number, maxSize: number): Uint8Array {
  const bytes = reader.bytes(offset, size);
  const type = reader.u32(offset + Elf64_Chdr.ch_type);
  const uncompressedSize = reader.u64(offset + Elf64_Chdr.ch_size);
  if (bytes.length < Elf64_Chdr.sizeof || uncompressedSize > maxSize)
    throw reader.error(offset, "corrupt compressed section");
  // Loaded here, because a link that succeeds needs none of it. Node 20 has no zstd.
  const zlib = process.getBuiltinModule("node:zlib") as Pick<typeof Zlib, "inflateSync"> & {
    readonly zstdDecompressSync?: typeof Zlib.inflateSync;
  };
  const decompress =
    type === ELFCOMPRESS_ZLIB ? zlib.inflateSync : type === ELFCOMPRESS_ZSTD ? zlib.zstdDecompressSync : undefined;
  if (decompress === undefined) throw reader.error(offset, `compression type ${type}`);
  try {
    return decompress(bytes.subarray(Elf64_Chdr.sizeof), { maxOutputLength: Math.max(1, uncompressedSize) });
  } catch (error) {
    throw reader.error(offset, `corrupt compressed section: ${String(error)}`);
  }
}
