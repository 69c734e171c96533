#include "everything.h"

#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

_Thread_local int main_tls = 70;
static _Thread_local int main_local_tls;
static char order[16];

__attribute__((constructor(200))) static void second(void) { strcat(order, "b"); }
__attribute__((constructor(101))) static void first(void) { strcat(order, "a"); }
__attribute__((constructor)) static void third(void) { strcat(order, "c"); }
__attribute__((destructor)) static void last(void) { puts("destructor"); }

extern int missing(void) __attribute__((weak));
int main_hook(int value) { return value * 100; }
__attribute__((weak)) int replaced(void) { return 5; }

static int compare(const void *left, const void *right) { return *(const int *)left - *(const int *)right; }

static void *thread(void *data) {
  part_tls += *(int *)data;
  main_local_tls += 3;
  return (void *)(long)(part_tls * 1000 + main_local_tls * 100 + part_tls_address_is_stable());
}

static const char *const tails[] = {"a shared tail", "shared tail", "tail"};
static int (*const table[])(int) = {part_twice, main_hook};

int main(int argc, char **argv) {
  printf("order %s, argc %d\n", order, argc);
  for (const struct record *record = records; record; record = record->next)
    printf("%s %d\n", record->name, record->apply(21));
  for (int selector = -1; selector < 9; selector++)
    printf("%d ", part_dispatch(selector));
  shared_counter++;
  common_value = 3;
  printf("\ncounter %d %d, common %d\n", shared_counter, part_dispatch(1), part_dispatch(2));
  printf("tls %d %d %d\n", part_tls, part_tls_address_is_stable(), main_tls);
  printf("same address: %d, table %d %d\n", part_address() == part_twice && part_address() == table[0], table[0](4),
         table[1](4));
  printf("resolved %d %d\n", part_resolved(), missing ? missing() : -7);
  int (*volatile pointer)(void) = part_resolved;
  printf("resolved through a pointer %d\n", pointer());

  jmp_buf buffer;
  int jumped = setjmp(buffer);
  if (jumped == 0) part_jump(&buffer);
  printf("jumped %d\n", jumped);

  int values[] = {5, -3, 12, 0, 9};
  qsort(values, 5, sizeof *values, compare);
  printf("sorted %d %d %d, sqrt %.3f\n", values[0], values[2], values[4], sqrt((double)argc + 1));
  printf("big %d %d\n", part_big(39999), part_callback(main_hook, 3));
  printf("items %d, names %s %s %s\n", part_items(), part_names[1], part_names[3], tails[argc]);

  int amount = 2;
  pthread_t id;
  void *result;
  if (pthread_create(&id, NULL, thread, &amount) || pthread_join(id, &result)) return 1;
  printf("thread %ld, here %d %d\n", (long)result, part_tls, main_local_tls);
  printf("from main %d %d, replaced %d\n", part_from_main(), main_tls, replaced());
  fprintf(stderr, "%s", strrchr(argv[0], '/') ? "" : "no slash\n");
  fflush(stdout);
  return 17;
}
