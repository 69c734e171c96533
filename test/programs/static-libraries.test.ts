/** C programs of realistic size from Debian's static libraries. */
import { describe, expect, test } from "vitest";

import { bfd, spore } from "../harness/oracles.ts";
import { type Files, scratch } from "../harness/scratch.ts";
import { expectWellFormed } from "../harness/well-formed.ts";

const programs: readonly {
  name: string;
  library: string;
  include?: string;
  more?: readonly string[];
  files: Files;
  stdout: string | RegExp;
}[] = [
  {
    name: "zlib",
    library: "libz.a",
    files: {
      "main.c": `
        #include <stdio.h>
        #include <string.h>
        #include <zlib.h>
        int main(void) {
          static unsigned char text[100000], packed[100100], back[100000];
          for (int i = 0; i < 100000; i++) text[i] = (unsigned char)((i * 7) % 251);
          uLongf size = sizeof packed, length = sizeof back;
          int ok = compress2(packed, &size, text, sizeof text, 9) == Z_OK && uncompress(back, &length, packed, size) == Z_OK;
          printf("%d %d %d %s %lx\\n", ok, memcmp(text, back, sizeof text) == 0, size < sizeof text / 10, zlibVersion(), crc32(0, text, sizeof text));
        }`,
    },
    stdout: /^1 1 1 1\.\S+ [0-9a-f]+\n$/,
  },
  {
    name: "Lua",
    library: "liblua5.4.a",
    include: "/usr/include/lua5.4",
    more: ["-lm", "-ldl"],
    files: {
      "main.c": `
        #include <lauxlib.h>
        #include <lua.h>
        #include <lualib.h>
        int main(void) {
          lua_State *state = luaL_newstate();
          luaL_openlibs(state);
          return luaL_dostring(state,
            "local t = {} for i = 1, 1000 do t[#t + 1] = ('%d'):format(i * i) end "
            "local ok, message = pcall(function() error({code = 7}) end) "
            "local co = coroutine.wrap(function() for i = 1, 3 do coroutine.yield(i) end end) "
            "print(#table.concat(t), ok, message.code, co(), co(), math.floor(math.sqrt(2) * 1000), string.rep('ab', 3))");
        }`,
    },
    stdout: "5543\tfalse\t7\t1\t2\t1414\tababab\n",
  },
  {
    name: "SQLite",
    library: "libsqlite3.a",
    more: ["-lm", "-ldl", "-lpthread", "-lz"],
    files: {
      "main.c": `
        #include <sqlite3.h>
        #include <stdio.h>
        static int print(void *unused, int count, char **values, char **names) {
          (void)unused;
          for (int i = 0; i < count; i++) printf("%s=%s ", names[i], values[i] ? values[i] : "null");
          puts("");
          return 0;
        }
        int main(void) {
          sqlite3 *db; char *error = 0;
          if (sqlite3_open(":memory:", &db)) return 1;
          const char *sql = "create table t(a integer primary key, b text); with recursive n(i) as (select 1 union all select i + 1 from n where i < 5000) insert into t select i, 'row ' || i from n; create index x on t(b);"
            "select count(*) as n, sum(a) as s, max(b) as m from t where b like 'row 4%'; select json_extract('{\\"k\\": [1, 2.5]}', '$.k[1]') as j;";
          if (sqlite3_exec(db, sql, print, 0, &error)) { puts(error); return 2; }
          return sqlite3_close(db);
        }`,
    },
    stdout: "n=1111 s=4544899 m=row 4999 \nj=2.5 \n",
  },
];

describe.each(programs)("a program with $name", ({ library, include, more = [], files, stdout }) => {
  for (const kind of ["-pie", "-no-pie", "-static", "-static-pie"])
    test(`is linked and runs as ${kind}`, async () => {
      await using dir = await scratch(files);
      const path = (await dir.mustRun("gcc", [`-print-file-name=${library}`])).stdout.trim();
      await dir.compile("main.c", ["-O1", ...(include === undefined ? [] : [`-I${include}`])]);
      const witness = await dir.linkAndRun(bfd, ["main.o", path, ...more], { flags: [kind] });
      expect(witness.status, witness.stdout).toBe(0);
      for (const flags of [[kind], [kind, "-Wl,--gc-sections", "-Wl,-s"]]) {
        const ran = await dir.linkAndRun(spore, ["main.o", path, ...more], { flags });
        expect(ran).toEqual(witness);
        if (typeof stdout === "string") expect(ran.stdout).toBe(stdout);
        else expect(ran.stdout).toMatch(stdout);
        await expectWellFormed(dir.file("a.out"));
      }
    });

  test("is linked with the whole library as a shared object", async () => {
    await using dir = await scratch(files);
    const path = (await dir.mustRun("gcc", [`-print-file-name=${library}`])).stdout.trim();
    await dir.compile("main.c", ["-O1", ...(include === undefined ? [] : [`-I${include}`])]);
    const flags = ["-shared", "-Wl,--whole-archive", path, "-Wl,--no-whole-archive", ...more];
    const linked = await dir.link(spore, [], { flags, output: "whole.so" });
    const witness = await dir.link(bfd, [], { flags, output: "bfd.so" });
    expect(linked.status, linked.stderr).toBe(witness.status);
    if (linked.status !== 0) return; // Debian's archive is not position independent
    await expectWellFormed(dir.file("whole.so"));
    const ran = await dir.linkAndRun(spore, ["main.o", "./whole.so"]);
    expect(ran.status, ran.stdout).toBe(0);
  });
});
