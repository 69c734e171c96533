/* kernel.h: the C interface between a kernel and the pool that runs it.
 *
 * A kernel is a plain function over a range of rows. It runs in a forked child of a Node process, so it
 * must not call Node-API, V8 or libuv, must not throw, and must hold no lock. It may run twice over a
 * range, and ranges may run in any order: write only rows that the range owns, or use atomics that can
 * be repeated (or, max, compare-exchange on a rank).
 */
#ifndef SPORE_KERNEL_H
#define SPORE_KERNEL_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define SPORE_KERNEL_ABI 1

/* The value of spore_context::fault_row when no fault is to be injected. */
#define SPORE_NO_ROW UINT32_MAX

/* One staged file, as the parent mapped it before the fork. Bytes are valid while the worker lives; a
 * file that shrinks meanwhile ends the worker with SIGBUS, which the pool reports. */
typedef struct spore_file {
  const uint8_t *bytes; /* null when size is 0 */
  uint64_t size; /* in bytes */
} spore_file;

/* What a kernel is given besides its range. Everything in it outlives the call. */
typedef struct spore_context {
  const spore_file *files; /* the files staged for this pool, in the caller's order */
  uint32_t file_count;
  uint32_t worker; /* index of the worker, below the pool's size */
  uint32_t worker_count;
  uint32_t attempt; /* 0, or 1 when a crashed worker's range is run again */
  uint8_t *arena; /* base of the shared arena; the same address in every worker. May be null */
  uint64_t arena_size; /* bytes reserved from there; touch only what was allocated */
  const void *args; /* the job's argument block, args_size bytes, 8-byte aligned */
  uint32_t args_size;
  uint32_t fault_row; /* tests only: the row at which to call spore_fault(); else SPORE_NO_ROW */
} spore_context;

/* Runs rows [first, end). Returns 0, or a status that the pool reports as the kernel's failure. */
typedef int32_t (*spore_kernel)(const spore_context *context, uint32_t first, uint32_t end);

typedef struct spore_kernel_entry {
  const char *name;
  spore_kernel run;
} spore_kernel_entry;

/* Makes kernels known to the pools of this process by name. Returns 0, or -1 when a name is taken by
 * another function or the table is full. The strings must outlive the process's use of them. */
int spore_register_kernels(uint32_t abi, const spore_kernel_entry *entries, uint32_t count);

/* Tests only: what a kernel calls when it reaches fault_row. It ends the worker by the signal that the
 * test asked for; in a production run it is never reached. */
void spore_fault(void);

#ifdef __cplusplus
}
#endif

#endif
