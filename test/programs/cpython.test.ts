/** The CPython interpreter, linked from the static archives that Debian has of it. */
import { join } from "node:path";
import { expect, test } from "vitest";

import { complaints, expectSameBytes } from "../harness/large-outputs.ts";
import { spore } from "../harness/oracles.ts";
import { lacks } from "../harness/requirements.ts";
import { scratch } from "../harness/scratch.ts";

const archives = "/usr/lib/python3.11/config-3.11-x86_64-linux-gnu";
const requirements = [
  { needs: join(archives, "libpython3.11.a"), from: "libpython3.11-dev" },
  { needs: "/usr/include/expat.h", from: "libexpat1-dev" },
  { needs: "/usr/include/zlib.h", from: "zlib1g-dev" },
];

const script = `
import ctypes, decimal, json, sqlite3, ssl, sys, threading, zlib
import hashlib, xml.parsers.expat, lzma, bz2, struct, multiprocessing.pool
results = []
threads = [threading.Thread(target=lambda i=i: results.append(i * i)) for i in range(8)]
for thread in threads: thread.start()
for thread in threads: thread.join()
libc = ctypes.CDLL(None)
libc.strlen.restype = ctypes.c_size_t
database = sqlite3.connect(":memory:")
database.create_function("twice", 1, lambda x: 2 * x)
@ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_int), ctypes.POINTER(ctypes.c_int))
def compare(left, right): return left[0] - right[0]
values = (ctypes.c_int * 4)(3, 1, 4, 1)
libc.qsort(values, 4, ctypes.sizeof(ctypes.c_int), compare)
print(json.dumps({
    "threads": sorted(results),
    "sqlite": database.execute("select twice(21)").fetchone(),
    "decimal": str(decimal.Decimal(1) / 7),
    "ssl": ssl.create_default_context().check_hostname,
    "strlen": libc.strlen(b"spore"),
    "api": ctypes.pythonapi.Py_IsInitialized(),
    "sorted": list(values),
    "sha": hashlib.sha256(b"spore").hexdigest()[:8],
    "zlib": len(zlib.compress(b"a" * 1000)),
    "lzma": lzma.decompress(lzma.compress(b"text")).decode(),
}))
try:
    [][1]
except IndexError as error:
    print(type(error).__name__, error)
sys.exit(3)
`;

const expected = {
  threads: [0, 1, 4, 9, 16, 25, 36, 49],
  sqlite: [42],
  decimal: "0.1428571428571428571428571429",
  ssl: true,
  strlen: 5,
  api: 1,
  sorted: [1, 1, 3, 4],
  zlib: 17,
  lzma: "text",
};

for (const { archive, flags } of [
  { archive: "libpython3.11.a", flags: ["-no-pie"] },
  { archive: "libpython3.11-pic.a", flags: ["-pie"] },
  { archive: "libpython3.11-pic.a", flags: ["-pie", "-Wl,--gc-sections", "-Wl,-z,now"] },
])
  test.skipIf(lacks(requirements))(
    `${archive} runs Python with its extension modules (${flags.join(" ")})`,
    async () => {
      await using dir = await scratch({
        "main.c":
          "int Py_BytesMain(int, char **); int main(int count, char **words) { return Py_BytesMain(count, words); }",
        "script.py": script,
      });
      await dir.compile("main.c", ["-fPIE"]);
      await expectSameBytes(dir.file("python"), async (workers, output) => {
        const libraries = [join(archives, archive), "-lexpat", "-lz", "-lm"];
        const args = [
          ...spore.gccFlags,
          ...flags,
          "-Wl,-export-dynamic",
          "main.o",
          ...libraries,
          workers,
          "-o",
          output,
        ];
        await dir.mustRun("gcc", args);
      });
      const ended = await dir.run("./python", ["script.py"]);
      expect(ended).toMatchObject({ status: 3, stderr: "" });
      const [json = "", error] = ended.stdout.split("\n");
      expect(JSON.parse(json)).toMatchObject(expected);
      expect(error).toBe("IndexError list index out of range");
      expect(await complaints(dir.file("python"))).toEqual([]);
    },
  );
