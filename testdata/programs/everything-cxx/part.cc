#include "everything.h"

#include <cstdio>
#include <map>
#include <typeinfo>

thread_local std::string part_thread_name = "unnamed";
thread_local int part_plain_tls = 4;
static Traced traced("part");

Traced::Traced(const char *name) : name(name) { std::printf("begin %s\n", name); }
Traced::~Traced() { std::printf("end %s\n", name); }

Square::Square(double side) : side(side) {}
Square::~Square() { std::printf("square gone\n"); }
double Square::area() const { return side * side; }
std::string Square::describe() const { return "square with " + label; }

std::unique_ptr<Shape> make_square(double side) { return std::make_unique<Square>(side); }

namespace {
struct Local : Trouble {
  using Trouble::Trouble;
};
struct Guard {
  int *count;
  ~Guard() { ++*count; }
};
int guards;
} // namespace

void throw_trouble(int code) {
  Guard guard{&guards};
  if (code == 1) throw Local("local", code);
  if (code == 2) throw std::out_of_range("range");
  if (code == 3) throw code;
  throw Trouble("trouble", code);
}

int catch_from(const std::function<void()> &function) {
  try {
    function();
  } catch (const Trouble &trouble) {
    return trouble.code + 1000 * guards;
  } catch (const std::exception &error) {
    return static_cast<int>(std::string(error.what()).size());
  } catch (...) {
    return -1;
  }
  return 0;
}

int count_here() {
  Counter<int>::count += 5;
  Counter<int>::local()++;
  inline_variable *= 2;
  return Counter<int>::count;
}

const void *type_info_of_int_vector() { return &typeid(std::vector<int>); }
int *address_of_once() { return &once(); }

std::vector<std::string> part_words() {
  std::map<std::string, int> words{{"gamma", 3}, {"alpha", 1}, {"beta", 2}};
  std::vector<std::string> result;
  for (const auto &[word, number] : words)
    result.push_back(word + std::to_string(number));
  return result;
}
