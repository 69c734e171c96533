// Frames between the linker and the process that its plugin runs in, over a socket: a u32 of bytes, a byte that says
// what it is, and so many bytes. Numbers are little-endian, texts have their size before them. What each kind has is
// in src/passes/plugin-frames.ts, which is the other side.
#pragma once

#include <stddef.h>
#include <stdint.h>

enum frame_kind {
  // From the linker.
  FRAME_LOAD = 1,
  FRAME_CLAIM,
  FRAME_RESOLUTIONS,
  FRAME_ALL_SYMBOLS_READ,
  FRAME_CLEANUP,
  // From the plugin's process.
  FRAME_LOADED = 16,
  FRAME_CLAIMED,
  FRAME_ALL_READ,
  FRAME_CLEANED,
  FRAME_MESSAGE,
  FRAME_FAILED, // the plugin does what it must not; the process ends
  FRAME_ENDED, // the process has ended: sent by the one that watches it
};

struct frame {
  uint8_t *bytes;
  size_t size, capacity;
  size_t read; // how much of it has been read
};

void put_u8(struct frame *frame, uint8_t value);
void put_u32(struct frame *frame, uint32_t value);
void put_u64(struct frame *frame, uint64_t value);
void put_text(struct frame *frame, const char *text);

// Of a frame that the linker has sent, which is right.
uint8_t get_u8(struct frame *frame);
uint32_t get_u32(struct frame *frame);
uint64_t get_u64(struct frame *frame);
char *get_text(struct frame *frame); // from malloc

// Sends what is in the frame, and empties it. From any thread. The linker may be gone: then the process ends.
void send_frame(int socket, enum frame_kind kind, struct frame *frame);
// Waits for a frame. 0 when the linker has closed the socket.
uint8_t receive_frame(int socket, struct frame *frame);

// malloc and realloc that end the process when there is no memory.
void *allocate(size_t size);
