/** .note.gnu.build-id: a name for what was linked, made of digests of its bytes. */
import { addon } from "../../addon/load.ts";
import type { BuildId } from "../../options/link-options.ts";

const NT_GNU_BUILD_ID = 3;
const HEADER = 16;

/** Bytes of the identifier. */
export function buildIdSize(buildId: BuildId): number {
  switch (buildId.kind) {
    case "none":
      return 0;
    case "fast":
      return 8;
    case "md5":
    case "uuid":
      return 16;
    case "sha1":
      return 20;
    case "sha256":
      return 32;
    case "hex":
      return buildId.bytes.length;
  }
}

export function buildIdNote(size: number): Uint8Array {
  const note = new Uint8Array(HEADER + size);
  const view = new DataView(note.buffer);
  view.setUint32(0, 4, true);
  view.setUint32(4, size, true);
  view.setUint32(8, NT_GNU_BUILD_ID, true);
  note.set(Buffer.from("GNU\0"), 12);
  return note;
}

/** Offset of the identifier in the note. */
export const BUILD_ID_OFFSET = HEADER;

/** The identifier for an output whose parts are named by `digests`. */
export function buildIdOf(buildId: BuildId, digests: readonly Uint8Array[]): Uint8Array {
  if (buildId.kind === "hex") return buildId.bytes;
  if (buildId.kind === "uuid") {
    return Buffer.from(process.getBuiltinModule("node:crypto").randomUUID().replaceAll("-", ""), "hex");
  }
  const algorithm = buildId.kind === "md5" || buildId.kind === "sha256" ? buildId.kind : "sha1";
  const bytes = Buffer.concat(digests);
  const digest = addon().digest(algorithm, bytes) ?? slowDigest(algorithm, bytes);
  return digest.subarray(0, buildIdSize(buildId));
}

function slowDigest(algorithm: string, bytes: Uint8Array): Uint8Array {
  return process.getBuiltinModule("node:crypto").createHash(algorithm).update(bytes).digest();
}
