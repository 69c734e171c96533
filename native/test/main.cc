// Runs every native test, or those whose names contain the first argument.

#include <string.h>

#include "staging/kernel-registry.h"
#include "test/check.h"

namespace spore::test {

static Test *tests;

Test::Test(const char *test_name, void (*test_run)()) : name(test_name), run(test_run), next(tests) { tests = this; }

} // namespace spore::test

int main(int argc, char **argv) {
  spore::staging::register_builtin_kernels();
  int count = 0;
  for (const auto *test = spore::test::tests; test; test = test->next) {
    if (argc > 1 && !strstr(test->name, argv[1])) continue;
    printf("%s\n", test->name);
    fflush(stdout);
    test->run();
    count++;
  }
  printf("%d native tests passed\n", count);
  return count == 0 && argc == 1; // what the argument names may be in the other program
}
