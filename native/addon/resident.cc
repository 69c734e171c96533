// The binding of the resident linker's end of its connections.
#ifdef __linux__

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include <string>

#include "addon/bindings.h"
#include "resident/connection.h"

namespace spore {

using namespace resident;

namespace {

int int_at(const Napi::CallbackInfo &info, size_t index) { return info[index].As<Napi::Number>().Int32Value(); }

// (socket, backlog): 0 or an errno.
Napi::Value listen_for_clients(const Napi::CallbackInfo &info) {
  return Napi::Number::New(info.Env(), listen(int_at(info, 0), int_at(info, 1)) == 0 ? 0 : errno);
}

// (socket): blocks until there is a client; its descriptor, or -1.
Napi::Value accept_one(const Napi::CallbackInfo &info) {
  return Napi::Number::New(info.Env(), accept_client(int_at(info, 0)));
}

// Of a process that has one client, and ends with it.
Request request; // NOLINT(bugprone-throwing-static-initialization)

// (connection): [kind, words]; or why not, empty if it has gone.
Napi::Value receive(const Napi::CallbackInfo &info) {
  std::string failure;
  if (!receive_request(int_at(info, 0), request, failure)) return Napi::String::New(info.Env(), failure);
  auto words = Napi::Array::New(info.Env(), request.words.size());
  for (uint32_t i = 0; i < request.words.size(); i++) words[i] = request.words[i];
  auto result = Napi::Array::New(info.Env(), 2);
  result[0U] = request.kind;
  result[1U] = words;
  return result;
}

// (connection): null, and this process is in the client's place; or why not.
Napi::Value begin(const Napi::CallbackInfo &info) {
  std::string failure;
  if (begin_link(int_at(info, 0), request, failure)) return info.Env().Null();
  return Napi::String::New(info.Env(), failure);
}

// (connection, status)
void answer_status(const Napi::CallbackInfo &info) { say_status(int_at(info, 0), int_at(info, 1)); }

// (connection, text)
void answer_refusal(const Napi::CallbackInfo &info) {
  say_text(int_at(info, 0), kSporeRefused, info[1].As<Napi::String>().Utf8Value());
}

void answer_text(const Napi::CallbackInfo &info) {
  say_text(int_at(info, 0), kSporeText, info[1].As<Napi::String>().Utf8Value());
}

template <auto function> void add(Napi::Object exports, const char *name) {
  exports.Set(name, Napi::Function::New(exports.Env(), function, name));
}

} // namespace

void init_resident_binding(Napi::Env env, Napi::Object exports) {
  auto kinds = Napi::Object::New(env);
  kinds.Set("link", int(kSporeLink));
  kinds.Set("status", int(kSporeStatus));
  kinds.Set("stop", int(kSporeStop));
  exports.Set("requestKinds", kinds);
  add<listen_for_clients>(exports, "listenForClients");
  add<accept_one>(exports, "acceptClient");
  add<receive>(exports, "receiveRequest");
  add<begin>(exports, "beginLink");
  add<answer_status>(exports, "answerStatus");
  add<answer_refusal>(exports, "answerRefusal");
  add<answer_text>(exports, "answerText");
}

} // namespace spore

#endif
