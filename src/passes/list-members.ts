/** What -Map prints of -r: each section of the output, with what is in it. */
import type { MapSection } from "../reports/map-file.ts";
import { type FileRow, rowAt } from "../tables/views.ts";
import type { FindingReader } from "./findings.ts";
import type { Workers } from "./workers.ts";

export function listMembers({ tables }: Workers, findings: FindingReader): MapSection[] {
  const size = tables.column("outputSection", "size");
  const alignment = tables.column("outputSection", "alignment");
  const definer = tables.column("outputSection", "file");
  const firstIndex = tables.column("outputSection", "section");
  const sections: MapSection[] = [];
  for (let row = 0; row < tables.rows("outputSection"); row++) {
    const name = definer[row] === NONE ? "COMMON" : findings.sectionName(definer[row] as FileRow, firstIndex[row]!);
    const log2 = alignment[row]!;
    sections.push({ name, address: 0, size: size.get(row), alignment: 2 ** log2, inputs: [] });
  }
  const file = tables.column("placedMember", "file");
  const section = tables.column("placedMember", "section");
  const output = tables.column("outputMember", "output");
  const offset = tables.column("outputMember", "offset");
  for (let row = 0; row < tables.rows("placedMember"); row++) {
    const owner = file[row] as FileRow;
    const index = section[row]!;
    const member = rowAt(tables.column("file", "firstSection")[owner], index);
    const object = findings.object(owner);
    sections[output[member]!]!.inputs.push({
      address: offset.get(member),
      size: object?.sectionSize(index) ?? 0,
      alignment: object?.sectionAlignment(index) ?? 1,
      name: findings.sectionName(owner, index),
      file: findings.fileName(owner),
    });
  }
  return sections;
}

const NONE = 0xffffffff;
