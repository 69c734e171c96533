#include "five.h"

#include <cstdio>
#include <dlfcn.h>
#include <memory>
#include <thread>
#include <typeinfo>

extern "C" int old_version();
static thread_local int here = 3; // local exec
extern int main_exported;
int main_exported = 9;

static int attempt(int (*function)(int), int depth) {
  try {
    return function(depth);
  } catch (const Failure &failure) {
    return -failure.depth;
  } catch (int number) {
    return -1000 - number;
  } catch (...) {
    return -2000;
  }
}

static void report(const char *who) {
  std::printf("%s: tls %d %d %d %d %d, data %d %d\n", who, here, alpha_tls, beta_tls, gamma_tls, delta_tls, alpha_data,
              alpha_data_alias);
}

int main(int, char **words) {
  for (int i = 0; i < 6; i++)
    std::printf("%d ", attempt(i % 2 ? alpha : gamma_, i));
  std::printf("\n");
  report("main");
  std::thread([] {
    here++;
    for (int i = 0; i < 3; i++)
      std::printf("%d ", attempt(beta, i));
    report("thread");
  }).join();
  alpha_data = 70;
  std::printf("copied: %d %d %d %s\n", *alpha_data_address(), alpha_alias_address() == &alpha_data,
              alpha_data_address() == &alpha_data_alias, alpha_text);
  std::printf("versions: %d %d, functions: %d %d\n", delta_version(), old_version(), delta_fast(),
              delta_fast_address()() == delta_fast());
  std::printf("addresses: %d %d\n", beta_protected_address()() == beta_protected(), &alpha == static_cast<int (*)(int)>(alpha));
  std::unique_ptr<Base> made(gamma_make());
  std::printf("type: %d %d\n", typeid(*made) == typeid(Anywhere), dynamic_cast<Anywhere *>(made.get()) != nullptr);

  std::string folder = words[0];
  folder.resize(folder.rfind('/') + 1);
  for (int round = 0; round < 2; round++) {
    void *epsilon = dlopen((folder + "libepsilon.so").c_str(), RTLD_NOW);
    if (!epsilon) return std::printf("%s\n", dlerror()), 1;
    auto call = reinterpret_cast<int (*)(Base *)>(dlsym(epsilon, "epsilon"));
    for (int i = 0; i < 2; i++) {
      try {
        std::printf("epsilon %d\n", call(made.get()));
      } catch (const Failure &failure) {
        std::printf("epsilon threw %d\n", failure.depth);
      }
    }
    dlclose(epsilon);
  }
  void *delta = dlopen("libdelta.so", RTLD_NOW | RTLD_NOLOAD);
  auto versioned = [&](const char *version) {
    auto function = reinterpret_cast<int (*)()>(dlvsym(delta, "delta_version", version));
    return function ? function() : -1;
  };
  std::printf("dlvsym: %d %d %d, hidden %d\n", versioned("DELTA_1"), versioned("DELTA_2"), versioned("DELTA_3"),
              dlsym(delta, "delta_hidden_by_script") == nullptr);
}
