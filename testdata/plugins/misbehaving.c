// A linker plugin that does what its option says, and is wrong otherwise only in that. It takes every file, says that it
// defines main, and adds real.o in its place.
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "interface.h"

static enum plugin_status (*add_symbols)(void *handle, int count, const struct plugin_symbol *symbols);
static enum plugin_status (*add_input_file)(const char *path);
static enum plugin_status (*message)(int level, const char *format, ...);
static const char *mode = "";

static int is(const char *word) { return strcmp(mode, word) == 0; }

static enum plugin_status claim_file(const struct plugin_input_file *file, int *claimed) {
  if (is("crash-in-claim")) abort();
  if (is("fail-in-claim")) return LDPS_ERR;
  if (is("hang-in-claim"))
    for (;;) pause();
  if (is("exit-in-claim")) exit(0);
  if (is("write")) {
    puts("written to standard output");
    fflush(stdout);
    fputs("written to standard error\n", stderr);
  }
  if (is("fork")) fork();
  if (is("daemon") && fork() == 0) {
    setsid();
    if (fork() == 0)
      for (;;) pause();
    _exit(0);
  }
  if (is("fatal")) message(LDPL_FATAL, "it is %s", "fatal");
  if (is("error")) message(LDPL_ERROR, "it is %s", "an error");
  struct plugin_symbol symbol = {.name = "main"};
  int count = 1;
  void *handle = file->handle;
  if (is("no-name")) symbol.name = NULL;
  if (is("wrong-kind")) symbol.def = 77;
  if (is("wrong-visibility")) symbol.visibility = 99;
  if (is("negative-count")) count = -5;
  if (is("no-symbols")) count = 0;
  if (is("wrong-handle")) handle = (char *)handle + 1000;
  if (is("wrong-pointer")) symbol.name = (char *)8;
  enum plugin_status status = add_symbols(handle, count, &symbol);
  *claimed = 1;
  return status;
}

static enum plugin_status all_symbols_read(void) {
  if (is("crash-at-all-symbols-read")) *(volatile int *)8 = 1;
  if (is("hang-at-all-symbols-read")) {
    system("sleep 1000");
    for (;;) pause();
  }
  if (is("fail-at-all-symbols-read")) return LDPS_ERR;
  if (is("ignore-signals")) {
    signal(SIGTERM, SIG_IGN);
    for (;;) pause();
  }
  if (is("warn")) {
    message(LDPL_WARNING, "it is %s", "a warning");
    message(LDPL_INFO, "it is %s", "a note");
  }
  if (!is("nothing")) add_input_file(is("missing-file") ? "nowhere.o" : is("directory") ? "." : "real.o");
  return LDPS_OK;
}

static enum plugin_status cleanup(void) {
  if (is("crash-in-cleanup")) abort();
  return LDPS_OK;
}

enum plugin_status onload(struct plugin_tv *vector) {
  void (*on_claim)(claim_file_hook *) = NULL;
  void (*on_all)(plain_hook *) = NULL;
  void (*on_cleanup)(plain_hook *) = NULL;
  for (; vector->tag != LDPT_NULL; vector++) switch (vector->tag) {
    case LDPT_OPTION: mode = vector->string; break;
    case LDPT_ADD_SYMBOLS: add_symbols = (void *)vector->function; break;
    case LDPT_ADD_INPUT_FILE: add_input_file = (void *)vector->function; break;
    case LDPT_MESSAGE: message = (void *)vector->function; break;
    case LDPT_REGISTER_CLAIM_FILE_HOOK: on_claim = (void *)vector->function; break;
    case LDPT_REGISTER_ALL_SYMBOLS_READ_HOOK: on_all = (void *)vector->function; break;
    case LDPT_REGISTER_CLEANUP_HOOK: on_cleanup = (void *)vector->function; break;
    default: break;
    }
  if (is("crash-in-onload")) abort();
  if (is("fail-in-onload")) return LDPS_ERR;
  on_claim(claim_file);
  on_all(all_symbols_read);
  on_cleanup(cleanup);
  return LDPS_OK;
}
