/** THE MAP: a link, pass by pass. Each pass is a function in src/passes, in the file of its name. */
import { type Diagnostics, LinkFailed } from "./diagnostics/diagnostics.ts";
import type { LinkOptions } from "./options/link-options.ts";
import { binaryImage } from "./output/binary-image.ts";
import { OutputFile } from "./output/output-file.ts";
import { aliasVersions, noVersionedNames } from "./passes/alias-versions.ts";
import { checkRequired, entryAddress, linkerObject, symbolAddresses } from "./passes/linker-object.ts";
import { countBytes } from "./passes/count-bytes.ts";
import { nothingSaid } from "./inputs/script-layout.ts";
import { checkCrossReferences } from "./passes/check-cross-references.ts";
import { claimFiles, hasIr } from "./passes/claim-files.ts";
import { choosePlan } from "./passes/choose-plan.ts";
import { findInputs, withScriptOutput } from "./passes/find-inputs.ts";
import { findNeeds } from "./passes/find-needs.ts";
import { fold } from "./passes/fold.ts";
import { FindingReader, HashCollision } from "./passes/findings.ts";
import { Held } from "./passes/held.ts";
import { layout } from "./passes/layout.ts";
import type { LinkHooks } from "./passes/link-hooks.ts";
import { LinkerPlugins } from "./passes/linker-plugins.ts";
import { listMentions, traceSymbols } from "./passes/list-mentions.ts";
import { listPieces } from "./passes/list-pieces.ts";
import { listFolded, listSections, listUnused } from "./passes/list-sections.ts";
import { listSymbols } from "./passes/list-symbols.ts";
import { merge } from "./passes/merge.ts";
import { orderSections } from "./passes/order-sections.ts";
import { pack } from "./passes/pack.ts";
import { placeGenerated, withGenerated } from "./passes/place-generated.ts";
import { resolve } from "./passes/resolve.ts";
import { listFiles, listInputs, scan } from "./passes/scan.ts";
import { searchArchives } from "./passes/search-archives.ts";
import { select } from "./passes/select.ts";
import { spawn } from "./passes/spawn.ts";
import { split } from "./passes/split.ts";
import { synthesise } from "./passes/synthesise.ts";
import { needsMoreCode, tellResolutions } from "./passes/tell-resolutions.ts";
import { explainWhyLinked } from "./passes/why-linked.ts";
import { write } from "./passes/write.ts";
import { formatCrossReference } from "./reports/cross-reference.ts";
import type { ScanReport } from "./reports/scan-report.ts";
import type { Attempt, LinkResult, ReportingHooks } from "./link-result.ts";
import { linkRelocatable } from "./relocatable.ts";
import { LimitExceeded } from "./tables/limit-exceeded.ts";
import { targetOf } from "./targets/index.ts";

export type { LinkResult, ReportingHooks } from "./link-result.ts";

/** Tries of a link before two names with one hash are called an error: a try has a seed of its own. */
const MAX_ATTEMPTS = 4;

/** Links. Throws LinkFailed when something is wrong with the inputs; it is in `diagnostics`. */
export function link(options: LinkOptions, diagnostics: Diagnostics, hooks: LinkHooks = {}): Promise<LinkResult> {
  return linkWith(options, diagnostics, hooks);
}

