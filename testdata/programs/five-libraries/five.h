// A program and five shared objects. They throw through each other, each has thread-locals of another model,
// `delta` has versions and IFUNCs, and `epsilon` is opened and closed at run time.
#pragma once
#include <exception>
#include <string>

// Its key function, so its vtable and type, are in alpha.
struct Base {
  virtual ~Base();
  virtual int value() const { return 1; }
};
// Without a key function: every object that uses it has a vtable and a type of its own.
struct Anywhere : Base {
  int value() const override { return 2; }
};
struct Failure : std::exception {
  int depth;
  explicit Failure(int depth) : depth(depth) {}
  const char *what() const noexcept override { return "failure"; }
};

extern thread_local int alpha_tls;   // global dynamic
extern int alpha_data;               // copied into the program
extern int alpha_data_alias;         // the same place under another name
extern const char *const alpha_text; // copied into RELRO
int alpha(int depth);
int *alpha_data_address();
int *alpha_alias_address();

int beta(int depth);
int beta_protected();
int (*beta_protected_address())();
extern thread_local int beta_tls;

extern thread_local int gamma_tls; // initial exec
int gamma_(int depth);
Base *gamma_make();

extern thread_local int delta_tls; // descriptors
int delta(int depth);
extern "C" int delta_version();
extern "C" int delta_fast();
int (*delta_fast_address())();
extern "C" int delta_hidden_by_script();
int delta_uses_old();
