#include "five.h"

thread_local int delta_tls = 40;
static thread_local int mode;

extern "C" int delta_version_1() { return 1; }
extern "C" int delta_version_2() { return 2; }
__asm__(".symver delta_version_1, delta_version@DELTA_1");
__asm__(".symver delta_version_2, delta_version@@DELTA_2");

static int slow() { return 7; }
static int fast() { return 8; }
extern "C" int (*delta_choose())() { return __builtin_cpu_init(), __builtin_cpu_supports("sse2") ? fast : slow; }
extern "C" int delta_fast() __attribute__((ifunc("delta_choose")));
int (*delta_fast_address())() { return delta_fast; }
extern "C" int delta_hidden_by_script() { return -1; }

int delta(int depth) {
  delta_tls += depth;
  mode = (mode + 1) % 3;
  if (mode == 1) throw Failure(delta_tls);
  if (mode == 2) throw 7;
  return delta_hidden_by_script() + delta_fast();
}