/** The same for Spore's own programs and tests. */
export async function linkWith(
  options: LinkOptions,
  diagnostics: Diagnostics,
  hooks: ReportingHooks = {},
): Promise<LinkResult> {
  const forgetLater = diagnostics.checkpoint();
  // Started when there is something for them, ended when nobody reads what they have made any more.
  await using plugins =
    options.plugins.length === 0 ? undefined : new LinkerPlugins(options, diagnostics, hooks.onPluginNeeded);
  for (let seed = 0, mayUseIndexes = true; ;) {
    const attempt: Attempt = { seed, mayUseIndexes, usedIndexes: false };
    const held = new Held();
    try {
      const once = options.outputKind === "relocatable" ? linkRelocatable : linkOnce;
      const result = await once(attempt, held, plugins, withGenerated(options, plugins), diagnostics, hooks);
      if (result !== undefined) return result;
      if (attempt.usedIndexes) mayUseIndexes = false; // they say nothing of what intermediate language refers to
      await held.free();
      forgetLater();
    } catch (error) {
      if (error instanceof HashCollision && seed + 1 < MAX_ATTEMPTS) seed++;
      // An index may be older than its archive, and says nothing of what a name resembles: errors are found without.
      else if (error instanceof LinkFailed && attempt.usedIndexes) mayUseIndexes = false;
      else throw asLinkFailure(error, diagnostics);
      await held.free(); // before the next try takes as much
      forgetLater();
    } finally {
      const freed = hooks.leavesToExit === true ? held.leave() : held.free();
      if (hooks.waitsAtExit !== true) await freed;
    }
  }
}

/** A limit of the linker is the user's to know of. */
function asLinkFailure(error: unknown, diagnostics: Diagnostics): unknown {
  if (!(error instanceof LimitExceeded)) return error;
  diagnostics.add("limitExceeded", { what: error.what, limit: error.limit });
  return new LinkFailed(diagnostics);
}

/**
 * One link, in order. What a pass needs is in its arguments, what it found is its result. Undefined when the link is to
 * be tried again: it has found out what plugins make code of, or has let them.
 */
