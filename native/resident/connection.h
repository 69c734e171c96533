// A resident linker's end of a connection. The protocol is protocol.h.
#pragma once

#include <string>
#include <vector>

#include "resident/protocol.h"

namespace spore::resident {

// What a client asks for.
struct Request {
  uint32_t kind = 0;
  std::vector<std::string> words;
};

// Waits for a client; -1 when there can be none any more. Close-on-exec.
int accept_client(int listener);

// Receives a request and takes the client's place: its working folder, descriptors 0 to 2, environment, and what
// peer.h has. Returns why that cannot be; `failure` is then empty only if the client has gone.
bool receive_request(int connection, Request &request, std::string &failure);

// Tells the client that its link can begin, and waits for its word. False when it has gone. From then on this process
// gets SIGTERM when the client has, or when it wants the link to end.
bool begin_link(int connection);

// kSporeDone and a status.
void say_status(int connection, int status);

// kSporeRefused or kSporeText, and the text.
void say_text(int connection, char kind, const std::string &text);

} // namespace spore::resident
