// Where the resident linker of this user and this build of Spore listens.
#pragma once

#include <limits.h>

struct place {
  int folder; // the folder's descriptor
  char path[PATH_MAX]; // the folder's
  char name[24]; // of this build: the socket is name.sock, the lock name.lock
};

// Finds the folder, and makes it if `may_make`. It must be the user's own, and nobody else may look into it. Returns
// why there is none, or null. `root` is the package's folder.
const char *find_place(const char *root, int may_make, struct place *place);

enum { kSocketNameBytes = 64 };

// The socket's name for connect() and bind(), which take no long ones.
void name_socket(const struct place *place, char name[kSocketNameBytes]);