async function linkOnce(
  attempt: Attempt,
  held: Held,
  plugins: LinkerPlugins | undefined,
  asked: LinkOptions,
  diagnostics: Diagnostics,
  hooks: ReportingHooks,
): Promise<LinkResult | undefined> {
  const inputs = held.inputs(placeGenerated(findInputs(asked, diagnostics), plugins)); // -l, archives, scripts; each file staged as it is found
  const options = withScriptOutput(asked, inputs); // OUTPUT and OUTPUT_FORMAT of scripts
  diagnostics.stopIfFailed();
  const target = targetOf(options.emulation);
  const { plan, layout: told } = choosePlan(inputs, options, target, diagnostics); // which sections the output has, in which order, what each is made of
  diagnostics.stopIfFailed();
  const workers = held.workers(await spawn(inputs, options, diagnostics, attempt.seed, hooks)); // arena, then fork: what comes later goes there
  const internal = linkerObject(workers, inputs, options, plan, told); // names that the command line and the linker mention
  const findings = new FindingReader(workers, inputs, options);
  workers.onPassEnded = (pass) => {
    hooks.onTables?.(pass, workers, findings);
    hooks.onPassEnded?.(pass);
  };

  listInputs(workers, inputs, internal);
  attempt.usedIndexes =
    attempt.mayUseIndexes &&
    options.undefinedGlobs.length === 0 &&
    (await searchArchives(workers, inputs, options, hooks)); // which members to scan
  const files = await listFiles(workers); // members of archives among them
  if (plugins !== undefined && hasIr(workers, files)) {
    if (attempt.usedIndexes) return undefined;
    await claimFiles(workers, files, inputs, plugins, findings); // IR is an object with its symbols, or nothing any more
  }
  const scanned = await scan(workers, files, options); // sections and symbols of every file and member
  const versioned = await aliasVersions(workers, scanned, inputs, findings); // f@V1 is f where that is its default version
  findings.check(diagnostics); // else one bad file looks like many undefined symbols
  const resolved = await resolve(workers, scanned, versioned, inputs, options, told, internal, findings); // no symbol is added below this line
  if (plugins?.isInUse === true) {
    findings.check(diagnostics);
    if (plugins.generated === undefined) {
      await plugins.generate(tellResolutions(workers, resolved, inputs, options, plugins)); // what they make is linked in the next try, in place of IR
      return undefined;
    }
    if (await needsMoreCode(workers, resolved, inputs, plugins)) return undefined; // code that was made calls IR
    plugins.repeatMessages();
  }
  traceSymbols(workers, resolved, options, findings, diagnostics); // -y
  explainWhyLinked(workers, resolved, options, findings, diagnostics); // --why
  findings.check(diagnostics);
  const buckets = await split(workers, resolved, plan, findings); // a bucket for every section: what is laid out together
  const selected = await select(workers, buckets, options); // --gc-sections; no section of an input is added below this line
  const pieces = await listPieces(workers, selected); // strings, constants, CIEs get rows
  const folded = await fold(workers, pieces, plan, options, internal, findings); // --icf; no section is left out below this line
  const ordered = await orderSections(workers, folded, plan, inputs, options, findings); // --symbol-ordering-file and its like
  const merged = await merge(workers, ordered); // strings, constants, CIEs: equal ones get one place
  findings.check(diagnostics);
  const needs = await findNeeds(workers, merged); // GOT, PLT, TLS, copy and dynamic relocations; undefined symbols
  findings.check(diagnostics);
  const addressOf = symbolAddresses(workers, internal, needs);
  checkRequired(workers, options, addressOf);
  const synthetic = await synthesise(workers, needs, options, target, findings); // no section is added below this line
  const laidOut = await layout(workers, synthetic, plan, internal, options, target, addressOf, findings); // addresses are final below this line
  await checkCrossReferences(workers, told, laidOut.placed, laidOut.fileBounds); // NOCROSSREFS
  const entry = entryAddress(workers, options, inputs.scriptEntry, addressOf, laidOut.placed);
  findings.check(diagnostics); // nothing has been written yet
  const image = await pack(workers, laidOut, options, target); // --compress-debug-sections; no offset in the file changes below this line

  await using output = OutputFile.create(options.output, image.size); // a temporary; removed unless committed
  await write(workers, { ...image, entry }, output, options, target); // no kernel runs below this line: workers end
  findings.check(diagnostics); // a relocation out of range keeps the old output
  for (const set of inputs.staged) set.check(); // so does an input that has changed meanwhile
  using binary = options.isBinaryOutput ? binaryImage(output, laidOut.placed.sections) : undefined; // --oformat=binary
  const { size } = binary ?? output;
  const result: LinkResult = {
    path: options.output,
    size,
    get openedPaths() {
      return inputs.openedPaths;
    },
    map: options.mapFile !== undefined ? listSections(workers, laidOut, findings) : undefined,
    crossReference: options.isCref ? formatCrossReference(listMentions(workers, resolved, findings)) : "",
    unusedSections: options.isPrintGcSections ? listUnused(workers, selected, findings) : [],
    foldedSections: options.isPrintIcfSections ? listFolded(folded, findings) : [],
    memoryUsage: laidOut.memoryUsage,
    timings: workers.timings,
    wallMs: workers.elapsedMs(),
    bytes: countBytes(workers, inputs, size),
  };
  hooks.beforeCommit?.(result); // a report that cannot be written keeps the old output, too
  (binary ?? output).commit(); // renamed into place
  return result;
}

/** Every file that a link would read: for --reproduce. What is missing is said by the link itself. */
export function listInputPaths(options: LinkOptions, diagnostics: Diagnostics): readonly string[] {
  using inputs = findInputs(options, diagnostics);
  return inputs.openedPaths;
}

/** The link's first passes by themselves: what `spore scan` prints. */
export async function scanFiles(options: LinkOptions, diagnostics: Diagnostics): Promise<ScanReport> {
  using inputs = findInputs(options, diagnostics);
  diagnostics.stopIfFailed();
  await using workers = await spawn(inputs, options, diagnostics, 0, {});
  const findings = new FindingReader(workers, inputs, options);
  listInputs(workers, inputs, undefined);
  const scanned = await scan(workers, await listFiles(workers), options);
  findings.take("memberNotObject"); // nothing is linked: what else an archive has is not listed
  findings.check(diagnostics);
  const resolved = await resolve(workers, scanned, noVersionedNames, inputs, options, nothingSaid, undefined, findings);
  return listSymbols(workers, resolved, findings);
}
