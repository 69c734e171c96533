// Whether this is the checked build (-DSPORE_CHECKED, `node build.mjs sanitize`).
#pragma once

namespace spore::staging {

#ifdef SPORE_CHECKED
inline constexpr bool is_checked = true;
#else
inline constexpr bool is_checked = false;
#endif

} // namespace spore::staging
