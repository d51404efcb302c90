#include "bindings/channel_client.h"

#include <algorithm>
#include <cstdint>
#include <utility>
#include <vector>

#include "bindings/bindings.h"
#include "bindings/detached.h"

namespace py = pybind11;

namespace triton_lite::bindings {
namespace {

std::uint64_t DeadlineAfter(std::optional<double> timeout) {
  if (!timeout || *timeout > 1e9) {
    return 0;
  }
  return NowNanoseconds() + static_cast<std::uint64_t>(std::max(0.0, *timeout) * 1e9);
}

}  // namespace

PyClient::PyClient(std::unique_ptr<ChannelClient> client, py::object engine)
    : engine_(std::move(engine)), client_(std::move(client)) {}

PyClient::~PyClient() {
  py::gil_scoped_release release;
  client_.reset();
}

Result<CallId> PyClient::TrySend(Method method, const CallBody& body) {
  std::size_t byte_size = body.message.size();
  for (Bytes segment : body.segments) {
    byte_size += segment.size();
  }
  // A direct call may run the whole request.
  const bool long_way = byte_size >= kLargeByteSize || !engine_.is_none();
  return Detached(long_way, [&] { return client_->Send(method, body); });
}

CallId PyClient::Send(Method method, const CallBody& body) { return ValueOrRaise(TrySend(method, body)); }

Result<Buffer> PyClient::AllocateBody(std::size_t byte_size) {
  return Detached(true, [&] { return client_->AllocateBody(byte_size); });
}

py::object PyClient::Wait(CallId call, std::optional<double> timeout) {
  const std::uint64_t deadline = DeadlineAfter(timeout);
  while (true) {
    bool interrupted = false;
    ReceivedAnswerPtr answer;
    {
      py::gil_scoped_release release;
      answer = client_->Wait(call, deadline, &interrupted);
    }
    if (answer != nullptr) {
      return py::cast(PyAnswer{std::move(answer)});
    }
    if (interrupted && PyErr_CheckSignals() != 0) {
      throw py::error_already_set();
    }
    if (!interrupted) {
      return py::none();
    }
  }
}

py::list PyClient::Poll() {
  std::vector<ReceivedAnswerPtr> answers;
  {
    py::gil_scoped_release release;
    answers = client_->Poll();
  }
  py::list list(answers.size());
  for (std::size_t i = 0; i < answers.size(); ++i) {
    list[i] = py::cast(PyAnswer{std::move(answers[i])});
  }
  return list;
}

}  // namespace triton_lite::bindings
