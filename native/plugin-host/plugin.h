#pragma once

// Loads a plugin and does what the linker asks, until the linker has no more to ask. Does not return.
_Noreturn void serve_plugin(int socket);
