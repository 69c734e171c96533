/** Which files the patterns of a script mean (ld manual, "Input Section Basics"). */
import { globToRegExp } from "../../script/glob.ts";
import type { FilePattern } from "../plan.ts";

/** What a file is called. */
export interface FileNames {
  /** Its path, or its name in the archive. */
  readonly name: string;
  /** Path of the archive that it is from. */
  readonly archive: string | undefined;
}

/** A test for one pattern and what it excludes. */
export function fileTest({ glob, excluded }: FilePattern): (file: FileNames) => boolean {
  const isNamed = nameTest(glob);
  const areExcluded = excluded.map(nameTest);
  return (file) => isNamed(file) && !areExcluded.some((isExcluded) => isExcluded(file));
}

/** `file`, where an archive's name means all of its members; `archive:member`, `archive:`, and `:file` for none's. */
function nameTest(glob: string): (file: FileNames) => boolean {
  const colon = glob.indexOf(":");
  if (colon === -1) {
    const pattern = globToRegExp(glob);
    return ({ name, archive }) => pattern.test(name) || (archive !== undefined && pattern.test(archive));
  }
  const [archiveGlob, memberGlob] = [glob.slice(0, colon), glob.slice(colon + 1)];
  const archivePattern = globToRegExp(archiveGlob);
  const memberPattern = memberGlob === "" ? undefined : globToRegExp(memberGlob);
  return ({ name, archive }) => {
    if (memberPattern !== undefined && !memberPattern.test(name)) return false;
    return archiveGlob === "" ? archive === undefined : archive !== undefined && archivePattern.test(archive);
  };
}
