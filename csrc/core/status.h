// The one error type: a gRPC status code and the exact text that the client sees.
#pragma once

#include <cassert>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace triton_lite {

// Values of gRPC's status codes; the front ends translate them to HTTP (one table in Python).
enum class Code : std::uint8_t {
  kOk = 0,
  kCancelled = 1,
  kUnknown = 2,
  kInvalidArgument = 3,
  kDeadlineExceeded = 4,
  kNotFound = 5,
  kAlreadyExists = 6,
  kPermissionDenied = 7,
  kResourceExhausted = 8,
  kFailedPrecondition = 9,
  kAborted = 10,
  kOutOfRange = 11,
  kUnimplemented = 12,
  kInternal = 13,
  kUnavailable = 14,
  kDataLoss = 15,
  kUnauthenticated = 16,
};

// Cheap when OK (no allocation). Values are returned, never thrown.
class [[nodiscard]] Status {
 public:
  Status() = default;
  Status(Code code, std::string message) : code_(code), message_(std::move(message)) {}

  bool ok() const { return code_ == Code::kOk; }
  Code code() const { return code_; }
  const std::string& message() const { return message_; }

  friend bool operator==(const Status&, const Status&) = default;

 private:
  Code code_ = Code::kOk;
  std::string message_;
};

inline Status InvalidArgument(std::string text) { return {Code::kInvalidArgument, std::move(text)}; }
inline Status NotFound(std::string text) { return {Code::kNotFound, std::move(text)}; }
inline Status Internal(std::string text) { return {Code::kInternal, std::move(text)}; }
inline Status Unavailable(std::string text) { return {Code::kUnavailable, std::move(text)}; }
inline Status Unimplemented(std::string text) { return {Code::kUnimplemented, std::move(text)}; }
inline Status Cancelled(std::string text) { return {Code::kCancelled, std::move(text)}; }

// A value, or the Status that says why there is none.
template <typename T>
class [[nodiscard]] Result {
 public:
  Result(T value) : value_(std::move(value)) {}                                  // NOLINT: implicit by design
  Result(Status status) : status_(std::move(status)) { assert(!status_.ok()); }  // NOLINT: implicit by design

  bool ok() const { return value_.has_value(); }
  const Status& status() const { return status_; }

  T& value() & { return *value_; }
  const T& value() const& { return *value_; }
  T&& value() && { return std::move(*value_); }
  T* operator->() { return &*value_; }
  const T* operator->() const { return &*value_; }
  T& operator*() & { return *value_; }
  const T& operator*() const& { return *value_; }
  T&& operator*() && { return std::move(*value_); }

 private:
  std::optional<T> value_;
  Status status_;
};

}  // namespace triton_lite

#define TL_CONCAT_INNER(a, b) a##b
#define TL_CONCAT(a, b) TL_CONCAT_INNER(a, b)

// The only control-flow macros of the project: leave the function with the error of `expr`.
#define RETURN_IF_ERROR(expr)                                        \
  do {                                                               \
    if (::triton_lite::Status tl_status = (expr); !tl_status.ok()) { \
      return tl_status;                                              \
    }                                                                \
  } while (false)

#define ASSIGN_OR_RETURN_AT(result, target, expr) \
  auto result = (expr);                           \
  if (!result.ok()) {                             \
    return result.status();                       \
  }                                               \
  target = *std::move(result)

#define ASSIGN_OR_RETURN(target, expr) ASSIGN_OR_RETURN_AT(TL_CONCAT(tl_result_, __LINE__), target, expr)
