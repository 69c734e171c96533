/* One kernel: the longest line of each file. */
#include <spore/kernel.h>

#include <string.h>

/* What JavaScript gives the kernel: main.mjs writes the same. */
struct arguments {
  uint64_t results; /* offset in the arena of a struct result per file */
};

struct result {
  uint64_t length; /* in bytes, without the line feed */
  uint64_t line; /* from 1; 0 in an empty file */
};

/* A row is a file, and owns its result: when a worker dies, another may run the row again. */
static int32_t longest_line(const spore_context *context, uint32_t first, uint32_t end) {
  struct arguments arguments;
  if (context->args_size != sizeof arguments || end > context->file_count) return 1;
  memcpy(&arguments, context->args, sizeof arguments);
  struct result *results = (struct result *)(context->arena + arguments.results);
  for (uint32_t row = first; row < end; row++) {
    struct result longest = {0, 0};
    const uint8_t *at = context->files[row].bytes;
    uint64_t left = context->files[row].size;
    for (uint64_t line = 1; left > 0; line++) {
      const uint8_t *feed = memchr(at, '\n', left);
      const uint64_t length = feed ? (uint64_t)(feed - at) : left;
      if (longest.line == 0 || length > longest.length) longest = (struct result){length, line};
      if (!feed) break;
      left -= length + 1;
      at = feed + 1;
    }
    results[row] = longest;
  }
  return 0;
}

static const spore_kernel_entry kernels[] = {{"own-kernel:longest-line", longest_line}};
const spore_kernel_library spore_kernels = {SPORE_KERNEL_ABI, sizeof kernels / sizeof *kernels, kernels};
