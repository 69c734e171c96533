/** .note.gnu.property: what the program was compiled for (psABI x86-64, Linux ABI, Program Property). */

export interface ProgramProperties {
  readonly hasIbt: boolean;
  readonly hasShstk: boolean;
  /** GNU_PROPERTY_1_NEEDED. */
  readonly needed: number;
  /** GNU_PROPERTY_X86_ISA_1_NEEDED. */
  readonly isaNeeded: number;
  /** GNU_PROPERTY_MEMORY_SEAL, which has no value. */
  readonly isMemorySeal: boolean;
}

const NT_GNU_PROPERTY_TYPE_0 = 5;
const GNU_PROPERTY_MEMORY_SEAL = 3;
const GNU_PROPERTY_1_NEEDED = 0xb0008000;
const GNU_PROPERTY_X86_FEATURE_1_AND = 0xc0000002;
const GNU_PROPERTY_X86_ISA_1_NEEDED = 0xc0008002;
const PROPERTY = 16;
/** One without a value. */
const EMPTY_PROPERTY = 8;
const HEADER = 16;

/** The note, empty when there is nothing to say. */
export function propertyNote(program: ProgramProperties): Uint8Array {
  const { hasIbt, hasShstk, needed, isaNeeded, isMemorySeal } = program;
  const features = (hasIbt ? 1 : 0) | (hasShstk ? 2 : 0);
  // In the order of their types, as the ABI wants.
  const properties = [
    [GNU_PROPERTY_1_NEEDED, needed],
    [GNU_PROPERTY_X86_FEATURE_1_AND, features],
    [GNU_PROPERTY_X86_ISA_1_NEEDED, isaNeeded],
  ].filter(([, bits]) => bits !== 0);
  if (properties.length === 0 && !isMemorySeal) return new Uint8Array(0);
  const seal = isMemorySeal ? EMPTY_PROPERTY : 0;
  const view = new DataView(new ArrayBuffer(HEADER + seal + properties.length * PROPERTY));
  view.setUint32(0, 4, true);
  view.setUint32(4, seal + properties.length * PROPERTY, true);
  view.setUint32(8, NT_GNU_PROPERTY_TYPE_0, true);
  view.setUint32(12, Buffer.from("GNU\0").readUInt32LE(0), true);
  if (isMemorySeal) view.setUint32(HEADER, GNU_PROPERTY_MEMORY_SEAL, true);
  for (const [i, [type, bits]] of properties.entries()) {
    const at = HEADER + seal + i * PROPERTY;
    view.setUint32(at, type, true);
    view.setUint32(at + 4, 4, true);
    view.setUint32(at + 8, bits, true);
  }
  return new Uint8Array(view.buffer);
}
