/** Links by a resident linker are as links without one, and whatever happens to it is no link's trouble. */
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { chmod, chown, cp, mkdir, readdir, readFile, rename, symlink, writeFile } from "node:fs/promises";
import { createServer, type Socket } from "node:net";
import { dirname } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";

import { type Ended, root, run } from "../harness/oracles.ts";
import { processesWith, stoppedBelow } from "../harness/processes.ts";
import { lacks, lacksRoot } from "../harness/requirements.ts";
import { residentLinker, type ResidentLinker, rowOf, runtimeFolder, tool, until } from "../harness/resident-linker.ts";
import { type Scratch, scratch } from "../harness/scratch.ts";

const linker = `${root}/bin/ld`;
const cold = { SPORE_RESIDENT: "0" };
/** A link that stops when it has begun to write, for as long as its worker is not killed. */
const stuck = { SPORE_TEST_FAULT: "writeChunks:claim::SIGSTOP" };

let dir: Scratch;
let resident: ResidentLinker;

beforeAll(async () => {
  dir = await scratch({
    "main.c": '#include <stdio.h>\nint main(void) { puts("hello"); return 0; }',
    "bad.c": "void missing(void); int main(void) { missing(); return 0; }",
    "start.s": ".globl _start\n_start: mov $60, %eax\nxor %edi, %edi\nsyscall\n",
    script: "/* nothing */\n",
  });
  for (const source of ["main.c", "bad.c", "start.s"]) await dir.compile(source);
  resident = await residentLinker();
});

afterAll(async () => {
  await resident[Symbol.asyncDispose]();
  await dir[Symbol.asyncDispose]();
});

/** What --stats says of the resident linker. */
const residenceOf = ({ stderr }: { readonly stderr: string }): string => rowOf(stderr, "resident linker");

/** Links a small program with --stats. */
function link(env: Readonly<Record<string, string>>, ...words: string[]): Promise<Ended> {
  return dir.run(linker, ["start.o", "-o", "out", "--stats", ...words], { env });
}

/** A link that is stuck below the process `of`, or the client itself, and how it ends. */
async function stuckLink(env: Readonly<Record<string, string>>, output: string, of?: number) {
  const words = ["start.o", "-o", output, "--stats"];
  const client = spawn(linker, words, { cwd: dir.path, env: { ...process.env, ...env, ...stuck } });
  let stderr = "";
  client.stderr.on("data", (text) => (stderr += String(text)));
  const ended = new Promise<{ status: number | null; signal: NodeJS.Signals | null; stderr: string }>((resolve) =>
    client.on("close", (status, signal) => resolve({ status, signal, stderr })),
  );
  await until(async () => (await stoppedBelow(of ?? client.pid!)).length > 0);
  return { client, ended };
}

/** Lets go on what is stuck below a process: another worker does what the one that is stuck was about to do. */
async function letGoOn(pid: number): Promise<void> {
  for (const worker of await stoppedBelow(pid)) process.kill(worker, "SIGKILL");
}

/** Runs a script of bash without a resident linker, and with one; `ld` and `out` are variables in it. */
async function both(script: string): Promise<void> {
  const requests = await resident.requests();
  const [alone, served] = await Promise.all(
    [cold, resident.env].map(async (how, at) => {
      const folder = dir.file(`both-${createHash("md5").update(script).digest("hex")}-${at}/work`);
      await mkdir(folder, { recursive: true });
      for (const name of ["main.o", "bad.o", "start.o", "script"]) await cp(dir.file(name), `${folder}/${name}`);
      const ended = await run("bash", ["-c", script], { cwd: folder, env: { ld: linker, BASH_ENV: "", ...how } });
      const files = existsSync(folder) ? await readdir(folder) : [];
      const contents = files.map(async (name) => (await readFile(`${folder}/${name}`)).toString("latin1"));
      return { ...ended, files, contents: await Promise.all(contents) };
    }),
  );
  expect(served).toEqual(alone);
  expect(await resident.requests()).toBeGreaterThan(requests + 1); // the question is one, too
}

test("--stats says who has linked, and why nobody else has", async () => {
  expect(residenceOf(await link(resident.env))).toBe(`used, process ${resident.pidOfServer}`);
  expect(residenceOf(await link(cold))).toBe("not used, SPORE_RESIDENT=0");
  await using folder = await runtimeFolder();
  expect(residenceOf(await link(folder.env))).toBe("not used, none runs");
  expect(residenceOf(await link({ ...resident.env, LD_PRELOAD: "libc.so.6" }))).toBe("not used, LD_PRELOAD is set");
});

