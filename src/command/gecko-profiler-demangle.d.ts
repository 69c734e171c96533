/** What wasm-bindgen writes beside the WebAssembly module: the package has types for its entry only. */
declare module "gecko-profiler-demangle/index_bg.js" {
  /** The name in the source, or the argument where there is none. */
  export function demangle_any(name: string): string;
}

/** As much of Node's WebAssembly as is used; its types are in TypeScript's library for browsers. */
declare namespace WebAssembly {
  const Module: new (bytes: Uint8Array) => object;
  const Instance: new (
    module: object,
    imports: Readonly<Record<string, object>>,
  ) => { readonly exports: Readonly<Record<string, () => void>> };
}
