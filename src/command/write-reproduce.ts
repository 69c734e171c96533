/**
 * --reproduce: an archive with all that the link reads, and response.txt, which links it in the folder that the archive
 * is unpacked into. In lld's form. It is written before the link, so that a link that fails can be looked at elsewhere.
 */
import { closeSync, openSync, readFileSync, writeSync } from "node:fs";
import { basename, relative, resolve } from "node:path";

import { Diagnostics } from "../diagnostics/diagnostics.ts";
import { listInputPaths } from "../link.ts";
import type { LinkOptions } from "../options/link-options.ts";
import { quoteWord, reproduceWords } from "../options/reproduce-words.ts";
import { tarEnd, tarEntry } from "../reports/tar-file.ts";
import { ioError } from "../staging/index.ts";

/** @throws IoError naming the archive, or a file that it is to have */
export function writeReproduce(path: string, options: LinkOptions, argv: readonly string[], version: string): void {
  const folder = basename(path).replace(/\.tar$/, "");
  const inside = (file: string): string => `./${relative("/", resolve(file))}`;
  const sysroot = options.sysroot === "" ? "." : inside(options.sysroot).replace(/\/$/, "");
  const words = reproduceWords(argv, inside, sysroot, basename(options.output));
  const lines = words.map((word) => `${quoteWord(word)}\n`).join("");
  let opened = path;
  try {
    const archive = openSync(path, "w");
    try {
      const add = (name: string, contents: Uint8Array): void => {
        for (const block of tarEntry(`${folder}/${name}`, contents)) writeSync(archive, block);
      };
      add("response.txt", Buffer.from(lines));
      add("version.txt", Buffer.from(`Spore ${version}\n`));
      const files = new Set(listInputPaths(options, new Diagnostics()).map((file) => resolve(file)));
      for (const file of files) {
        opened = file;
        const contents = readFileSync(file);
        opened = path;
        add(relative("/", file), contents);
      }
      writeSync(archive, tarEnd());
    } finally {
      closeSync(archive);
    }
  } catch (error) {
    throw ioError(error as NodeJS.ErrnoException, opened);
  }
}
