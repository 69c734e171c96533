// The Node that runs Spore: which one it is, whether it is new enough, and its start.
#pragma once

#include <limits.h>

// The variable that tells a link why it is cold.
#define SPORE_COLD_REASON "SPORE_COLD_REASON"

// The variable with the user's NODE_OPTIONS, which are not for the linker.
#define SPORE_USER_NODE_OPTIONS "SPORE_USER_NODE_OPTIONS"

// What Node is started with.
struct start {
  const char *const *flags; // for Node itself
  int flag_count;
  const char *code; // the file that it loads
  const char *program; // what that is to be: "ld", "spore" or "resident"
  char **words; // what the user said, without the name of the program
  int word_count;
  const char *cold_reason; // why a link is not left to a resident linker, or null
  int keeps_certificates; // whether NODE_EXTRA_CA_CERTS stays as it is
};

// Replaces this process by Node. Says what is missing when it cannot.
_Noreturn void start_node(const struct start *start);
