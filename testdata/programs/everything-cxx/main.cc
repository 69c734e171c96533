#include "everything.h"

#include <algorithm>
#include <iostream>
#include <locale>
#include <sstream>
#include <thread>
#include <typeinfo>

static Traced traced("main");
static thread_local std::vector<int> numbers{1, 2};

struct Circle : Shape {
  double area() const override { return 3; }
  std::string name() const override { return "circle"; }
};

static int nested(int code) {
  try {
    try {
      throw_trouble(code);
    } catch (const std::out_of_range &) {
      throw;
    } catch (int number) {
      throw std::to_string(number);
    }
  } catch (const Trouble &trouble) {
    return trouble.code * 10;
  } catch (const std::string &text) {
    return static_cast<int>(text.size()) + 500;
  } catch (const std::exception &) {
    return -2;
  }
  return 0;
}

int main(int argc, char **) {
  std::vector<std::unique_ptr<Shape>> shapes;
  shapes.push_back(make_square(1.5));
  shapes.push_back(std::make_unique<Circle>());
  for (const auto &shape : shapes) {
    const auto *named = dynamic_cast<const Named *>(shape.get());
    std::cout << shape->name() << ' ' << shape->area() << ' ' << (named ? named->describe() : "anonymous") << std::endl;
  }
  for (int code = 0; code < 4; code++)
    std::cout << nested(code) << ' ' << catch_from([code] { throw_trouble(code); }) << ' '
              << catch_from([code] { if (code) throw code; }) << '\n';
  Counter<int>::count++;
  const int here = count_here();
  std::cout << here << ' ' << Counter<int>::count << ' ' << Counter<int>::local() << ' ' << inline_variable << '\n';
  std::cout << (type_info_of_int_vector() == &typeid(std::vector<int>)) << (address_of_once() == &once())
            << (typeid(*shapes[0]) == typeid(Square)) << ' ' << typeid(Square).name() << '\n';
  std::string seen;
  std::thread([&] {
    part_thread_name = "worker";
    numbers.push_back(part_plain_tls++);
    seen = part_thread_name + std::to_string(numbers.size()) + std::to_string(part_plain_tls);
    try {
      throw Trouble("in a thread", 8);
    } catch (const Trouble &trouble) {
      seen += trouble.what();
    }
  }).join();
  std::cout << seen << ' ' << part_thread_name << numbers.size() << part_plain_tls << '\n';
  auto words = part_words();
  std::sort(words.rbegin(), words.rend());
  std::ostringstream stream;
  stream.imbue(std::locale::classic());
  for (const auto &word : words)
    stream << word << ',' << 1234.5 << ';';
  std::cout << stream.str() << '\n';
  shapes.clear();
  return argc + 22;
}
