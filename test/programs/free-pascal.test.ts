/** Free Pascal: its compiler writes a linker script for each program, and calls the linker itself. */
import { expect, test } from "vitest";

import { complaints } from "../harness/large-outputs.ts";
import { spore } from "../harness/oracles.ts";
import { lacks } from "../harness/requirements.ts";
import { scratch } from "../harness/scratch.ts";

const requirements = [{ needs: "fpc", from: "fp-compiler" }];

const source = `
program witness;
uses sysutils;
resourcestring greeting = 'from a resource';
var i: integer; total: int64 = 0;
begin
  for i := 1 to 1000 do total := total + i;
  writeln(total, ' ', greeting, ' ', FormatDateTime('yyyy', EncodeDate(2020, 1, 2)));
  try raise Exception.Create('thrown'); except on e: Exception do writeln(e.Message); end;
end.`;

for (const flags of [[], ["-XX", "-CX"], ["-gl"], ["-Cg"], ["-O3", "-Xs"]])
  test.skipIf(lacks(requirements))(`a program of Free Pascal runs (${flags.join(" ")})`, async () => {
    await using dir = await scratch({ "witness.pas": source });
    await dir.mustRun("fpc", ["-Mobjfpc", ...flags, "-otheirs", "witness.pas"]);
    // -s: the compiler leaves a script that calls the linker.
    await dir.mustRun("fpc", ["-Mobjfpc", "-B", "-s", ...flags, "-oours", "witness.pas"]);
    const script = (await dir.read("ppas.sh")).toString();
    expect(script).toContain(" -T ");
    const withOurs = script.replaceAll(/^\S*\bld(\.bfd)? /gm, `${spore.path} `);
    expect(withOurs).toContain(spore.path);
    await dir.write("link.sh", withOurs);
    await dir.mustRun("sh", ["link.sh"]);
    const expected = await dir.run("./theirs");
    expect(await dir.run("./ours")).toEqual(expected);
    expect(expected.stdout).toBe("500500 from a resource 2020\nthrown\n");
    expect(await complaints(dir.file("ours"))).toEqual([]);
  });