test.each([
  ["a program through the driver", `gcc -B${root}/bin main.o -o out && ./out`],
  ["a shared object", '"$ld" -shared main.o --unresolved-symbols=ignore-all --build-id -o out'],
  ["messages and the exit status of a failed link", '"$ld" bad.o -o out; echo $?'],
  ["an option that is not known", '"$ld" --no-such-option; echo $?'],
  ["no option at all", '"$ld"; echo $?'],
  ["the help", '"$ld" --help'],
  ["standard output and standard error in one pipe, in order", '"$ld" -t -e nowhere start.o -o out 2>&1 | cat'],
  ["a reader that has gone", '("$ld" --help; echo $? >status) | true'],
  ["standard output that is full", '"$ld" --help >/dev/full; echo $?'],
  ["an output that cannot be written for lack of space", '"$ld" start.o -o /dev/full; echo $?'],
  ["file mode masks", 'umask 027; "$ld" start.o -o out; umask 077; "$ld" start.o -o two; stat -c %a out two'],
  ["relative paths", 'mkdir ../sub; cd ../sub; "$ld" ../work/start.o -o ../work/out'],
  ["a script from standard input", '"$ld" start.o /dev/stdin -o out <script'],
  ["a response file from a pipe", 'echo start.o | "$ld" @/dev/stdin -o out'],
  ["descriptors of its own in a response file", 'echo /dev/fd/9 >words; "$ld" start.o @words -o out 9<script'],
  ["closed descriptors", '"$ld" start.o -o out <&- >&- 2>&-; echo $?; "$ld" bad.o -o two 2>&-; echo $?'],
  ["a deleted working folder", 'd=$PWD; cp start.o ../s.o; rm -r "$d"; "$ld" ../s.o -o x; "$ld" s.o; echo $?'],
  ["a limit of file sizes", 'ulimit -f 1; "$ld" start.o main.o --unresolved-symbols=ignore-all -o out; echo $?'],
  ["a limit of open files", 'ulimit -n 30; "$ld" start.o -o out; echo $?'],
  ["LD_RUN_PATH", 'LD_RUN_PATH=/a:/b "$ld" -shared start.o -o out'],
  ["the folder for temporary files", 'TMPDIR=/no/where "$ld" start.o -o /dev/null; echo $?'],
  ["a terminal", `script -qec '"$ld" bad.o -o out' /dev/null | cat -v`],
  ["a terminal without colours", `NO_COLOR=1 script -qec '"$ld" bad.o -o out' /dev/null | cat -v`],
  ["words that are not UTF-8", `"$ld" $'\\xff\\xfe.o' -o out; echo $?`],
  ["a word that is empty", `"$ld" '' -o out; echo $?`],
  ["100,000 words", 'seq -f -u=f%g 1 100000 | xargs -n 100000 "$ld" start.o -o out; echo $?'],
])("the same as without it: %s", async (_, script) => both(script));

test("descriptors of its own, which are others in another process", async () => {
  const script = `echo '/* nothing */' > script; ${linker} start.o <(cat script) -o out --stats`;
  const ended = await dir.run("bash", ["-c", script], { env: resident.env });
  expect({ status: ended.status, residence: residenceOf(ended) }).toEqual({
    status: 0,
    residence: "not used, it names a file that is its own",
  });
});

test("the processors that a link may use are its own", async () => {
  const { stdout } = await run("taskset", ["-c", "0", linker, "--version"], { env: resident.env });
  expect(stdout).toContain("Spore");
  // A second one would make a column of two workers.
  const words = ["start.o", "-o", "out", "--stats"];
  const { stderr } = await dir.run("taskset", ["-c", "0", linker, ...words], { env: resident.env });
  expect(rowOf(stderr, "resident linker")).toMatch(/^used/);
});

test("twenty clients at once start one linker, and each has its output", async () => {
  await using folder = await runtimeFolder();
  const env = { ...folder.env, SPORE_RESIDENT: "1" };
  const links = Array.from({ length: 20 }, (_, i) =>
    dir.run(linker, ["start.o", "-o", `many${i}`, "--stats"], { env }),
  );
  const ended = await Promise.all(links);
  expect(ended.map(({ status }) => status)).toEqual(ended.map(() => 0));
  const started = ended.filter((one) => residenceOf(one) === "not used, none ran; one has been started");
  expect(started).toHaveLength(1);
  await until(async () => (await folder.status()) !== undefined);
  // It, and the child that waits for a client.
  await until(async () => (await processesWith(folder.path)).length === 2);
  const pid = await folder.pid();
  expect(residenceOf(await dir.run(linker, ["start.o", "-o", "out", "--stats"], { env }))).toBe(`used, process ${pid}`);
  expect(await folder.pid()).toBe(pid);
});

