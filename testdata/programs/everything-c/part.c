#include "everything.h"

#include <stddef.h>
#include <stdlib.h>

int shared_counter = 40;
_Thread_local int part_tls = 11;
static _Thread_local int part_local_tls = 5;
static _Thread_local char part_tls_zeros[40];
int common_value;

static int increment(int value) { return value + 1; }
static int negate(int value) { return -value; }
int part_twice(int value) { return 2 * value; }

const struct record records[] = {
    {"increment", increment, &records[1]}, {"negate", negate, &records[2]}, {"twice", part_twice, NULL}};
const char *const part_names[4] = {"zero", "one", "shared tail", "tail"};

/* A jump table at -O1 and above. */
int part_dispatch(int selector) {
  switch (selector) {
  case 0: return 3;
  case 1: return shared_counter;
  case 2: return common_value * 7;
  case 3: return (int)part_names[2][0];
  case 4: return main_hook(4);
  case 5: return abs(-19);
  case 6: return part_tls;
  case 7: return part_local_tls;
  default: return -1;
  }
}

int part_tls_address_is_stable(void) {
  int *address = &part_local_tls;
  part_local_tls++;
  part_tls_zeros[3]++;
  return address == &part_local_tls && *address == part_local_tls && part_tls_zeros[39] == 0 ? part_local_tls : -1;
}

int (*part_address(void))(int) { return part_twice; }

static int resolved_one(void) { return 1001; }
static int resolved_two(void) { return 1002; }
static int (*resolve(void))(void) { return sizeof(void *) == 8 ? resolved_one : resolved_two; }
int part_resolved(void) __attribute__((ifunc("resolve")));

void part_jump(jmp_buf *buffer) { longjmp(*buffer, 9); }

/* Large enough for the large sections of -mcmodel=medium. */
static int big[40000];
static int big_data[20000] = {1, 2, 3};
int part_big(int index) {
  big[index] = index;
  return big[index] + big[0] + big_data[2];
}

int part_callback(int (*function)(int), int value) { return function(value) + 1; }

/* Gathered by the linker between __start_items and __stop_items. */
#define ITEM(name, value) static const int name __attribute__((section("items"), used)) = value
ITEM(item_a, 100);
ITEM(item_b, 20);
ITEM(item_c, 3);
extern const int __start_items[] __attribute__((visibility("hidden")));
extern const int __stop_items[] __attribute__((visibility("hidden")));
int part_items(void) {
  int sum = 0;
  for (const int *item = __start_items; item != __stop_items; item++)
    sum += *item;
  return sum;
}

int part_from_main(void) { return main_tls++ + main_hook(2); }
