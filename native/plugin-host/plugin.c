// The plugin and what it may call. It is code of others, built for another linker, so that each answer is looked at
// before the linker gets it: what is wrong ends this process with a reason.
#include "plugin.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "frames.h"
#include "interface.h"

// A file of the link. The plugin has its number, from 1, as a handle.
struct file {
  char *path;
  uint64_t offset, size;
  uint32_t number;
  int fd; // -1 while it is not open
  void *view; // the mapping
  const void *contents; // what the plugin sees of it
  struct plugin_symbol *symbols;
  int symbol_count;
  uint8_t *resolutions; // one for each symbol that it had when it was claimed, once they are known
  uint32_t resolution_count;
  int is_claimed, is_included;
};

enum { max_symbols = 1 << 28, max_resolution = 9, max_def = 4, max_visibility = 3 };

static int linker;
static pid_t own_process;
static struct file **files;
static uint32_t file_count, file_capacity;
static struct frame answer;
// What the plugin adds to the link, and how much of it there is.
static struct frame added;
static uint32_t added_count;
static const char **wrapped;
static uint64_t wrapped_count;
static claim_file_hook *claim_file;
static claim_file_hook_v2 *claim_file_v2;
static plain_hook *all_symbols_read, *cleanup;

// A process that the plugin has forked, and that has come back here, is not who the linker talks to.
static void stay_alone(void) {
  if (getpid() != own_process) _exit(0);
}

static void send_to_linker(enum frame_kind kind, struct frame *frame) {
  stay_alone();
  send_frame(linker, kind, frame);
}

__attribute__((format(printf, 1, 2))) static _Noreturn void fail(const char *format, ...) {
  struct frame frame = {0};
  char *text = NULL;
  va_list arguments;
  va_start(arguments, format);
  if (vasprintf(&text, format, arguments) < 0) text = NULL;
  va_end(arguments);
  put_text(&frame, text ? text : format);
  send_to_linker(FRAME_FAILED, &frame);
  _exit(1);
}

static struct file *file_of(const void *handle) {
  uintptr_t number = (uintptr_t)handle;
  return number > 0 && number <= file_count ? files[number - 1] : NULL;
}

static const char *kept(const char *text) {
  if (!text) return NULL;
  size_t size = strlen(text) + 1;
  return memcpy(allocate(size), text, size);
}

static int open_file(struct file *file) {
  if (file->fd < 0) file->fd = open(file->path, O_RDONLY | O_CLOEXEC);
  return file->fd;
}

static void close_file(struct file *file) {
  if (file->fd >= 0) close(file->fd);
  file->fd = -1;
}

static struct plugin_input_file described(struct file *file) {
  return (struct plugin_input_file){.name = file->path,
                                    .fd = open_file(file),
                                    .offset = (off_t)file->offset,
                                    .filesize = (off_t)file->size,
                                    .handle = (void *)(uintptr_t)file->number};
}

static enum plugin_status register_claim_file(claim_file_hook *hook) {
  claim_file = hook;
  return LDPS_OK;
}
static enum plugin_status register_claim_file_v2(claim_file_hook_v2 *hook) {
  claim_file_v2 = hook;
  return LDPS_OK;
}
static enum plugin_status register_all_symbols_read(plain_hook *hook) {
  all_symbols_read = hook;
  return LDPS_OK;
}
static enum plugin_status register_cleanup(plain_hook *hook) {
  cleanup = hook;
  return LDPS_OK;
}

