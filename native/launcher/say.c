#include "say.h"

#include <stdarg.h>
#include <stdio.h>

#include <unistd.h>

enum { kLongestMessage = 12 << 10 };

void fail(const char *format, ...) {
  char text[kLongestMessage];
  const int begin = snprintf(text, sizeof text, "spore: error: ");
  va_list values;
  va_start(values, format);
  int size = begin + vsnprintf(text + begin, sizeof text - begin - 1, format, values);
  va_end(values);
  if (size > (int)sizeof text - 2) size = sizeof text - 2;
  text[size++] = '\n';
  if (write(STDERR_FILENO, text, size) < 0) _exit(1);
  _exit(1);
}