test("what is started for a link holds none of the link's descriptors", async () => {
  await using folder = await runtimeFolder();
  // `cat` ends when nobody has its pipe any more.
  const script = `"${linker}" start.o -o out 7>&1 | cat; echo over`;
  const { stdout } = await dir.run("bash", ["-c", script], { env: { ...folder.env, SPORE_RESIDENT: "1" } });
  expect(stdout).toBe("over\n");
  await until(async () => (await folder.status()) !== undefined);
});

test("a linker that was killed leaves a socket, which stops no link, and is replaced", async () => {
  await using killed = await residentLinker();
  killed.kill("SIGKILL");
  await killed.ended;
  await until(async () => (await processesWith(killed.path)).length === 0); // nor the child that has waited
  expect(existsSync(killed.socket)).toBe(true);
  expect(residenceOf(await link(killed.env))).toBe("not used, none runs");
  const again = { ...killed.env, SPORE_RESIDENT: "1" };
  expect(residenceOf(await link(again))).toBe("not used, none ran; one has been started");
  await until(async () => (await killed.status()) !== undefined);
  expect(residenceOf(await link(again))).toMatch(/^used, process \d+$/);
});

test("a link whose linker is killed in its middle is done all the same, and leaves nothing", async () => {
  await using killed = await residentLinker();
  const folder = dir.file("killed");
  await mkdir(folder);
  const { client, ended } = await stuckLink(killed.env, "killed/out", killed.pidOfServer);
  expect(await readdir(folder)).toHaveLength(1); // the temporary
  killed.kill("SIGKILL");
  // The client links by itself, and is stuck in turn.
  await until(async () => (await stoppedBelow(client.pid!)).length > 0);
  await letGoOn(client.pid!);
  const { status, stderr } = await ended;
  expect({ status, residence: residenceOf({ stderr }) }).toEqual({ status: 0, residence: "not used, it went away" });
  expect(await dir.run("./killed/out")).toMatchObject({ status: 0 });
  expect(await readdir(folder)).toEqual(["out"]);
});

test.each(["SIGINT", "SIGTERM", "SIGHUP", "SIGKILL"] as const)(
  "a client that %s ends cancels its link: no output, no temporary, no process",
  async (signal) => {
    const folder = dir.file(`cancelled-${signal}`);
    await mkdir(folder);
    await writeFile(`${folder}/out`, "old");
    const { client, ended } = await stuckLink(resident.env, `${folder}/out`, resident.pidOfServer);
    expect(await readdir(folder)).toHaveLength(2);
    client.kill(signal);
    expect(await ended).toMatchObject({ signal });
    const isOver = async (): Promise<boolean> =>
      rowOf((await resident.status()) ?? "", "requests").endsWith("of which 0 now");
    // After the other signals the link has ended before the client has.
    if (signal === "SIGKILL") await until(isOver);
    expect(await readdir(folder)).toEqual(["out"]);
    expect(await readFile(`${folder}/out`, "utf8")).toBe("old");
    await until(isOver);
    expect(await stoppedBelow(resident.pidOfServer)).toEqual([]);
  },
);

test("a signal that a client ignores does not end its link", async () => {
  const script = `trap '' HUP; exec ${linker} start.o -o ignored`;
  const client = spawn("bash", ["-c", script], { cwd: dir.path, env: { ...process.env, ...resident.env, ...stuck } });
  const ended = new Promise((resolve) => client.on("exit", (status) => resolve(status)));
  await until(async () => (await stoppedBelow(resident.pidOfServer)).length > 0);
  client.kill("SIGHUP");
  await letGoOn(resident.pidOfServer);
  expect(await ended).toBe(0);
  expect(await dir.run("./ignored")).toMatchObject({ status: 0 });
});

