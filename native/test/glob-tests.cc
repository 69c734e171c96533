// Globs alone.

#include <fnmatch.h>

#include <string>

#include "kernels/glob.h"
#include "test/check.h"
#include "test/random.h"

using namespace spore;
using namespace spore::test;

namespace {

// What this linker and fnmatch() have differently, on purpose: a `\` at the end is itself here, and matches nothing
// there; so does a `[` without an end there, if the pattern ends in a `-` or a `\`. The random patterns below do not
// end so. Equivalence classes and collating symbols ([=a=], [.a.]) are not known here.
bool is_same_in_both(std::string_view pattern) {
  for (const char *beginning : {"[=", "[."})
    if (pattern.find(beginning) != std::string_view::npos) return false;
  return !pattern.ends_with('-') && !pattern.ends_with('\\');
}

// Compares with fnmatch() without flags, which is what GNU ld matches version scripts by.
void compare(Random &random, std::string_view pattern_alphabet, std::string_view text_alphabet) {
  u32 matches = 0;
  for (u32 i = 0; i < 20'000; i++) {
    std::string pattern = random.text(pattern_alphabet, 8), text = random.text(text_alphabet, 6);
    if (!is_same_in_both(pattern)) continue;
    bool is_match = fnmatch(pattern.c_str(), text.c_str(), 0) == 0;
    CHECK(matches_glob(pattern, text) == is_match);
    matches += is_match;
  }
  CHECK(matches > 200); // else the comparison says little
}

} // namespace

TEST("glob: each construct matches what it is for") {
  struct {
    const char *pattern, *matched, *unmatched;
  } constructs[] = {
      {"", "", "a"},
      {"abc", "abc", "abcd"},
      {"abc", "abc", "ab"},
      {"*", "", nullptr},
      {"*", "a.b/c", nullptr},
      {"a*", "a", "ba"},
      {"*a", "ba", "ab"},
      {"a*c*e", "abcde", "abcd"},
      {"*ab*ab", "abab", "ab"},
      {"a**b", "ab", "a"},
      {"?", "a", ""},
      {"a?c", "abc", "ac"},
      {"?*", "abc", ""},
      {"[abc]", "b", "d"},
      {"[abc]", "b", ""},
      {"[b-d]x", "dx", "ex"},
      {"[b-d]x", "bx", "ax"},
      {"[a-cx-z]", "y", "d"},
      {"[z-am]", "m", "-"},
      {"[!b-d]", "a", "c"},
      {"[^b-d]", "e", "b"},
      {"[!a]", "b", ""},
      {"[]a]", "]", "["},
      {"[!]a]", "b", "]"},
      {"[]-a]", "^", "-"},
      {"[a-]", "-", "b"},
      {"[-a]", "-", "b"},
      {"[!-a]", "b", "-"},
      {"[a!]", "!", "b"},
      {"[*?]", "*", "a"},
      {"[[:digit:]]", "7", "a"},
      {"[![:digit:]]", "a", "7"},
      {"[[:upper:]_[:digit:]]*", "_x", "x"},
      {"[a[:space:]-]", "-", "b"},
      {"[[:xdigit:]][[:alpha:]]", "fz", "gz"},
      {"[:digit:]", ":", "7"},
      {"[[:digit]", ":", "7"},
      {"[\x61-\xff]", "\x80", "A"},
      {"[\x80-\x90]", "\x85", "a"},
      {"\\*", "*", "a"},
      {"\\a\\?", "a?", "ab"},
      {"\\[a]", "[a]", "a"},
      {"\\\\", "\\", "\\\\"},
      {"a\\", "a\\", "a"},
      {"[\\]x]", "]", "\\"},
      {"[!\\]x]", "b", "]"},
      {"[a-\\c]", "b", "\\"},
      {"[\\a-c]", "b", "\\"},
      {"[", "[", ""},
      {"[ab", "[ab", "a"},
      {"[!", "[!", "a"},
      {"[]", "[]", "]"},
      {"[a-", "[a-", "a"},
      {"[\\]", "[]", "\\"},
      {"*[", "a[", "a"},
      {"[a*", "[abc", "a"},
  };
  for (auto [pattern, matched, unmatched] : constructs) {
    CHECK(matches_glob(pattern, matched));
    if (unmatched) CHECK(!matches_glob(pattern, unmatched));
  }
}

TEST("glob: random patterns match what fnmatch() says that they do") {
  Random random(1);
  compare(random, "ab*?", "ab");
  compare(random, "ab-]![^*?", "ab-]![^*");
  compare(random, "ab*?\\]", "ab*?\\]");
  compare(random, "[[]]!-\\ac", "abc]\\-[");
  compare(random, "[[]]!-a\x80\xff", "a\x7f\x80\x90\xff");
}

TEST("glob: classes are those of fnmatch()") {
  for (const char *name : {"alnum", "alpha", "blank", "cntrl", "digit", "graph", "lower", "print", "punct", "space",
                           "upper", "xdigit", "nothing", ""})
    for (u32 c = 1; c < 256; c++)
      for (const char *before : {"", "!", "a", "]"}) {
        std::string pattern = std::string("[") + before + "[:" + name + ":]-]", text(1, static_cast<char>(c));
        CHECK(matches_glob(pattern, text) == (fnmatch(pattern.c_str(), text.c_str(), 0) == 0));
      }
}

TEST("glob: many stars cost no more than one each") {
  // A matcher that returned to any star but the last would not come to an end.
  std::string text(20'000, 'a'), stars;
  for (u32 i = 0; i < 1000; i++) stars += "*a";
  CHECK(matches_glob(stars, text));
  CHECK(!matches_glob(stars + "*b", text));
  CHECK(matches_glob(stars + "*b*", text + "b"));
  CHECK(!matches_glob(std::string(1000, '*') + "b", text));
}
