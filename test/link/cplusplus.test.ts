import { expect, test } from "vitest";

import { bfd, spore } from "../harness/oracles.ts";
import { scratch } from "../harness/scratch.ts";
import { expectWellFormed } from "../harness/well-formed.ts";

const kinds = [["-pie"], ["-no-pie"], ["-static"], ["-static-pie"], ["-static-libstdc++", "-static-libgcc"]];

const files = {
  "shapes.h": `
    #include <stdexcept>
    #include <string>
    #include <vector>
    struct Shape { virtual ~Shape() = default; virtual double area() const = 0; virtual std::string name() const { return "shape"; } };
    struct Square : Shape { double side; explicit Square(double s) : side(s) {} double area() const override; std::string name() const override; };
    template <class T> T sum(const std::vector<T> &items) { static int calls; ++calls; T all{}; for (auto &i : items) all += i; return all + calls * 0; }
    inline int &shared_counter() { static int counter; return counter; }
    extern thread_local std::string greeting;
    void check(int value);
    struct Odd : std::runtime_error { using std::runtime_error::runtime_error; };`,
  "shapes.cc": `
    #include "shapes.h"
    double Square::area() const { return side * side; }
    std::string Square::name() const { return "square"; }
    thread_local std::string greeting = "hello from a thread";
    void check(int value) { ++shared_counter(); if (value % 2) throw Odd("odd: " + std::to_string(value)); sum(std::vector<int>{1}); }`,
  "main.cc": `
    #include "shapes.h"
    #include <iostream>
    #include <memory>
    #include <thread>
    #include <typeinfo>
    struct Noisy { const char *what; ~Noisy() { std::cout << "gone " << what << "\\n"; } };
    int main() {
      std::cout << "hello" << std::endl;
      std::unique_ptr<Shape> shape(new Square(3));
      std::cout << shape->name() << " " << shape->area() << " " << (typeid(*shape) == typeid(Square)) << (dynamic_cast<Square *>(shape.get()) != nullptr) << "\\n";
      for (int i = 0; i < 3; i++)
        try { Noisy noisy{"guard"}; check(i); } catch (const std::exception &error) { std::cout << "caught " << error.what() << "\\n"; }
      std::thread other([] { greeting += "!"; std::cout << greeting << "\\n"; });
      other.join();
      std::cout << greeting << " " << shared_counter() << " " << sum(std::vector<double>{1.5, 2.5}) << "\\n";
      try { std::stoi("x"); } catch (const std::invalid_argument &) { std::cout << "library threw\\n"; }
      return 0;
    }`,
};
const expected = `hello
square 9 11
gone guard
gone guard
caught odd: 1
gone guard
hello from a thread!
hello from a thread 3 4
library threw
`;

for (const level of ["-O0", "-O2"])
  test(`a C++ program with exceptions, RTTI, templates and thread_local runs in every kind of executable (${level})`, async () => {
    await using dir = await scratch(files);
    for (const source of ["shapes.cc", "main.cc"]) await dir.compile(source, [level]);
    for (const flags of kinds) {
      expect(await dir.linkAndRun(spore, ["main.o", "shapes.o"], { flags }), flags.join(" ")).toMatchObject({
        status: 0,
        stdout: expected,
      });
      await expectWellFormed(dir.file("a.out"));
    }
  });

test("an exception crosses from a shared object to the program, and a type thrown there is caught by its own name", async () => {
  await using dir = await scratch(files);
  await dir.compile("shapes.cc", ["-fPIC"]);
  expect(await dir.link(spore, ["shapes.o"], { flags: ["-shared"], output: "libshapes.so" })).toMatchObject({
    status: 0,
  });
  await expectWellFormed(dir.file("libshapes.so"));
  for (const flags of [["-pie"], ["-no-pie"]])
    expect(
      await dir.linkAndRun(spore, ["main.o", "libshapes.so"], { flags, env: { LD_BIND_NOW: "1" } }),
      flags.join(),
    ).toMatchObject({ status: 0, stdout: expected });
});

test("an exception that nobody catches ends in std::terminate", async () => {
  await using dir = await scratch({
    "main.cc": `
      #include <cstdio>
      #include <cstdlib>
      #include <exception>
      int main() { std::set_terminate([] { std::puts("terminated"); std::fflush(stdout); std::_Exit(3); }); throw 1; }`,
  });
  expect(await dir.linkAndRun(spore, ["main.o"])).toMatchObject({ status: 3, stdout: "terminated\n" });
});

test("inline functions and variables of several objects are one, and discarded copies leave no trace", async () => {
  await using dir = await scratch({
    "shared.h":
      "inline int counter = 5; template <int N> struct Table { static int items[N]; }; template <int N> int Table<N>::items[N]; inline int *address() { static int local; return &local; }",
    "main.cc": `
      #include "shared.h"
      #include <cstdio>
      int *other_counter(); int *other_items(); int *other_address(); typedef int *(*Function)(); Function other_function();
      int main() { std::printf("%d%d%d%d\\n", &counter == other_counter(), Table<3>::items == other_items(), address() == other_address(), &address == other_function()); }`,
    "other.cc": `
      #include "shared.h"
      typedef int *(*Function)();
      int *other_counter() { return &counter; } int *other_items() { return Table<3>::items; } int *other_address() { return address(); } Function other_function() { return &address; }`,
  });
  for (const flags of [["-pie"], ["-no-pie"], ["-static"]])
    expect(await dir.linkAndRun(spore, ["main.o", "other.o"], { flags })).toMatchObject({ stdout: "1111\n" });
  const nm = (await dir.mustRun("nm", ["a.out"])).stdout;
  expect(nm.match(/ _Z7addressv$/gm)).toHaveLength(1);
});

test("the first of several inline definitions is used, as with GNU ld", async () => {
  await using dir = await scratch({
    "main.cc": "int a(), b(); int main() { return a() * 10 + b(); }",
    "a.cc": "inline __attribute__((noinline)) int value() { return 3; } int a() { return value(); }",
    "b.cc": "inline __attribute__((noinline)) int value() { return 4; } int b() { return value(); }",
  });
  expect(await dir.linkAndRun(spore, ["main.o", "a.o", "b.o"])).toMatchObject({ status: 33 });
  expect(await dir.linkAndRun(spore, ["main.o", "b.o", "a.o"])).toMatchObject({ status: 44 });
});

test("what a discarded group defines is no definition, though it is stronger than that of the group that is kept", async () => {
  const group = (binding: string, value: number): string => `
    .section .text.f,"axG",@progbits,key,comdat
    ${binding} f
    f: mov $${value}, %eax
    ret
    .section .note.GNU-stack,"",@progbits`;
  await using dir = await scratch({
    "kept.s": group(".weak", 1),
    "discarded.s": group(".globl", 2),
    "main.c": "int f(void); int main(void) { return f(); }",
  });
  for (const linker of [bfd, spore])
    for (const flags of kinds)
      expect(await dir.linkAndRun(linker, ["main.o", "kept.o", "discarded.o"], { flags }), linker.name).toMatchObject({
        status: 1,
      });
});
