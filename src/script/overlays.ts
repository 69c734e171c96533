/** OVERLAY as the sections and assignments that it stands for (ld manual, "Overlay Description"). */
import type { OutputSectionDescription, OverlayDescription, SectionsStatement } from "./commands.ts";
import type { Expression } from "./expressions.ts";
import { ScriptError } from "./script-lexer.ts";

/**
 * An overlay is sections at one address that are loaded one behind the other, and `.` behind the longest.
 * @throws ScriptError for NOCROSSREFS, which is not supported
 */
export function withoutOverlay(overlay: OverlayDescription): SectionsStatement[] {
  const { place } = overlay;
  if (overlay.hasNoCrossReferences)
    throw new ScriptError(place.path, place.line, "'NOCROSSREFS' is not supported", "NOCROSSREFS");
  const [first] = overlay.sections;
  if (first === undefined) return [];
  const of = (asked: "ADDR" | "SIZEOF" | "LOADADDR", name: string): Expression => ({
    kind: "section",
    function: asked,
    name,
  });
  const sum = (left: Expression, right: Expression): Expression => ({ kind: "binary", operator: "+", left, right });
  const sections = overlay.sections.map((section, i): OutputSectionDescription => {
    if (i === 0) return { ...section, address: overlay.address, loadAddress: overlay.loadAddress };
    const before = overlay.sections[i - 1]!.name;
    return {
      ...section,
      address: of("ADDR", first.name),
      loadAddress: sum(of("LOADADDR", before), of("SIZEOF", before)),
    };
  });
  const longest = overlay.sections
    .map(({ name }) => of("SIZEOF", name))
    .reduce((left, right) => ({ kind: "call", function: "MAX", operands: [left, right] }));
  const assign = (name: string, value: Expression, isProvided: boolean) =>
    ({ kind: "assignment", name, value, isProvided, isHidden: false, place }) as const;
  const bounds = overlay.sections.flatMap(({ name }) => {
    const symbol = name.replaceAll(/[^A-Za-z0-9_]/g, "");
    return [
      assign(`__load_start_${symbol}`, of("LOADADDR", name), true),
      assign(`__load_stop_${symbol}`, sum(of("LOADADDR", name), of("SIZEOF", name)), true),
    ];
  });
  const end = { ...assign(".", sum(of("ADDR", first.name), longest), false), endsOverlay: true };
  return [...sections, end, ...bounds];
}
