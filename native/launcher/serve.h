// Starting the resident linker, and `spore serve`.
#pragma once

#include "place.h"

// Starts it in the background, unless somebody does so already. Returns why not, or null.
const char *start_in_background(const struct place *place, const char *code);

// Whether the arguments of `spore` ask for it.
int is_serve(char **words, int count);

// `spore serve`, with its options. Ends the process.
_Noreturn void serve(char **words, int count, const char *root, const char *code);
