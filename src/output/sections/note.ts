/** A note whose bytes are known: .note.gnu.property, .note.gnu.build-id, .note.package. */
import { SHF_ALLOC, SHT_NOTE } from "../../elf/constants.ts";
import type { OwnSection } from "./own-section.ts";

type NoteId = "propertyNote" | "buildIdNote" | "packageNote";

/** @param alignment of the note's fields, in bytes */
export function noteSection(id: NoteId, bytes: Uint8Array, alignment: 4 | 8): OwnSection {
  return { id, type: SHT_NOTE, flags: SHF_ALLOC, alignment, size: bytes.length, contents: () => bytes };
}
