/* kernel.h: the C interface between kernels and the workers that run them.
 *
 * A kernel is a plain function over a range of rows. What a row is, the kernel says: a file, a piece of one, an
 * element of a column. A library of kernels is a shared object that exports the table `spore_kernels`:
 *
 *     #include <spore/kernel.h>
 *
 *     static int32_t sum_bytes(const spore_context *context, uint32_t first, uint32_t end) { ... return 0; }
 *
 *     static const spore_kernel_entry kernels[] = {{"sum-bytes", sum_bytes}};
 *     const spore_kernel_library spore_kernels = {SPORE_KERNEL_ABI, 1, kernels};
 *
 * It is compiled with -shared -fPIC, links nothing of Spore's, and is made known by loadKernels() of
 * "spore-ld/staging". A Node addon may export the table, too.
 *
 * A kernel runs in a child forked from a Node process. From that follow the rules:
 *
 * - It must not call Node-API, V8 or libuv: their threads, and V8's heap, are not in the child.
 * - No C++ exception may leave it. Threads that it starts must have ended when it returns.
 * - It must not wait for a lock that another process, or another thread of the parent, may hold. malloc() works.
 * - A pool takes ranges in any order, and runs one again when its worker died over it: a kernel writes only what
 *   its rows own, or uses atomics that may be repeated (or, max, compare-exchange on a rank).
 * - What it writes to the arena is what others see. Its static variables are its own process's; in a pool they
 *   live from job to job.
 * - Standard output and error are /dev/null. It reports by its results, and by its status.
 */
#ifndef SPORE_KERNEL_H
#define SPORE_KERNEL_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Goes up when what is here changes in a way that compiled kernels would notice. */
#define SPORE_KERNEL_ABI 1

/* The value of spore_context::fault_row outside Spore's own tests. */
#define SPORE_NO_ROW UINT32_MAX

/* One staged file, as the parent mapped it before the fork: read-only, and valid while the worker lives. A file
 * that shrinks meanwhile ends the worker with SIGBUS where it reads beyond the new end; the pool reports that. */
typedef struct spore_file {
  const uint8_t *bytes; /* null when size is 0 */
  uint64_t size; /* in bytes, as of staging; 0 for a file staged in mode None */
} spore_file;

/* What a kernel is given besides its range. Everything in it outlives the call. */
typedef struct spore_context {
  const spore_file *files; /* the files staged for this pool, in the caller's order */
  uint32_t file_count;
  uint32_t worker; /* index of the worker, below worker_count */
  uint32_t worker_count;
  uint32_t attempt; /* 0, or 1 when the range of a worker that died is run again */
  uint8_t *arena; /* base of the shared arena; the same address in every worker. Null when there is none */
  uint64_t arena_size; /* bytes reserved from there; touch only what the parent allocated */
  const void *args; /* the caller's argument block, args_size bytes, 8-byte aligned: offsets in the arena, say */
  uint32_t args_size;
  uint32_t fault_row; /* for Spore's own tests */
} spore_context;

/* Runs rows [first, end). Returns 0, or a status that is the caller's to understand: run() of a pool rejects with
 * it, and a worker of its own has it, modulo 256, as its exit code. */
typedef int32_t (*spore_kernel)(const spore_context *context, uint32_t first, uint32_t end);

typedef struct spore_kernel_entry {
  const char *name; /* how JavaScript names it. Unique in a process: put your package's name before a colon */
  spore_kernel run;
} spore_kernel_entry;

typedef struct spore_kernel_library {
  uint32_t abi; /* SPORE_KERNEL_ABI */
  uint32_t count;
  const spore_kernel_entry *entries;
} spore_kernel_library;

/* Defined by a library of kernels, under this name. */
#if defined(__GNUC__)
__attribute__((visibility("default")))
#endif
extern const spore_kernel_library spore_kernels;

#ifdef __cplusplus
}
#endif

#endif
