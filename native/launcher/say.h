// What the launcher has to say goes to standard error, in one write.
#pragma once

// Prints "spore: error: ..." and ends the process with status 1.
_Noreturn void fail(const char *format, ...) __attribute__((format(printf, 1, 2)));