static enum plugin_status add_symbols_of(void *handle, int count, const struct plugin_symbol *symbols, int has_kinds) {
  struct file *file = file_of(handle);
  if (!file) return LDPS_BAD_HANDLE;
  if (count < 0 || count > max_symbols || (count > 0 && !symbols))
    fail("it says that '%s' has %d symbols", file->path, count);
  file->symbols = allocate((size_t)count * sizeof *symbols);
  for (int i = 0; i < count; i++) {
    struct plugin_symbol s = symbols[i];
    if (!s.name || !*s.name) fail("symbol %d of '%s' has no name", i, file->path);
    if (s.def < 0 || s.def > max_def) fail("symbol '%s' of '%s' is of kind %d", s.name, file->path, s.def);
    if (s.visibility < 0 || s.visibility > max_visibility)
      fail("symbol '%s' of '%s' has visibility %d", s.name, file->path, s.visibility);
    if (!has_kinds) s.symbol_type = s.section_kind = 0;
    s.name = (char *)kept(s.name);
    s.version = (char *)kept(s.version);
    s.comdat_key = (char *)kept(s.comdat_key);
    file->symbols[i] = s;
  }
  file->symbol_count = count;
  return LDPS_OK;
}
static enum plugin_status add_symbols(void *handle, int count, const struct plugin_symbol *symbols) {
  return add_symbols_of(handle, count, symbols, 0);
}
static enum plugin_status add_symbols_v2(void *handle, int count, const struct plugin_symbol *symbols) {
  return add_symbols_of(handle, count, symbols, 1);
}

static enum plugin_status get_symbols_of(const void *handle, int count, struct plugin_symbol *symbols, int version) {
  enum { ironly_exp = 9, prevailing = 2 };
  struct file *file = file_of(handle);
  if (!file || !file->is_claimed) return LDPS_BAD_HANDLE;
  if (count < 0 || count > file->symbol_count || (count > 0 && !file->resolutions)) return LDPS_NO_SYMS;
  if (!file->is_included && version >= 3) return LDPS_NO_SYMS;
  if (file->is_included && (uint32_t)count > file->resolution_count) return LDPS_NO_SYMS; // it has added some since
  for (int i = 0; i < count; i++) {
    int resolution = file->is_included ? file->resolutions[i] : LDPR_PREEMPTED_REG;
    symbols[i].resolution = version == 1 && resolution == ironly_exp ? prevailing : resolution;
  }
  return LDPS_OK;
}
static enum plugin_status get_symbols(const void *handle, int count, struct plugin_symbol *symbols) {
  return get_symbols_of(handle, count, symbols, 1);
}
static enum plugin_status get_symbols_v2(const void *handle, int count, struct plugin_symbol *symbols) {
  return get_symbols_of(handle, count, symbols, 2);
}
static enum plugin_status get_symbols_v3(const void *handle, int count, struct plugin_symbol *symbols) {
  return get_symbols_of(handle, count, symbols, 3);
}

static enum plugin_status get_input_file(const void *handle, struct plugin_input_file *described_file) {
  struct file *file = file_of(handle);
  if (!file) return LDPS_BAD_HANDLE;
  *described_file = described(file);
  return described_file->fd < 0 ? LDPS_ERR : LDPS_OK;
}

static enum plugin_status release_input_file(const void *handle) {
  struct file *file = file_of(handle);
  if (!file) return LDPS_BAD_HANDLE;
  close_file(file);
  return LDPS_OK;
}

static enum plugin_status get_view(const void *handle, const void **view) {
  struct file *file = file_of(handle);
  if (!file) return LDPS_BAD_HANDLE;
  if (!file->view) {
    const int was_open = file->fd >= 0;
    if (open_file(file) < 0) return LDPS_ERR;
    uint64_t begin = file->offset & ~((uint64_t)sysconf(_SC_PAGESIZE) - 1);
    size_t size = (size_t)(file->offset - begin + file->size);
    file->view = mmap(NULL, size, PROT_READ, MAP_PRIVATE, file->fd, (off_t)begin);
    if (!was_open) close_file(file);
    if (file->view == MAP_FAILED) {
      file->view = NULL;
      return LDPS_ERR;
    }
    file->contents = (const char *)file->view + (file->offset - begin);
  }
  *view = file->contents;
  return LDPS_OK;
}

static enum plugin_status add(uint8_t kind, const char *text) {
  if (!text) return LDPS_ERR;
  put_u8(&added, kind);
  put_text(&added, text);
  added_count++;
  return LDPS_OK;
}
static enum plugin_status add_input_file(const char *path) { return add(0, path); }
static enum plugin_status add_input_library(const char *name) { return add(1, name); }
static enum plugin_status set_extra_library_path(const char *path) { return add(2, path); }

