/**
 * `spore-ld`: the linker as a library. `link()` takes options as `parseOptions()` makes them from ld's command
 * line, and reports what is wrong in `diagnostics`; `scanFiles()` lists symbols. The staging library is `spore-ld/staging`.
 */
export { AddonError } from "./addon/load.ts";
export type { Code, Severity } from "./diagnostics/codes.ts";
export { makeDemangler } from "./diagnostics/demangle.ts";
export type { ItaniumDemangler } from "./diagnostics/demangle.ts";
export { describePlace, Diagnostics, formatDiagnostic, LinkFailed } from "./diagnostics/diagnostics.ts";
export type { Diagnostic, DiagnosticsSettings, Place, PlaceSearch } from "./diagnostics/diagnostics.ts";
export { link, scanFiles } from "./link.ts";
export type { LinkResult } from "./link.ts";
export type {
  BuildId,
  Defsym,
  HashStyle,
  InputRequest,
  LinkOptions,
  OutputKind,
  PluginRequest,
  Queries,
  RelocatableOptions,
  Remapping,
  UnresolvedSymbols,
  ZOptions,
} from "./options/link-options.ts";
export type { MemoryUsage } from "./output/script/memory-regions.ts";
export type { LinkHooks } from "./passes/link-hooks.ts";
export { parseOptions } from "./options/parse.ts";
export type { Pass } from "./tables/kernels.ts";
export type { KernelTiming } from "./passes/workers.ts";
export type { MapInput, MapSection } from "./reports/map-file.ts";
export type { ScannedFile, ScanReport, SymbolPlaces } from "./reports/scan-report.ts";
export type { LinkBytes } from "./reports/stats.ts";
export { IoError } from "./staging/index.ts";
