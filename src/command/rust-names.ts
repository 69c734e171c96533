/**
 * Rust's names (`_R…`, RFC 2603) as they are in the source: Mozilla's demangler, in WebAssembly. Compiled when the
 * first such name is to be printed; a link that has nothing to say does not load it.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";

import * as glue from "gecko-profiler-demangle/index_bg.js";

let isReady = false;

/** Undefined for what is no Rust name. */
export function demangleRust(name: string): string | undefined {
  if (!isReady) {
    const module = new WebAssembly.Module(readFileSync(join(import.meta.dirname, "rust-names.wasm")));
    const instance = new WebAssembly.Instance(module, { "./index_bg.js": { ...glue } });
    // As the package's entry does for bundlers that can import WebAssembly.
    (glue as unknown as Record<string, (exports: object) => void>)["__wbg_set_wasm"]?.(instance.exports);
    instance.exports["__wbindgen_start"]?.();
    isReady = true;
  }
  const text = glue.demangle_any(name);
  return text === name || text === "" ? undefined : text;
}