__attribute__((format(printf, 2, 3))) static enum plugin_status message(int level, const char *format, ...) {
  struct frame frame = {0};
  char *text = NULL;
  va_list arguments;
  va_start(arguments, format);
  if (vasprintf(&text, format, arguments) < 0) text = NULL;
  va_end(arguments);
  put_u8(&frame, (uint8_t)level);
  put_text(&frame, text ? text : "");
  send_to_linker(FRAME_MESSAGE, &frame);
  free(frame.bytes);
  free(text);
  if (level == LDPL_FATAL) _exit(1);
  return LDPS_OK;
}

static enum plugin_status get_wrap_symbols(uint64_t *count, const char ***names) {
  *count = wrapped_count;
  *names = wrapped;
  return LDPS_OK;
}

// Sections are ordered by the linker alone.
static enum plugin_status refuse(void) { return LDPS_ERR; }

static void load(struct frame *frame) {
  enum { most = 64 };
  char *path = get_text(frame);
  int kind = get_u8(frame);
  char *output = get_text(frame);
  int version = (int)get_u32(frame);
  wrapped_count = get_u32(frame);
  wrapped = (const char **)allocate(wrapped_count * sizeof *wrapped);
  for (uint64_t i = 0; i < wrapped_count; i++) wrapped[i] = get_text(frame);
  uint32_t options = get_u32(frame);
  struct plugin_tv *vector = allocate((options + most) * sizeof *vector), *next = vector;
  *next++ = (struct plugin_tv){LDPT_API_VERSION, {.value = plugin_api_version}};
  *next++ = (struct plugin_tv){LDPT_GNU_LD_VERSION, {.value = version}};
  *next++ = (struct plugin_tv){LDPT_LINKER_OUTPUT, {.value = kind}};
  *next++ = (struct plugin_tv){LDPT_OUTPUT_NAME, {.string = output}};
  const struct {
    enum plugin_tag tag;
    void (*function)(void);
  } functions[] = {
#define FUNCTION(tag, function) {tag, (void (*)(void))(function)}
      // First, so that what onload says is heard.
      FUNCTION(LDPT_MESSAGE, message),
      FUNCTION(LDPT_REGISTER_CLAIM_FILE_HOOK, register_claim_file),
      FUNCTION(LDPT_REGISTER_CLAIM_FILE_HOOK_V2, register_claim_file_v2),
      FUNCTION(LDPT_REGISTER_ALL_SYMBOLS_READ_HOOK, register_all_symbols_read),
      FUNCTION(LDPT_REGISTER_CLEANUP_HOOK, register_cleanup),
      FUNCTION(LDPT_ADD_SYMBOLS, add_symbols),
      FUNCTION(LDPT_ADD_SYMBOLS_V2, add_symbols_v2),
      FUNCTION(LDPT_GET_SYMBOLS, get_symbols),
      FUNCTION(LDPT_GET_SYMBOLS_V2, get_symbols_v2),
      FUNCTION(LDPT_GET_SYMBOLS_V3, get_symbols_v3),
      FUNCTION(LDPT_GET_INPUT_FILE, get_input_file),
      FUNCTION(LDPT_GET_VIEW, get_view),
      FUNCTION(LDPT_RELEASE_INPUT_FILE, release_input_file),
      FUNCTION(LDPT_ADD_INPUT_FILE, add_input_file),
      FUNCTION(LDPT_ADD_INPUT_LIBRARY, add_input_library),
      FUNCTION(LDPT_SET_EXTRA_LIBRARY_PATH, set_extra_library_path),
      FUNCTION(LDPT_GET_WRAP_SYMBOLS, get_wrap_symbols),
      FUNCTION(LDPT_UPDATE_SECTION_ORDER, refuse),
      FUNCTION(LDPT_ALLOW_SECTION_ORDERING, refuse),
#undef FUNCTION
  };
  for (size_t i = 0; i < sizeof functions / sizeof *functions; i++)
    *next++ = (struct plugin_tv){functions[i].tag, {.function = functions[i].function}};
  for (uint32_t i = 0; i < options; i++) *next++ = (struct plugin_tv){LDPT_OPTION, {.string = get_text(frame)}};
  *next = (struct plugin_tv){LDPT_NULL, {.value = 0}};

  void *library = dlopen(path, RTLD_NOW);
  if (!library) fail("it cannot be loaded: %s", dlerror());
  plugin_onload *onload = (plugin_onload *)dlsym(library, "onload");
  if (!onload) fail("it is no linker plugin: it has no function 'onload'");
  enum plugin_status status = onload(vector);
  if (status != LDPS_OK) fail("it does not start: 'onload' returned %d", (int)status);
  put_u8(&answer, claim_file || claim_file_v2);
  send_to_linker(FRAME_LOADED, &answer);
}

