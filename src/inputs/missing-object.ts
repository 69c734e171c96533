/** In the place of a member of a thin archive that is not there: an object that defines what the member would. */
import { SHN_ABS, STB_GLOBAL } from "../elf/constants.ts";
import type { Arena } from "../staging/index.ts";
import { type ArenaObject, writeObject } from "./arena-object.ts";
import type { MissingMember } from "./input-file.ts";

export function missingObject(arena: Arena, { names }: MissingMember): ArenaObject {
  const symbols = names.map((name) => ({ name, binding: STB_GLOBAL, section: SHN_ABS }));
  return writeObject(arena, [], symbols);
}
