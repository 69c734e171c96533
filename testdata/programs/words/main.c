#include "words.h"

#include <stdlib.h>

/* Linked-in greeting of the build, if there is one. */
extern const char *build_note(void) __attribute__((weak));

static void count(void *table, const char *word) { table_add(table, word); }

__attribute__((constructor)) static void before_main(void) { setvbuf(stdout, NULL, _IOLBF, 0); }

int main(int argc, char **argv) {
  struct table *table = table_new(257);
  int status = 0;
  if (argc < 2)
    status = read_words(stdin, count, table);
  for (int i = 1; i < argc; i++) {
    FILE *in = fopen(argv[i], "r");
    if (!in) {
      perror(argv[i]);
      return EXIT_FAILURE;
    }
    status |= read_words(in, count, table);
    fclose(in);
  }
  report(table, 5);
  if (build_note)
    puts(build_note());
  table_free(table);
  return status ? EXIT_FAILURE : EXIT_SUCCESS;
}
