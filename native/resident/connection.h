// A resident linker's end of a connection. The protocol is protocol.h.
#pragma once

#include <string>
#include <vector>

#include "resident/protocol.h"

namespace spore::resident {

// What a client asks for.
struct Request {
  uint32_t kind = 0;
  uint32_t open_descriptors = 0; // of 0 to 2, as bits
  std::vector<std::string> words;
};

// Waits for a client; -1 when there can be none any more. Close-on-exec.
int accept_client(int listener);

// Receives a request. For a link, takes the client's environment, and what peer.h has. False when that cannot be;
// `failure` says why, and is empty if the client has gone.
bool receive_request(int connection, Request &request, std::string &failure);

// Tells the client that its link can begin, and takes its working folder and descriptors 0 to 2. False as above. From
// then on this process gets SIGTERM when the client has gone, or wants the link to end.
bool begin_link(int connection, const Request &request, std::string &failure);

// kSporeDone and a status. Nothing can be said on descriptors 0 to 2 any more.
void say_status(int connection, int status);

// kSporeRefused or kSporeText, and the text.
void say_text(int connection, char kind, const std::string &text);

} // namespace spore::resident
