#include "words.h"

#include <stdlib.h>
#include <string.h>

struct table *table_new(size_t bucket_count) {
  struct table *table = calloc(1, sizeof *table);
  table->buckets = calloc(bucket_count, sizeof *table->buckets);
  table->bucket_count = bucket_count;
  return table;
}

unsigned table_add(struct table *table, const char *text) {
  struct word **at = &table->buckets[hash_text(text) % table->bucket_count];
  for (; *at; at = &(*at)->next)
    if (strcmp((*at)->text, text) == 0)
      return ++(*at)->count;
  *at = calloc(1, sizeof **at);
  (*at)->text = strdup(text);
  (*at)->count = 1;
  table->word_count++;
  return 1;
}

void table_free(struct table *table) {
  for (size_t i = 0; i < table->bucket_count; i++)
    for (struct word *word = table->buckets[i], *next; word; word = next) {
      next = word->next;
      free(word->text);
      free(word);
    }
  free(table->buckets);
  free(table);
}
