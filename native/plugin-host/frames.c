#include "frames.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { header_size = 5, out_of_memory = 125 };

static void *grown(void *old, size_t size) {
  void *memory = realloc(old, size ? size : 1);
  if (!memory) _exit(out_of_memory);
  return memory;
}

void *allocate(size_t size) { return grown(NULL, size); }

static void put(struct frame *frame, const void *bytes, size_t size) {
  if (frame->capacity - frame->size < size) {
    frame->capacity = (frame->size + size) * 2;
    frame->bytes = grown(frame->bytes, frame->capacity);
  }
  if (size) memcpy(frame->bytes + frame->size, bytes, size);
  frame->size += size;
}

void put_u8(struct frame *frame, uint8_t value) { put(frame, &value, sizeof value); }
void put_u32(struct frame *frame, uint32_t value) { put(frame, &value, sizeof value); }
void put_u64(struct frame *frame, uint64_t value) { put(frame, &value, sizeof value); }
void put_text(struct frame *frame, const char *text) {
  size_t size = strlen(text);
  put_u32(frame, (uint32_t)size);
  put(frame, text, size);
}

static void get(struct frame *frame, void *bytes, size_t size) {
  if (frame->size - frame->read < size) _exit(1);
  memcpy(bytes, frame->bytes + frame->read, size);
  frame->read += size;
}

uint8_t get_u8(struct frame *frame) {
  uint8_t value;
  get(frame, &value, sizeof value);
  return value;
}
uint32_t get_u32(struct frame *frame) {
  uint32_t value;
  get(frame, &value, sizeof value);
  return value;
}
uint64_t get_u64(struct frame *frame) {
  uint64_t value;
  get(frame, &value, sizeof value);
  return value;
}
char *get_text(struct frame *frame) {
  size_t size = get_u32(frame);
  char *text = allocate(size + 1);
  get(frame, text, size);
  text[size] = 0;
  return text;
}

static void send_all(int socket, const void *bytes, size_t size) {
  for (const char *at = bytes; size > 0;) {
    ssize_t sent = send(socket, at, size, MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0) _exit(1);
    at += sent;
    size -= (size_t)sent;
  }
}

void send_frame(int socket, enum frame_kind kind, struct frame *frame) {
  static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
  uint8_t header[header_size];
  uint32_t size = (uint32_t)frame->size;
  memcpy(header, &size, sizeof size);
  header[4] = (uint8_t)kind;
  pthread_mutex_lock(&lock);
  send_all(socket, header, sizeof header);
  send_all(socket, frame->bytes, frame->size);
  pthread_mutex_unlock(&lock);
  frame->size = 0;
}

static int receive_all(int socket, void *bytes, size_t size) {
  for (char *at = bytes; size > 0;) {
    ssize_t got = recv(socket, at, size, 0);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return 0;
    at += got;
    size -= (size_t)got;
  }
  return 1;
}

uint8_t receive_frame(int socket, struct frame *frame) {
  uint8_t header[header_size];
  if (!receive_all(socket, header, sizeof header)) return 0;
  uint32_t size;
  memcpy(&size, header, sizeof size);
  if (frame->capacity < size) {
    frame->bytes = grown(frame->bytes, size);
    frame->capacity = size;
  }
  frame->size = size;
  frame->read = 0;
  return receive_all(socket, frame->bytes, size) ? header[4] : 0;
}
