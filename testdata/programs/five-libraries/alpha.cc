#include "five.h"

thread_local int alpha_tls = 10;
static thread_local std::string text = "alpha";
int alpha_data = 5;
extern int alpha_data_alias __attribute__((weak, alias("alpha_data")));
extern const char *const alpha_text = "text of alpha";
int *alpha_data_address() { return &alpha_data; }
int *alpha_alias_address() { return &alpha_data_alias; }

Base::~Base() = default;

int alpha(int depth) {
  struct Count {
    ~Count() { alpha_tls++; }
  } count;
  text += '.';
  alpha_data++;
  try {
    return beta(depth + 1) + static_cast<int>(text.size());
  } catch (const std::string &) {
    throw Failure(depth + 100);
  }
}
