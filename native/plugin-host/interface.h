// The interface between linkers and their plugins for link-time optimisation, as GCC's liblto_plugin.so and LLVM's
// LLVMgold.so use it: numbers and layouts are its contract, the names are the ones that its documentation has.
#pragma once

#include <stdint.h>
#include <sys/types.h>

enum plugin_status { LDPS_OK, LDPS_NO_SYMS, LDPS_BAD_HANDLE, LDPS_ERR };

enum plugin_resolution { LDPR_PREEMPTED_REG = 4 };

enum plugin_level { LDPL_INFO, LDPL_WARNING, LDPL_ERROR, LDPL_FATAL };

// What an element of the transfer vector is.
enum plugin_tag {
  LDPT_NULL,
  LDPT_API_VERSION,
  LDPT_GOLD_VERSION,
  LDPT_LINKER_OUTPUT,
  LDPT_OPTION,
  LDPT_REGISTER_CLAIM_FILE_HOOK,
  LDPT_REGISTER_ALL_SYMBOLS_READ_HOOK,
  LDPT_REGISTER_CLEANUP_HOOK,
  LDPT_ADD_SYMBOLS,
  LDPT_GET_SYMBOLS,
  LDPT_ADD_INPUT_FILE,
  LDPT_MESSAGE,
  LDPT_GET_INPUT_FILE,
  LDPT_RELEASE_INPUT_FILE,
  LDPT_ADD_INPUT_LIBRARY,
  LDPT_OUTPUT_NAME,
  LDPT_SET_EXTRA_LIBRARY_PATH,
  LDPT_GNU_LD_VERSION,
  LDPT_GET_VIEW,
  LDPT_UPDATE_SECTION_ORDER = 23,
  LDPT_ALLOW_SECTION_ORDERING,
  LDPT_GET_SYMBOLS_V2,
  LDPT_GET_SYMBOLS_V3 = 28,
  LDPT_GET_WRAP_SYMBOLS = 32,
  LDPT_ADD_SYMBOLS_V2,
  LDPT_REGISTER_CLAIM_FILE_HOOK_V2 = 35,
};

enum { plugin_api_version = 1 };

struct plugin_input_file {
  const char *name;
  int fd;
  off_t offset; // of an archive's member
  off_t filesize;
  void *handle;
};

struct plugin_symbol {
  char *name;
  char *version;
  // One int in the first version of the interface, which has nothing but `def`.
  char def, symbol_type, section_kind, unused;
  int visibility;
  uint64_t size;
  char *comdat_key;
  int resolution;
};

typedef enum plugin_status claim_file_hook(const struct plugin_input_file *file, int *claimed);
typedef enum plugin_status claim_file_hook_v2(const struct plugin_input_file *file, int *claimed, int known_used);
typedef enum plugin_status plain_hook(void);

// An element of the transfer vector.
struct plugin_tv {
  enum plugin_tag tag;
  union {
    int value;
    const char *string;
    void (*function)(void);
  };
};

typedef enum plugin_status plugin_onload(struct plugin_tv *vector);
