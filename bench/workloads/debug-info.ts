/** L2: template-heavy C++ compiled with `-g -O0`: more than a megabyte of `.debug_*` in each object. */
import { execFileSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";

import { checkProgram, cached, driverArguments, type LinkCase, missingProgram, type Workload } from "./workload.ts";

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

const library = `
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

/** Compiles all sources, as many at once as there are cores. */
function compile(folder: string, size: number): void {
  const names = Array.from({ length: size }, (_, i) => `work_${i}`);
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "work.h"), library);
  for (const [i, name] of names.entries()) writeFileSync(join(folder, `${name}.cc`), source(i));
  writeFileSync(join(folder, "main.cc"), mainSource(size));
  // Relative paths, so that the objects are the same wherever they are made.
  const commands = ["main", ...names].map((name) => `${name}.cc`).join("\0");
  const flags = ["-n", "1", "-P", String(availableParallelism()), "-0"];
  execFileSync("xargs", [...flags, "g++", "-c", "-g", "-O0", "-std=c++17", "-fPIE"], {
    cwd: folder,
    input: commands,
    stdio: ["pipe", "inherit", "inherit"],
  });
}

function prepare(parent: string, size: number): LinkCase {
  const folder = join(parent, `debug-info-${size}`);
  cached(folder, library + source(0) + mainSource(1), (unfinished) => {
    process.stderr.write(`compiling ${size} objects with debug information, once\n`);
    compile(unfinished, size);
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
  target: { ratio: 0.8 },
  sizes: { full: 320, quick: 12 },
  missing: () => missingProgram("gcc", "g++", "xargs"),
  prepare,
};
