#ifdef __linux__

#include "staging/crash-guard.h"

#include <setjmp.h>
#include <signal.h>

#include <array>

namespace spore::staging {

namespace {

constexpr std::array<int, 5> kCrashes = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT};

sigjmp_buf place;

void jump_out(int signo) { siglongjmp(place, signo); }

} // namespace

int run_guarded(const std::function<void()> &run) {
  std::array<struct sigaction, kCrashes.size()> before;
  struct sigaction action = {};
  action.sa_handler = jump_out;
  action.sa_flags = SA_ONSTACK | SA_NODEFER;
  for (size_t i = 0; i < kCrashes.size(); i++) sigaction(kCrashes[i], &action, &before[i]);
  const int signo = sigsetjmp(place, 0);
  if (signo == 0) run();
  for (size_t i = 0; i < kCrashes.size(); i++) sigaction(kCrashes[i], &before[i], nullptr);
  return signo;
}

} // namespace spore::staging

#endif
