#include "words.h"

#include <ctype.h>

_Thread_local unsigned long lines_read;

int read_words(FILE *in, void (*found)(void *context, const char *word), void *context) {
  char word[64];
  size_t length = 0;
  for (int c = getc(in);; c = getc(in)) {
    if (c != EOF && (isalpha(c) || c == '\'')) {
      if (length + 1 < sizeof word)
        word[length++] = (char)tolower(c);
      continue;
    }
    if (length) {
      word[length] = 0;
      found(context, word);
      length = 0;
    }
    if (c == '\n')
      lines_read++;
    if (c == EOF)
      return ferror(in);
  }
}
