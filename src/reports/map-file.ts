/** -Map: where each input section went. Columns as in lld's map: address, size and alignment in hexadecimal. */

export interface MapSection {
  readonly name: string;
  readonly address: number;
  /** Bytes, as is the alignment. */
  readonly size: number;
  readonly alignment: number;
  readonly inputs: MapInput[];
}

export interface MapInput {
  readonly address: number;
  readonly size: number;
  readonly alignment: number;
  readonly name: string;
  readonly file: string;
}

const ADDRESS_WIDTH = 16;
const SIZE_WIDTH = 8;

export function formatMap(sections: readonly MapSection[]): string {
  const lines = [`${"VMA".padStart(ADDRESS_WIDTH)} ${"Size".padStart(SIZE_WIDTH)} Align Out     In`];
  const row = ({ address, size, alignment }: Omit<MapInput, "name" | "file">, text: string): string =>
    [
      address.toString(16).padStart(ADDRESS_WIDTH),
      size.toString(16).padStart(SIZE_WIDTH),
      alignment.toString(10).padStart(5),
      text,
    ].join(" ");
  for (const section of sections) {
    lines.push(row(section, section.name));
    for (const input of section.inputs) lines.push(row(input, `        ${input.file}:(${input.name})`));
  }
  return `${lines.join("\n")}\n`;
}
