// The native tests: what runs under the sanitizers, which a Node process cannot. A test registers itself;
// main.cc runs all of them.
#pragma once

#include <stdio.h>
#include <stdlib.h>

namespace spore::test {

struct Test {
  const char *name;
  void (*run)();
  Test *next;
  Test(const char *test_name, void (*test_run)());
};

// Ends the program when the condition is false: what follows would be about something else.
inline void check(bool is_true, const char *condition, const char *file, int line) {
  if (is_true) return;
  fprintf(stderr, "%s:%d: not true: %s\n", file, line, condition);
  exit(1);
}

} // namespace spore::test

#define SPORE_TEST_NAME2(a, b) a##b
#define SPORE_TEST_NAME(a, b) SPORE_TEST_NAME2(a, b)
#define TEST(name)                                                                                                     \
  static void SPORE_TEST_NAME(test_, __LINE__)();                                                                      \
  static spore::test::Test SPORE_TEST_NAME(entry_, __LINE__)(name, SPORE_TEST_NAME(test_, __LINE__));                  \
  static void SPORE_TEST_NAME(test_, __LINE__)()
#define CHECK(condition) spore::test::check(condition, #condition, __FILE__, __LINE__)
