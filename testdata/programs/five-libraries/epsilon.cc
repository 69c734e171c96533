#include "five.h"

#include <cstdio>

static thread_local int opened = 50;
static struct Life {
  Life() { std::printf("epsilon begins\n"); }
  ~Life() { std::printf("epsilon ends\n"); }
} life;

extern "C" int epsilon(Base *base) {
  opened += dynamic_cast<Anywhere *>(base) ? base->value() : 1000;
  if (opened > 52) throw Failure(opened);
  try {
    alpha(0);
  } catch (const std::exception &) {
    opened += 10;
  } catch (int number) {
    opened += number * 100;
  }
  return opened;
}
