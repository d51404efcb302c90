// Python's ChannelClient, and the memory that is exchanged through it.
#pragma once

#include <pybind11/pybind11.h>

#include <cstddef>
#include <memory>
#include <optional>

#include "channel/client.h"
#include "core/bytes.h"

namespace triton_lite::bindings {

// The bytes of one segment of an answer; keeps the answer.
struct AnswerSegment {
  static constexpr bool kReadOnly = true;
  pybind11::object answer;
  Bytes bytes;
  MutableBytes exported() const { return {const_cast<std::byte*>(bytes.data()), bytes.size()}; }
};

// Arena memory that a front end receives a body into.
struct RequestBody {
  static constexpr bool kReadOnly = false;
  Buffer memory;
  MutableBytes exported() const { return memory.mutable_bytes(); }
};

class PyClient {
 public:
  // `engine`: what a direct client calls into; kept alive.
  PyClient(std::unique_ptr<ChannelClient> client, pybind11::object engine);
  ~PyClient();
  PyClient(const PyClient&) = delete;
  PyClient& operator=(const PyClient&) = delete;

  Result<CallId> TrySend(Method method, const CallBody& body);
  CallId Send(Method method, const CallBody& body);
  Result<Buffer> AllocateBody(std::size_t byte_size);
  pybind11::object Wait(CallId call, std::optional<double> timeout);
  pybind11::list Poll();

  ChannelClient& client() { return *client_; }

 private:
  const pybind11::object engine_;
  std::unique_ptr<ChannelClient> client_;
};

}  // namespace triton_lite::bindings
