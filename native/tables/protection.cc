#include "tables/protection.h"

#ifdef SPORE_CHECKED

#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstring>
#include <vector>

#include "tables/job.h"

namespace spore {

namespace {

struct Extent {
  u8 *begin;
  size_t size;
  const char *column;
};

// What a worker's kernel may not touch, or not store to. Of one thread: a worker has no other.
std::vector<Extent> protected_extents;
std::vector<u8> tables_then; // the columns' places when they were protected
u32 kernel_then;
struct sigaction earlier_action;
bool is_installed = false;

Column<FileId, u8> column_at(const Tables &t, const ColumnPlace &place) {
  Column<FileId, u8> column;
  std::memcpy(&column, reinterpret_cast<const u8 *>(&t) + place.offset, sizeof column);
  return column;
}

void explain(int signal, siginfo_t *info, void *context) {
  auto *at = static_cast<u8 *>(info->si_addr);
  for (const Extent &extent : protected_extents) {
    if (at < extent.begin || at >= extent.begin + extent.size) continue;
    bool is_store = static_cast<ucontext_t *>(context)->uc_mcontext.gregs[REG_ERR] & 2;
    char text[256];
    int length = std::snprintf(text, sizeof text, "kernel %s %s column %s, which src/tables/accesses.ts does not say\n",
                               kernel_entries[kernel_then].name, is_store ? "fills" : "reads", extent.column);
    if (write(2, text, static_cast<size_t>(length)) < 0) break;
    break;
  }
  sigaction(signal, &earlier_action, nullptr); // the access is made again, and ends the worker
}

void install() {
  if (is_installed) return;
  is_installed = true;
  struct sigaction action{};
  action.sa_sigaction = explain;
  action.sa_flags = SA_SIGINFO;
  sigaction(SIGSEGV, &action, &earlier_action);
}

} // namespace

void protect_columns(const Tables &t, u32 kernel) {
  // Tables begin with the scalars, which change while kernels run.
  const u8 *columns = reinterpret_cast<const u8 *>(&t.input);
  size_t bytes = reinterpret_cast<const u8 *>(&t + 1) - columns;
  if (kernel == kernel_then && bytes == tables_then.size() && std::memcmp(columns, tables_then.data(), bytes) == 0)
    return;
  install();
  for (const Extent &extent : protected_extents) mprotect(extent.begin, extent.size, PROT_READ | PROT_WRITE);
  protected_extents.clear();
  tables_then.assign(columns, columns + bytes);
  kernel_then = kernel;
  const size_t page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
  for (u32 i = 0; column_places[i].name; i++) {
    const ColumnPlace &place = column_places[i];
    Access access = kernel_accesses[kernel][i];
    Column<FileId, u8> column = column_at(t, place);
    if (access == Access::Fills || column.count == 0) continue;
    size_t size = (column.count * place.width + page - 1) / page * page;
    if (mprotect(column.data, size, access == Access::Reads ? PROT_READ : PROT_NONE) != 0) __builtin_trap();
    protected_extents.push_back({column.data, size, place.name});
  }
}

} // namespace spore

#endif
