#include "words.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

int compare_words(const void *first, const void *second) {
  const struct word *a = *(struct word *const *)first, *b = *(struct word *const *)second;
  return a->count != b->count ? (a->count < b->count) - (a->count > b->count) : strcmp(a->text, b->text);
}

void report(const struct table *table, size_t limit) {
  const struct word **words = calloc(table->word_count + 1, sizeof *words);
  size_t n = 0, total = 0;
  double entropy = 0;
  for (size_t i = 0; i < table->bucket_count; i++)
    for (const struct word *word = table->buckets[i]; word; word = word->next) {
      words[n++] = word;
      total += word->count;
    }
  qsort(words, n, sizeof *words, compare_words);
  for (size_t i = 0; i < n; i++)
    entropy -= words[i]->count / (double)total * log2(words[i]->count / (double)total);
  printf("%zu words, %zu different, %lu lines, %.2f bits a word\n", total, n, lines_read, entropy);
  for (size_t i = 0; i < n && i < limit; i++)
    printf("%6u %s\n", words[i]->count, words[i]->text);
  free(words);
}
