/** L2: template-heavy C++ compiled with `-g -O0`: more than a megabyte of `.debug_*` in each object. */
import { execFileSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";

import {
  cached,
  checkProgram,
  driverArguments,
  type LinkCase,
  missingProgram,
  withOptions,
  type Workload,
} from "./workload.ts";

const headers = [
  "algorithm",
  "deque",
  "functional",
  "map",
  "memory",
  "optional",
  "set",
  "sstream",
  "string",
  "tuple",
  "unordered_map",
  "variant",
  "vector",
];

/** A header of templates that a compiler makes more than a megabyte of debug information of. */
export const library = `
${headers.map((name) => `#include <${name}>\n`).join("")}
using Words = std::vector<std::string>;

template <int N> struct Node {
  std::string name;
  std::map<std::string, std::vector<Node *>> children;
  std::function<int(const Node &)> visit;
  std::variant<int, double, std::string, std::vector<int>> value;
};

template <int N> int work(const Words &words) {
  std::unordered_map<std::string, std::shared_ptr<Node<N>>> nodes;
  std::set<std::tuple<int, std::string>> seen;
  std::deque<std::unique_ptr<Node<N>>> queue;
  for (const std::string &word : words) {
    auto node = std::make_shared<Node<N>>();
    node->name = word;
    node->value = double(N);
    node->visit = [](const Node<N> &it) { return int(it.name.size()) + N; };
    nodes.emplace(word, node);
    seen.emplace(N, word);
    queue.push_back(std::make_unique<Node<N>>(*node));
    node->children["next"].push_back(node.get());
  }
  int sum = 0;
  std::for_each(nodes.begin(), nodes.end(), [&](auto &entry) { sum += entry.second->visit(*entry.second); });
  std::sort(queue.begin(), queue.end(), [](auto &a, auto &b) { return a->name < b->name; });
  return sum + int(seen.size() + std::visit([](auto &value) { return sizeof(value); }, queue.front()->value));
}
`;

/** Two instances of the templates that no other object has. */
const source = (object: number): string =>
  `#include "work.h"\nint work_${object}(const Words &words) { return work<${2 * object}>(words) + work<${2 * object + 1}>(words); }\n`;

/** What `work_i` returns: for "alpha" and "beta", 19 + 2 N for each instance. */
const resultOf = (object: number): number => 40 + 8 * object;

function mainSource(size: number): string {
  const objects = Array.from({ length: size }, (_, i) => i);
  return `
#include "work.h"
#include <cstdio>
${objects.map((i) => `int work_${i}(const Words &);\n`).join("")}
int main() {
  Words words{"alpha", "beta"};
  int sum = 0;
${objects.map((i) => `  sum += work_${i}(words);\n`).join("")}
  std::printf("%d\\n", sum);
}
`;
}

/** Compiles sources with debug information, as many at once as there are cores. The header is there, too. */
export function compileWithDebugInfo(folder: string, sources: ReadonlyMap<string, string>): void {
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "work.h"), library);
  for (const [name, text] of sources) writeFileSync(join(folder, name), text);
  const flags = ["-n", "1", "-P", String(availableParallelism()), "-0"];
  execFileSync("xargs", [...flags, "g++", "-c", "-g", "-O0", "-std=c++17", "-fPIE"], {
    cwd: folder,
    // Relative paths, so that the objects are the same wherever they are made.
    input: [...sources.keys()].join("\0"),
    stdio: ["pipe", "inherit", "inherit"],
  });
}

function prepare(parent: string, size: number): LinkCase {
  const folder = join(parent, `debug-info-${size}`);
  cached(folder, library + source(0) + mainSource(1), (unfinished) => {
    process.stderr.write(`compiling ${size} objects with debug information, once\n`);
    const sources = Array.from({ length: size }, (_, i): [string, string] => [`work_${i}.cc`, source(i)]);
    compileWithDebugInfo(unfinished, new Map([["main.cc", mainSource(size)], ...sources]));
  });
  const objects = ["main.o", ...Array.from({ length: size }, (_, i) => `work_${i}.o`)];
  const sum = Array.from({ length: size }, (_, i) => resultOf(i)).reduce((total, result) => total + result, 0);
  const { before, after } = driverArguments(["-lstdc++", "-lm"]);
  return {
    description: `${objects.length} objects, -g -O0`,
    folder,
    inputs: objects.map((name) => join(folder, name)),
    args: [...before, ...objects, ...after],
    check: (output) => checkProgram(output, { expected: new RegExp(`^${sum}\n$`) }),
  };
}

export const debugInfo: Workload = {
  name: "debug-info",
  title: "L2 debug info",
  target: { ratio: 0.85, onOneProcessor: 1 },
  sizes: { full: 320, quick: 12 },
  missing: () => missingProgram("gcc", "g++", "xargs"),
  prepare,
};

/** The same, with its debug sections compressed. */
export const debugInfoCompressed: Workload = {
  ...debugInfo,
  name: "debug-info-zlib",
  title: "L2 compressed (zlib)",
  target: { ratio: 0.75 },
  prepare: (parent, size) => withOptions(prepare(parent, size), "--compress-debug-sections=zlib"),
};