static void claim(struct frame *frame) {
  struct file *file = allocate(sizeof *file);
  *file = (struct file){.fd = -1};
  file->path = get_text(frame);
  file->offset = get_u64(frame);
  file->size = get_u64(frame);
  if (file_count == file_capacity) {
    file_capacity = file_capacity * 2 + 16;
    struct file **longer = (struct file **)allocate(file_capacity * sizeof *files);
    for (uint32_t i = 0; i < file_count; i++) longer[i] = files[i];
    free((void *)files);
    files = longer;
  }
  files[file_count++] = file;
  file->number = file_count;

  int is_claimed = 0;
  if (open_file(file) < 0) fail("it cannot have '%s': %s", file->path, strerror(errno));
  const struct plugin_input_file input = described(file);
  enum plugin_status status = LDPS_OK;
  if (claim_file_v2) status = claim_file_v2(&input, &is_claimed, 1);
  else if (claim_file) status = claim_file(&input, &is_claimed);
  if (status != LDPS_OK) fail("it failed on '%s': the claim hook returned %d", file->path, (int)status);
  close_file(file);
  file->is_claimed = is_claimed != 0;

  put_u8(&answer, (uint8_t)file->is_claimed);
  put_u32(&answer, file->is_claimed ? (uint32_t)file->symbol_count : 0);
  for (int i = 0; file->is_claimed && i < file->symbol_count; i++) {
    const struct plugin_symbol *s = &file->symbols[i];
    put_u8(&answer, (uint8_t)s->def);
    put_u8(&answer, (uint8_t)s->symbol_type);
    put_u8(&answer, (uint8_t)s->visibility);
    put_u64(&answer, s->size);
    put_text(&answer, s->name);
    put_text(&answer, s->version ? s->version : "");
    put_text(&answer, s->comdat_key ? s->comdat_key : "");
  }
  send_to_linker(FRAME_CLAIMED, &answer);
}

// For each file that has been offered, in that order.
static void take_resolutions(struct frame *frame) {
  for (uint32_t i = 0; i < file_count; i++) {
    struct file *file = files[i];
    file->is_included = get_u8(frame);
    uint32_t count = get_u32(frame);
    file->resolutions = allocate(count);
    file->resolution_count = count;
    for (uint32_t n = 0; n < count; n++) file->resolutions[n] = get_u8(frame);
  }
}

static void read_all(void) {
  if (all_symbols_read) {
    enum plugin_status status = all_symbols_read();
    if (status != LDPS_OK) fail("it failed: the hook for all symbols returned %d", (int)status);
  }
  put_u32(&answer, added_count);
  for (size_t i = 0; i < added.size; i++) put_u8(&answer, added.bytes[i]);
  send_to_linker(FRAME_ALL_READ, &answer);
}

static _Noreturn void clean_up(void) {
  if (cleanup) {
    enum plugin_status status = cleanup();
    if (status != LDPS_OK) fail("it failed: the hook for cleaning up returned %d", (int)status);
  }
  send_to_linker(FRAME_CLEANED, &answer);
  // As a linker would end, so that what the plugin has registered by atexit() runs.
  exit(0);
}

_Noreturn void serve_plugin(int socket) {
  struct frame frame = {0};
  linker = socket;
  own_process = getpid();
  for (;;) {
    uint8_t kind = receive_frame(socket, &frame);
    stay_alone();
    switch (kind) {
    case FRAME_LOAD: load(&frame); break;
    case FRAME_CLAIM: claim(&frame); break;
    case FRAME_RESOLUTIONS: take_resolutions(&frame); break;
    case FRAME_ALL_SYMBOLS_READ: read_all(); break;
    case FRAME_CLEANUP: clean_up();
    default: _exit(0); // the linker has failed: what is to be removed, the process that watches removes
    }
  }
}
