/* What main.c and part.c know of each other. part.c is linked into the program or into a shared object. */
#include <setjmp.h>

struct record {
  const char *name;
  int (*apply)(int);
  const struct record *next;
};

extern const struct record records[];
extern int shared_counter;
extern _Thread_local int part_tls;
extern int common_value;
extern const char *const part_names[4];

int part_twice(int value);
int part_dispatch(int selector);
int part_tls_address_is_stable(void);
int (*part_address(void))(int);
int part_resolved(void);
void part_jump(jmp_buf *buffer);
int part_big(int index);
int part_callback(int (*function)(int), int value);
int part_items(void);
int part_from_main(void);

/* Defined by main.c, called from part.c. */
int main_hook(int value);
#ifdef MAIN_TLS_MODEL
/* For a part that is a shared object of -ftls-model=local-dynamic: what main.c defines is not its own. */
extern _Thread_local int main_tls __attribute__((tls_model(MAIN_TLS_MODEL)));
#else
extern _Thread_local int main_tls;
#endif