test("a linker that hangs is not waited for", async () => {
  await using hanging = await residentLinker();
  hanging.kill("SIGSTOP");
  // One child may wait already, and is as good as ever. Who reads what a link says does not wait for the linker.
  const links = [await link(hanging.env), await link(hanging.env)];
  hanging.kill("SIGCONT");
  expect(links.map(({ status }) => status)).toEqual([0, 0]);
  expect(residenceOf(links[1]!)).toBe("not used, it does not answer");
  await until(async () => (await hanging.status()) !== undefined);
  expect(residenceOf(await link(hanging.env))).toMatch(/^used/);
});

test.each<[string, (client: Socket) => void, string]>([
  ["goes at once", (client) => client.destroy(), "it does not answer"],
  ["says what is not understood", (client) => client.end("?"), "it is of another build"],
  ["goes when a link begins", (client) => client.on("data", () => client.end()).write("R"), "it went away"],
  ["refuses", (client) => client.end("Cno time"), "no time"],
  ["refuses in the middle", (client) => client.once("data", () => client.end("Cno more")).write("R"), "no more"],
  ["has half an answer", (client) => client.once("data", () => client.end("D")).write("R"), "it went away"],
])("what listens and is no linker stops no link: it %s", async (_, answer, reason) => {
  await using gone = await residentLinker();
  await gone.stop();
  await gone.ended;
  const clients = new Set<Socket>();
  const server = createServer((client) => {
    clients.add(client.on("error", () => undefined));
    answer(client);
  });
  await new Promise<void>((resolve) => server.listen(gone.socket, resolve));
  try {
    const ended = await link(gone.env);
    expect({ status: ended.status, residence: residenceOf(ended) }).toEqual({
      status: 0,
      residence: `not used, ${reason}`,
    });
  } finally {
    for (const client of clients) client.destroy();
    await new Promise((resolve) => server.close(resolve));
  }
});

test("who says nothing, or not what is understood, harms nobody", async () => {
  const script = `import socket, time
s = [socket.socket(socket.AF_UNIX) for _ in range(3)]
for one in s: one.connect("${resident.socket}")
s[0].send(b"x" * 24)
s[1].close()
print(s[0].recv(100))`;
  const { stdout } = await run("python3", ["-c", script]);
  expect(stdout).toContain("it is of another build");
  expect(residenceOf(await link(resident.env))).toMatch(/^used/);
});

test("another build of Spore has another linker", async () => {
  await using other = await scratch();
  for (const part of ["bin", "dist", "native/build/Release/spore.node", "package.json"])
    await cp(`${root}/${part}`, other.file(part), { recursive: true });
  const { stderr } = await dir.run(other.file("bin/ld"), ["start.o", "-o", "out", "--stats"], { env: resident.env });
  expect(rowOf(stderr, "resident linker")).toBe("not used, none runs");
  // The same place with a part that has changed.
  await rename(other.file("dist/ld-code.cjs"), other.file("dist/old"));
  await cp(other.file("dist/old"), other.file("dist/ld-code.cjs"));
  const env = { ...resident.env, SPORE_RESIDENT: "1" };
  const started = await dir.run(other.file("bin/ld"), ["start.o", "-o", "out", "--stats"], { env });
  expect(residenceOf(started)).toBe("not used, none ran; one has been started");
  const serve = (...words: string[]): Promise<Ended> => run(other.file("bin/spore"), ["serve", ...words], { env });
  await until(async () => (await serve("--status")).status === 0);
  await serve("--stop");
});

test("a folder that others may enter, or that a link leads to, is not used", async () => {
  const reason = "not used, its folder is not the user's own, or others may enter it";
  for (const spoil of [
    async (path: string) => chmod(path, 0o755),
    async (path: string) => {
      await rename(path, `${path}-moved`);
      await symlink(`${path}-moved`, path);
    },
  ]) {
    await using folder = await runtimeFolder();
    await mkdir(`${folder.path}/spore`, { mode: 0o700 });
    await spoil(`${folder.path}/spore`);
    expect(residenceOf(await link({ ...folder.env, SPORE_RESIDENT: "1" }))).toBe(reason);
    const served = await run(tool, ["serve"], { env: folder.env });
    expect(served).toMatchObject({ status: 1, stderr: expect.stringContaining("others may enter it") });
  }
});

