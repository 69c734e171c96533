// A link, or a question, that is put to the resident linker.
#pragma once

#include <stdint.h>

#include "place.h"

// Which of the descriptors 0 to 2 were open. The others are /dev/null until give_back_descriptors(), so that nothing
// else gets their numbers.
uint32_t occupy_descriptors(void);
void give_back_descriptors(uint32_t open_bits);

// Connects; returns a descriptor, or -1.
int connect_resident(const struct place *place);

// Hands a link over. Returns its exit status; or -1 when nothing has been done, with the reason. A signal that ends
// this process ends the link.
int link_resident(int connection, uint32_t open_bits, char **words, int word_count, const char **reason);

// Puts a question (kind as in protocol.h), and prints the answer. False when there was none.
int ask_resident(int connection, uint32_t kind);
