/* Counts the words of a text. The demo and the tests link it in several ways. */
#ifndef WORDS_H
#define WORDS_H

#include <stddef.h>
#include <stdio.h>

struct word {
  char *text;
  unsigned count;
  struct word *next; /* in the same bucket */
};

struct table {
  struct word **buckets;
  size_t bucket_count;
  size_t word_count;
};

/* table.c */
extern struct table *table_new(size_t bucket_count);
extern unsigned table_add(struct table *table, const char *text);
extern void table_free(struct table *table);

/* hash.c: in the archive */
extern size_t hash_text(const char *text);

/* read.c */
extern _Thread_local unsigned long lines_read; /* by this thread */
extern int read_words(FILE *in, void (*found)(void *context, const char *word), void *context);

/* report.c */
extern int compare_words(const void *first, const void *second);
extern void report(const struct table *table, size_t limit);

#endif