test.skipIf(lacksRoot("to own files as somebody else"))(
  "a folder, or a socket, of somebody else's is not used",
  async () => {
    await using folder = await runtimeFolder();
    await mkdir(`${folder.path}/spore`, { mode: 0o700 });
    await chown(`${folder.path}/spore`, 65534, 65534);
    const ended = await link({ ...folder.env, SPORE_RESIDENT: "1" });
    expect(residenceOf(ended)).toBe("not used, its folder is not the user's own, or others may enter it");

    await using open = await residentLinker();
    for (const path of [open.path, dirname(open.socket)]) await chmod(path, 0o755);
    await chmod(open.socket, 0o777);
    const script = `require("net").connect("${open.socket}").on("data", (text) => console.log(String(text)))`;
    const words = ["--reuid=65534", "--regid=65534", "--clear-groups", process.execPath, "-e", script];
    const { stdout } = await run("setpriv", words);
    for (const path of [open.path, dirname(open.socket)]) await chmod(path, 0o700);
    expect(stdout).toContain("it is another user's");
  },
);

test.skipIf(lacksRoot("namespaces") || lacks([{ needs: "unshare", from: "util-linux" }]))(
  "who sees other files, or has other rights, links by himself",
  async () => {
    const words = ["start.o", "-o", "out", "--stats"];
    for (const [program, flags, reason] of [
      ["unshare", ["--mount"], "it runs in another mnt namespace"],
      ["setpriv", ["--no-new-privs"], "it has other rights (NoNewPrivs)"],
      ["setpriv", ["--regid=65534", "--keep-groups"], "it has other rights (Gid)"],
      ["setpriv", ["--bounding-set=-all", "--inh-caps=-all"], "it has other rights (CapEff)"],
    ] as const) {
      const ended = await dir.run(program, [...flags, linker, ...words], { env: resident.env });
      expect({ status: ended.status, residence: residenceOf(ended) }).toEqual({
        status: 0,
        residence: `not used, ${reason}`,
      });
    }
  },
);

test("a limit of memory is the link's own", async () => {
  const script = 'ulimit -v 8000000; "$ld" start.o -o out --stats';
  const ended = await dir.run("bash", ["-c", script], { env: { ld: linker, ...resident.env } });
  expect(residenceOf(ended)).toBe("not used, its memory is limited");
});

test("a kernel that crashes is a matter for a link of its own", async () => {
  const env = { ...resident.env, SPORE_TEST_FAULT: "scanHeaders:first:::again" };
  const alone = await link({ ...env, ...cold });
  const served = await link(env);
  expect(served).toEqual(alone);
  expect(served).toMatchObject({ status: 1, stderr: expect.stringContaining("scanHeaders") });
  expect(residenceOf(await link(resident.env))).toMatch(/^used/);
});

test("--status and --stop start nothing, and say so when there is nothing", async () => {
  await using folder = await runtimeFolder();
  const text = "no resident linker of this build of Spore runs\n";
  expect(await run(tool, ["serve", "--status"], { env: folder.env })).toMatchObject({ status: 1, stdout: text });
  expect(await run(tool, ["serve", "--stop"], { env: folder.env })).toMatchObject({ status: 0, stdout: text });
  expect(await readdir(folder.path)).toEqual([]);
});

test("a second one is refused", async () => {
  expect(await run(tool, ["serve"], { env: resident.env })).toMatchObject({
    status: 1,
    stderr: "spore: error: a resident linker of this build of Spore runs already\n",
  });
});

test("an idle one takes at most 80 MiB, and --status says how much", async () => {
  const memory = rowOf((await resident.status()) ?? "", "memory");
  expect(memory).toMatch(/^\d+\.\d MiB$/);
  expect(Number.parseFloat(memory)).toBeLessThan(80);
});

test("one that nobody needs ends, and leaves nothing", async () => {
  await using idle = await residentLinker(["--idle=1"]);
  expect(residenceOf(await link(idle.env))).toMatch(/^used/);
  await idle.ended;
  expect(await readdir(dirname(idle.socket))).toEqual([]);
});

test("one that is stopped ends with the links that run, and takes no other", async () => {
  await using stopped = await residentLinker();
  const { ended } = await stuckLink(stopped.env, "stopped", stopped.pidOfServer);
  const stopping = stopped.stop();
  await until(async () => (await stopped.status()) === undefined);
  expect(residenceOf(await link(stopped.env))).toBe("not used, none runs");
  await letGoOn(stopped.pidOfServer);
  const { status, stderr } = await ended;
  expect({ status, residence: residenceOf({ stderr }) }).toEqual({
    status: 0,
    residence: `used, process ${stopped.pidOfServer}`,
  });
  await stopping;
  await stopped.ended;
  expect(residenceOf(await link(stopped.env))).toBe("not used, none runs");
  expect(await readdir(dirname(stopped.socket))).toEqual([]);
});
