#include "words.h"

/* FNV-1a. */
size_t hash_text(const char *text) {
  size_t hash = 14695981039346656037u;
  for (; *text; text++)
    hash = (hash ^ (unsigned char)*text) * 1099511628211u;
  return hash;
}
