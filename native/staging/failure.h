// Failure: what a staging function returns instead of throwing.
#pragma once

namespace spore::staging {

// Codes above every errno, for what no system call reports.
enum OwnCode : int {
  kBudgetExceeded = 10001,
  kNotRegularFile,
  kArenaFull,
  kFileShrank,
  kFileWritten,
  kFileChanged,
  kFileReplaced,
  kArenaBorrowed,
  kPathHasNul,
  kNoMoreMappings,
};

// Its name in JavaScript, or null for an errno.
inline const char *own_code_name(int code) {
  switch (code) {
  case kBudgetExceeded: return "ERR_STAGE_BUDGET";
  case kNotRegularFile: return "ERR_STAGE_NOT_REGULAR";
  case kArenaFull: return "ERR_ARENA_FULL";
  case kFileShrank: return "ERR_STAGE_SHRANK";
  case kFileWritten: return "ERR_STAGE_WRITTEN";
  case kFileChanged: return "ERR_STAGE_CHANGED";
  case kFileReplaced: return "ERR_STAGE_REPLACED";
  case kArenaBorrowed: return "ERR_ARENA_BORROWED";
  case kPathHasNul: return "ERR_PATH_NUL";
  case kNoMoreMappings: return "ERR_STAGE_MAPPINGS";
  default: return nullptr;
  }
}

// An errno (or one of the codes above) and the call that gave it. code 0 is success.
struct Failure {
  int code = 0;
  const char *syscall = "";
  explicit operator bool() const { return code != 0; }
};

} // namespace spore::staging
