// What a client (native/launcher) and a resident linker say to each other, over a stream socket of their user's. Both
// are of one build, which the socket is named for, and on one machine: structures go as they are in memory. C, too.
//
//     client                                    linker
//     spore_request, strings    ->
//                               <-   kSporeReady, or kSporeRefused and a reason
//     kSporeGo, descriptors     ->
//                               <-   kSporeDone and an exit status, or kSporeRefused and a reason
//
// Descriptors go to who has shown that it lives: what waits in a socket that nobody reads is open for others.
//
// From kSporeGo on, the client's end of the socket is shut when it wants the link to end. A linker that goes without a
// word, or that does not answer in time, has done nothing: the client links by itself.
#pragma once

#include <stdint.h>

// Changes with what is said here.
#define SPORE_PROTOCOL UINT32_C(0x53500001)

enum { // of spore_request.kind
  kSporeLink = 1,
  kSporeStatus = 2, // answered by kSporeText at once
  kSporeStop = 3, // the same; the linker then takes no more links, and ends with the last one that runs
};

// The first byte of what is said.
enum {
  kSporeReady = 'R',
  kSporeGo = 'G', // with descriptors: of the working folder, and of 0, 1 and 2 those that are open
  kSporeDone = 'D', // a byte follows
  kSporeRefused = 'C', // text follows, up to the end
  kSporeText = 'T', // the same
};

struct spore_request {
  uint32_t protocol;
  uint32_t kind;
  uint32_t open_descriptors; // bits 0 to 2
  uint32_t words; // arguments without the program's name
  uint32_t variables; // the environment
  uint32_t text_bytes; // both, each with its 0 at the end
};
