// What the resident linker links before its first client: a little of everything that programs have.
#include <stddef.h>

extern int from_library(const char *text);
extern int from_member(int value);
extern int library_value;

static const char *const names[] = {"first", "second", "third"};
static int counters[16];
int initialised[4] = {1, 2, 3, 4};
const int *const pointer_to_constant = &initialised[2];
__thread int of_thread = 5;

__attribute__((weak)) int replaceable(void) { return 1; }
__attribute__((constructor)) static void begin(void) { counters[0] = library_value; }

int main(int count, char **words) {
  int sum = replaceable() + of_thread + *pointer_to_constant;
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) sum += from_library(names[i]) + counters[i];
  return sum + from_member(count) + (words[0] != NULL);
}
