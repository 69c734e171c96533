// A load from a typed array cannot throw, so a fault inside a staged mapping is answered by a private
// page (zeros where the file shrank, a copy where a read-only page was written to) and a mark that the
// next library call on the file turns into an error. Only async-signal-safe calls are made here.
#ifdef __linux__

#include "staging/bus-error.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <mutex>

#include "staging/registry.h"

namespace spore::staging {

namespace {

struct sigaction previous_bus;
struct sigaction previous_segv;
size_t page_size;
std::atomic<uint32_t> fault_count{0};

// Puts zeros from the faulting page to the end of the mapping: what follows a page behind the end of the
// file is behind it too, and one mapping is better than one per page.
bool replace_with_zeros(uintptr_t page, uintptr_t end) {
  return mmap(reinterpret_cast<void *>(page), end - page, PROT_READ | PROT_WRITE,
              MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE, -1, 0) != MAP_FAILED;
}

// Puts a writable private copy where a read-only page was. Reading the original may raise SIGBUS in turn,
// which is not blocked and answered as above.
bool replace_with_copy(uintptr_t page) {
  void *copy = mmap(nullptr, page_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (copy == MAP_FAILED) return false;
  memcpy(copy, reinterpret_cast<const void *>(page), page_size);
  return mremap(copy, page_size, page_size, MREMAP_MAYMOVE | MREMAP_FIXED, reinterpret_cast<void *>(page)) !=
         MAP_FAILED;
}

bool repair(int signo, uintptr_t address) {
  RegistrySlot *slot = find_mapping(address);
  if (!slot) return false;
  fault_count.fetch_add(1, std::memory_order_relaxed);
  const uintptr_t page = address & ~(page_size - 1);
  const uintptr_t begin = slot->begin.load(std::memory_order_relaxed);
  const uintptr_t end = (begin + slot->size.load(std::memory_order_relaxed) + page_size - 1) & ~(page_size - 1);
  if (signo == SIGBUS) {
    slot->marks.fetch_or(kMarkShrank, std::memory_order_relaxed);
    return replace_with_zeros(page, end);
  }
  slot->marks.fetch_or(kMarkWritten, std::memory_order_relaxed);
  return replace_with_copy(page);
}

// Hands a fault that is not ours to who was there first.
void chain(const struct sigaction &previous, int signo, siginfo_t *info, void *context) {
  if (previous.sa_flags & SA_SIGINFO) {
    previous.sa_sigaction(signo, info, context);
  } else if (previous.sa_handler != SIG_DFL && previous.sa_handler != SIG_IGN) {
    previous.sa_handler(signo);
  } else {
    // The faulting instruction runs again, now with the default action; a signal that was sent does not
    // come again by itself.
    struct sigaction action = {};
    action.sa_handler = SIG_DFL;
    sigaction(signo, &action, nullptr);
    if (info->si_code <= 0) raise(signo);
  }
}

void on_fault(int signo, siginfo_t *info, void *context) {
  const int saved_errno = errno;
  // si_code > 0: the kernel's own, with an address. Others were sent by kill().
  if (info->si_code <= 0 || !repair(signo, reinterpret_cast<uintptr_t>(info->si_addr)))
    chain(signo == SIGBUS ? previous_bus : previous_segv, signo, info, context);
  errno = saved_errno;
}

} // namespace

uint32_t repaired_faults() { return fault_count.load(std::memory_order_relaxed); }

void install_fault_handlers() {
  static std::once_flag once;
  std::call_once(once, [] {
    page_size = size_t(sysconf(_SC_PAGESIZE));
    struct sigaction action = {};
    action.sa_sigaction = on_fault;
    // On the alternate stack where a thread has one, as V8's own handler; not blocked while it runs,
    // because copying a page may fault.
    action.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER;
    sigemptyset(&action.sa_mask);
    sigaction(SIGBUS, &action, &previous_bus);
    sigaction(SIGSEGV, &action, &previous_segv);
  });
}

} // namespace spore::staging

#endif
