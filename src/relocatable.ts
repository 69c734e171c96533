/**
 * The pass list of -r, which makes an object of objects, as link.ts is for programs. Names are resolved and COMDAT groups
 * elected; what is left to the link that makes a program is not done: sections are not merged, nothing gets a GOT or an
 * address, relocations are written as those of the output.
 */
import type { Diagnostics } from "./diagnostics/diagnostics.ts";
import type { Attempt, LinkResult, ReportingHooks } from "./link-result.ts";
import type { LinkOptions } from "./options/link-options.ts";
import { OutputFile } from "./output/output-file.ts";
import { aliasVersions } from "./passes/alias-versions.ts";
import { arrangeRelocatable } from "./passes/arrange-relocatable.ts";
import { claimFiles, hasIr } from "./passes/claim-files.ts";
import { classify } from "./passes/classify.ts";
import { countBytes } from "./passes/count-bytes.ts";
import { findInputs, withScriptOutput } from "./passes/find-inputs.ts";
import { FindingReader } from "./passes/findings.ts";
import type { Held } from "./passes/held.ts";
import { listMentions, traceSymbols } from "./passes/list-mentions.ts";
import { listUnused } from "./passes/list-sections.ts";
import { listMembers } from "./passes/list-members.ts";
import type { LinkerPlugins } from "./passes/linker-plugins.ts";
import { numberSymbols } from "./passes/number-symbols.ts";
import { defineRelocatable, relocatableObject } from "./passes/relocatable-object.ts";
import { placeGenerated } from "./passes/place-generated.ts";
import { relocatableRules } from "./passes/relocatable-rules.ts";
import { resolve } from "./passes/resolve.ts";
import { listFiles, listInputs, scan } from "./passes/scan.ts";
import { searchArchives } from "./passes/search-archives.ts";
import { selectGroups } from "./passes/select-groups.ts";
import { spawn } from "./passes/spawn.ts";
import { needsMoreCode, tellResolutions } from "./passes/tell-resolutions.ts";
import { explainWhyLinked } from "./passes/why-linked.ts";
import { writeRelocatable } from "./passes/write-relocatable.ts";
import { formatCrossReference } from "./reports/cross-reference.ts";
import { nothingSaid } from "./inputs/script-layout.ts";
import { targetOf } from "./targets/index.ts";

export async function linkRelocatable(
  attempt: Attempt,
  held: Held,
  plugins: LinkerPlugins | undefined,
  asked: LinkOptions,
  diagnostics: Diagnostics,
  hooks: ReportingHooks,
): Promise<LinkResult | undefined> {
  const inputs = held.inputs(placeGenerated(findInputs(asked, diagnostics), plugins)); // as for a program, but that libraries are archives
  const options = withScriptOutput(asked, inputs);
  if (options.isBinaryOutput) diagnostics.add("conflictingOptions", { first: "-r", second: "--oformat=binary" });
  diagnostics.stopIfFailed();
  const rules = relocatableRules(inputs, options, diagnostics); // which sections of the output a script names
  diagnostics.stopIfFailed();
  const workers = held.workers(await spawn(inputs, options, diagnostics, attempt.seed, hooks));
  const internal = relocatableObject(workers, inputs, options, diagnostics); // what -u asks for and --defsym defines
  const findings = new FindingReader(workers, inputs, options);
  workers.onPassEnded = (pass) => {
    hooks.onTables?.(pass, workers, findings);
    hooks.onPassEnded?.(pass);
  };

  listInputs(workers, inputs, internal);
  attempt.usedIndexes = attempt.mayUseIndexes && (await searchArchives(workers, inputs, options, hooks));
  const files = await listFiles(workers);
  if (plugins !== undefined && hasIr(workers, files)) {
    if (attempt.usedIndexes) return undefined;
    await claimFiles(workers, files, inputs, plugins, findings);
  }
  const scanned = await scan(workers, files, options);
  const versioned = await aliasVersions(workers, scanned, inputs, findings);
  findings.check(diagnostics);
  const resolved = await resolve(workers, scanned, versioned, inputs, options, nothingSaid, undefined, findings);
  if (plugins?.isInUse === true) {
    findings.check(diagnostics);
    if (plugins.generated === undefined) {
      await plugins.generate(tellResolutions(workers, resolved, inputs, options, plugins)); // as for a program
      return undefined;
    }
    if (await needsMoreCode(workers, resolved, inputs, plugins)) return undefined;
    plugins.repeatMessages();
  }
  traceSymbols(workers, resolved, options, findings, diagnostics); // -y
  explainWhyLinked(workers, resolved, options, findings, diagnostics); // --why
  findings.check(diagnostics);
  await classify(workers, resolved, rules, options, findings); // which sections are one in the output
  await selectGroups(workers, resolved, options, diagnostics); // --gc-sections; COMDAT groups stay whole
  findings.check(diagnostics);
  const arranged = await arrangeRelocatable(workers, resolved, options, rules); // offsets in sections are final below this line
  defineRelocatable(workers, resolved, internal, inputs, findings);
  const numbered = await numberSymbols(workers, arranged, options, findings); // .symtab is final below this line
  findings.check(diagnostics); // nothing has been written yet

  await using output = OutputFile.create(options.output, numbered.size, { isExecutable: false });
  await writeRelocatable(workers, numbered, output, options, targetOf(options.emulation));
  findings.check(diagnostics); // a relocation to what is gone keeps the old output
  for (const set of inputs.staged) set.check();
  const { size } = output;
  const result: LinkResult = {
    path: options.output,
    size,
    get openedPaths() {
      return inputs.openedPaths;
    },
    map: options.mapFile !== undefined ? listMembers(workers, findings) : undefined,
    crossReference: options.isCref ? formatCrossReference(listMentions(workers, resolved, findings)) : "",
    unusedSections: options.isPrintGcSections ? listUnused(workers, resolved, findings) : [],
    foldedSections: [],
    memoryUsage: [],
    timings: workers.timings,
    wallMs: workers.elapsedMs(),
    bytes: countBytes(workers, inputs, size),
  };
  hooks.beforeCommit?.(result);
  output.commit();
  return result;
}
