// The few words that the native tests need: TEST(Name) { CHECK(x); CHECK_EQ(a, b); }, then TEST_MAIN().
#pragma once

#include <cstdio>
#include <cstdlib>
#include <functional>
#include <iostream>
#include <string>
#include <string_view>
#include <vector>

namespace triton_lite::testing {

struct Case {
  const char* name;
  std::function<void()> body;
};

inline std::vector<Case>& Cases() {
  static std::vector<Case> cases;
  return cases;
}

inline int& Failures() {
  static int failures = 0;
  return failures;
}

struct Registration {
  Registration(const char* name, std::function<void()> body) { Cases().push_back({name, std::move(body)}); }
};

inline void Report(const char* file, int line, const std::string& what) {
  std::cerr << file << ':' << line << ": " << what << '\n';
  ++Failures();
}

// Runs all tests, or those whose name contains argv[1].
inline int RunAll(int argc, char** argv) {
  const std::string_view filter = argc > 1 ? argv[1] : "";
  int ran = 0;
  for (const Case& test : Cases()) {
    if (std::string_view(test.name).find(filter) == std::string_view::npos) {
      continue;
    }
    const int before = Failures();
    test.body();
    ++ran;
    std::cerr << (Failures() == before ? "ok   " : "FAIL ") << test.name << '\n';
  }
  return ran > 0 && Failures() == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

}  // namespace triton_lite::testing

#define TEST(name)                                                                            \
  static void Test_##name();                                                                  \
  static const ::triton_lite::testing::Registration registration_##name(#name, &Test_##name); \
  static void Test_##name()

#define CHECK(condition)                                                              \
  do {                                                                                \
    if (!(condition)) ::triton_lite::testing::Report(__FILE__, __LINE__, #condition); \
  } while (false)

#define CHECK_EQ(a, b)                                                                   \
  do {                                                                                   \
    if (!((a) == (b))) ::triton_lite::testing::Report(__FILE__, __LINE__, #a " == " #b); \
  } while (false)

// For what the rest of a test cannot go on without.
#define REQUIRE(condition)                                                         \
  do {                                                                             \
    if (!(condition)) {                                                            \
      ::triton_lite::testing::Report(__FILE__, __LINE__, "required: " #condition); \
      return;                                                                      \
    }                                                                              \
  } while (false)

#define TEST_MAIN() \
  int main(int argc, char** argv) { return ::triton_lite::testing::RunAll(argc, argv); }
