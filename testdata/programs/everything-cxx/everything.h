// What main.cc and part.cc know of each other. part.cc is linked into the program or into a shared object.
#pragma once
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

struct Shape {
  virtual ~Shape() = default;
  virtual double area() const = 0;
  virtual std::string name() const { return "shape"; }
};

struct Named {
  std::string label = "label";
  virtual ~Named() = default;
  virtual std::string describe() const { return label; }
};

struct Square : Shape, virtual Named {
  double side;
  explicit Square(double side);
  ~Square() override;
  double area() const override;
  std::string describe() const override;
};

struct Trouble : std::runtime_error {
  int code;
  Trouble(const char *what, int code) : std::runtime_error(what), code(code) {}
};

// One of each in the program, wherever it is used.
inline int inline_variable = 3;
template <typename T> struct Counter {
  static inline int count = 0;
  static int &local() {
    static int value = 10;
    return value;
  }
};
inline int &once() {
  static int value = [] { return 100; }();
  return value;
}

struct Traced {
  const char *name;
  explicit Traced(const char *name);
  ~Traced();
};

extern thread_local std::string part_thread_name;
extern thread_local int part_plain_tls;

std::unique_ptr<Shape> make_square(double side);
void throw_trouble(int code);
int catch_from(const std::function<void()> &function);
int count_here();
const void *type_info_of_int_vector();
int *address_of_once();
std::vector<std::string> part_words();
