// Failure: what a staging function returns instead of throwing.
#pragma once

namespace spore::staging {

// Codes above every errno, for what no system call reports. src/staging/io-error.ts names them.
inline constexpr int kBudgetExceeded = 10001; // ERR_STAGE_BUDGET
inline constexpr int kNotRegularFile = 10002; // ERR_STAGE_NOT_REGULAR
inline constexpr int kArenaFull = 10003; // ERR_ARENA_FULL

// An errno (or one of the codes above) and the call that gave it. code 0 is success.
struct Failure {
  int code = 0;
  const char *syscall = "";
  explicit operator bool() const { return code != 0; }
};

} // namespace spore::staging
