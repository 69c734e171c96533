/**
 * Find inputs, once plugins have made code: what they have made takes its place among the inputs. As in GNU ld, that is
 * where the first object is that was claimed, or the archive that it is a member of: crtend.o stays behind it.
 */
import { fileRequest } from "../inputs/input-slot.ts";
import type { LinkOptions } from "../options/link-options.ts";
import type { Inputs } from "./find-inputs.ts";
import type { LinkerPlugins } from "./linker-plugins.ts";

/** The options of a link with what plugins have made among the inputs, for now behind all others. */
export function withGenerated(options: LinkOptions, plugins: LinkerPlugins | undefined): LinkOptions {
  const generated = plugins?.generated;
  if (generated === undefined) return options;
  // For -r compilers have the same added, though what is undefined may stay so: GNU ld takes none of them either.
  const added = options.outputKind === "relocatable" ? [] : generated.libraries;
  const libraries = added.map((name) => ({
    ...fileRequest(name),
    kind: "library" as const,
    // Those that compilers add are there already, or are for what code generation asks for.
    isAsNeeded: true,
  }));
  return {
    ...options,
    inputs: [...options.inputs, ...generated.objects.map(fileRequest), ...libraries],
    libraryPaths: [...options.libraryPaths, ...generated.libraryPaths],
  };
}

/** Puts generated objects in their place. */
export function placeGenerated(inputs: Inputs, plugins: LinkerPlugins | undefined): Inputs {
  const generated = new Set(plugins?.generated?.objects);
  if (plugins === undefined || generated.size === 0) return inputs;
  const own = inputs.files.filter(({ path }) => !generated.has(path));
  const made = inputs.files.filter(({ path }) => generated.has(path));
  const first = own.findIndex(({ path }) => plugins.hasIncluded(path));
  const at = first === -1 ? own.length : first;
  const { openedPaths } = inputs;
  return {
    ...inputs,
    files: [...own.slice(0, at), ...made, ...own.slice(at)],
    // They are gone when anybody reads of them.
    openedPaths: openedPaths.filter((path) => !generated.has(path)),
  };
}
