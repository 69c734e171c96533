// Shell globs as version scripts use them: `*`, `?`, `[a-z]`, `[!a-z]`, `[[:digit:]]`, and `\` before any character.
#pragma once

#include <algorithm>
#include <cctype>
#include <string_view>

namespace spore {

// A class of characters, `[:name:]` within brackets (POSIX, XBD 9.3.5); null for a name that is none.
inline int (*glob_class(std::string_view name))(int) {
  struct {
    std::string_view name;
    int (*holds)(int);
  } constexpr classes[] = {{"alnum", std::isalnum}, {"alpha", std::isalpha}, {"blank", std::isblank},
                           {"cntrl", std::iscntrl}, {"digit", std::isdigit}, {"graph", std::isgraph},
                           {"lower", std::islower}, {"print", std::isprint}, {"punct", std::ispunct},
                           {"space", std::isspace}, {"upper", std::isupper}, {"xdigit", std::isxdigit}};
  for (const auto &known : classes)
    if (known.name == name) return known.holds;
  return nullptr;
}

// Whether the bracket expression that begins at `p` (after `[`) holds `c`; moves `p` past its `]`. An
// expression without an end is an ordinary `[`. Ranges are of bytes, as fnmatch() has them in the C locale.
inline bool matches_bracket(std::string_view pattern, size_t &p, char c) {
  size_t at = p;
  bool is_negated = at < pattern.size() && (pattern[at] == '!' || pattern[at] == '^');
  if (is_negated) at++;
  auto member = [&] {
    if (pattern[at] == '\\' && at + 1 < pattern.size()) at++;
    return static_cast<unsigned char>(pattern[at++]);
  };
  bool is_found = false, is_first = true;
  for (; at < pattern.size() && (is_first || pattern[at] != ']'); is_first = false) {
    if (pattern.substr(at).starts_with("[:"))
      if (size_t end = pattern.find(":]", at + 2); end != std::string_view::npos) {
        auto holds = glob_class(pattern.substr(at + 2, end - at - 2));
        if (!holds && !is_found) return false; // as fnmatch(), which reads no further once it has found the character
        is_found |= holds && holds(static_cast<unsigned char>(c));
        at = end + 2;
        continue;
      }
    unsigned char low = member(), high = low;
    if (at + 1 < pattern.size() && pattern[at] == '-' && pattern[at + 1] != ']') {
      at++;
      high = member();
    }
    is_found |= low <= static_cast<unsigned char>(c) && static_cast<unsigned char>(c) <= high;
  }
  if (at >= pattern.size()) return c == '[';
  p = at + 1;
  return is_found != is_negated;
}

// Linear in the text for each `*`: it is enough to return to the last one, and to where the character after it is.
inline bool matches_glob(std::string_view pattern, std::string_view text) {
  size_t p = 0, t = 0, star = std::string_view::npos, star_text = 0;
  auto skip_to_plain = [&] {
    if (star == pattern.size() || std::string_view("*?[\\").find(pattern[star]) != std::string_view::npos) return;
    t = star_text = std::min(text.find(pattern[star], star_text), text.size());
  };
  while (t < text.size()) {
    size_t next = p;
    bool is_match = false;
    if (p < pattern.size() && pattern[p] == '*') {
      star = ++p;
      star_text = t;
      skip_to_plain();
      continue;
    }
    if (p < pattern.size()) {
      char c = pattern[next++];
      if (c == '?') is_match = true;
      else if (c == '[') is_match = matches_bracket(pattern, next, text[t]);
      else if (c == '\\' && next < pattern.size()) is_match = pattern[next++] == text[t];
      else is_match = c == text[t];
    }
    if (is_match) {
      p = next;
      t++;
    } else if (star != std::string_view::npos) {
      p = star;
      t = ++star_text;
      skip_to_plain();
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*') p++;
  return p == pattern.size();
}

} // namespace spore
