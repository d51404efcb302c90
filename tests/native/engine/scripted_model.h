// Models whose requests say themselves how they are to be answered: for tests of streams through real front ends.
#pragma once

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstring>
#include <functional>
#include <iostream>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "core/model_spec.h"
#include "core/request.h"
#include "schedule/scheduler.h"
#include "wire/json.h"

namespace triton_lite::testing {

// One line of the test's log, whole.
inline void Say(const std::string& line) {
  static std::mutex mu;
  const std::lock_guard lock(mu);
  std::cout << line << std::endl;
}

// Runs each request on a thread of its own.
class ThreadedScheduler : public Scheduler {
 public:
  void Enqueue(RequestPtr request, EnqueueHint) override {
    request->times.queue_start = request->times.compute_start = NowNanoseconds();
    {
      const std::lock_guard lock(mu_);
      ++pending_;
    }
    std::thread([this, request = std::move(request)]() mutable {
      Timestamps& times = request->times;
      times.compute_input_end = times.compute_output_start = times.compute_end = NowNanoseconds();
      request->failure_reason = FailureReason::kBackend;
      request->execution_batch_size = 1;
      Run(*request);
      const std::shared_ptr<const void> model = request->model;
      request.reset();
      const std::lock_guard lock(mu_);
      --pending_;
      ended_.notify_all();
    }).detach();
  }
  void Drain() override {
    std::unique_lock lock(mu_);
    ended_.wait(lock, [this] { return pending_ == 0; });
  }
  std::size_t pending() const override {
    const std::lock_guard lock(mu_);
    return pending_;
  }

 protected:
  virtual void Run(InferenceRequest& request) = 0;

 private:
  mutable std::mutex mu_;
  std::condition_variable ended_;
  std::size_t pending_ = 0;
};

inline OutputTensor Integers(InferenceRequest& request, const std::vector<std::int32_t>& values) {
  const std::size_t byte_size = values.size() * sizeof(values[0]);
  Result<Buffer> data = request.responder->memory().AllocateOutput("OUT", byte_size);
  if (!data.ok()) {
    Say("no memory: " + data.status().message());
    return {};
  }
  if (byte_size > 0) {
    std::memcpy(data->data, values.data(), byte_size);
  }
  return {"OUT", DataType::kInt32, {static_cast<std::int64_t>(values.size())}, *std::move(data)};
}

// Input IN, output OUT: twice IN. A negative first element sleeps for so many milliseconds, 666 is refused.
class PlainScheduler final : public ThreadedScheduler {
  void Run(InferenceRequest& request) override {
    std::vector<std::int32_t> values(request.inputs[0].data.size / sizeof(std::int32_t));
    if (!values.empty()) {
      std::memcpy(values.data(), request.inputs[0].data.data, request.inputs[0].data.size);
      if (values[0] < 0) {
        std::this_thread::sleep_for(std::chrono::milliseconds(-values[0]));
      } else if (values[0] == 666) {
        return request.responder->Fail(Internal("plain says no"));
      }
    }
    std::transform(values.begin(), values.end(), values.begin(), [](std::int32_t value) { return 2 * value; });
    InferenceResponse response;
    response.outputs.push_back(Integers(request, values));
    request.responder->Send(std::move(response), true);
  }
};

// Decoupled. Input SCRIPT: a JSON list of what to do, one object each:
//   {"send": N or [N, …], "text": TEXT, "params": {…}, "big": ELEMENTS, "times": COUNT, "last": 1}   responses with
//       OUT, and TEXT where given; waits for credit before each
//   {"error": TEXT, "code": CODE, "last": 1}, {"finish": 1}, {"sleep": SECONDS}
//   {"wait_cancel": SECONDS}   until the request is cancelled, at most so long; says so in the log
//   {"say": TEXT}   in the log
class ScriptedScheduler final : public ThreadedScheduler {
  // Lets a thread wait until its client takes more. Outlives the request: hooks may come late.
  struct Gate {
    std::mutex mu;
    std::condition_variable opened;
    bool open = false;
  };

  void Run(InferenceRequest& request) override {
    const std::string script(AsText(request.inputs[0].data.bytes()).substr(sizeof(std::uint32_t)));
    wire::JsonDocument document;
    if (!wire::ParseJson(script, wire::JsonTensors::kNone, &document).ok()) {
      return request.responder->Fail(InvalidArgument("the script is no JSON"));
    }
    const wire::JsonValue root = wire::Root(document);
    for (wire::JsonValue step = root.first(); step != root.end(); step = step.next()) {
      if (RunStep(request, step)) {
        return;
      }
    }
  }

  // Whether the request has ended.
  bool RunStep(InferenceRequest& request, const wire::JsonValue& step) {
    if (const auto text = step.Find("say")) {
      Say(std::string(*text->AsText()));
    } else if (const auto seconds = step.Find("sleep")) {
      std::this_thread::sleep_for(std::chrono::duration<double>(*seconds->AsDouble()));
    } else if (const auto longest = step.Find("wait_cancel")) {
      WaitForCancellation(request, *longest->AsDouble());
    } else if (step.Find("finish")) {
      request.responder->Finish();
      return true;
    } else if (step.Find("send") || step.Find("error")) {
      return SendAll(request, step);
    }
    return false;
  }

  static void WaitForCancellation(const InferenceRequest& request, double seconds) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::duration<double>(seconds);
    while (!request.cancel->cancelled() && std::chrono::steady_clock::now() < end) {
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    Say(request.cancel->cancelled() ? "cancelled" : "not cancelled");
  }

  static bool SendAll(InferenceRequest& request, const wire::JsonValue& step) {
    const std::int64_t times = step.Find("times") ? *step.Find("times")->AsInt() : 1;
    for (std::int64_t i = 0; i < times && !request.cancel->cancelled(); ++i) {
      AwaitCredit(request, i);
      const bool last = step.Find("last") && i + 1 == times;
      request.responder->Send(MakeResponse(request, step), last);
      if (last) {
        return true;
      }
    }
    return false;
  }

  static void AwaitCredit(InferenceRequest& request, std::int64_t sent) {
    bool said = false;
    while (!request.responder->HasCredit()) {
      if (!std::exchange(said, true)) {
        Say("waits after " + std::to_string(sent));
      }
      const auto gate = std::make_shared<Gate>();
      request.responder->OnCredit([gate] {
        const std::lock_guard lock(gate->mu);
        gate->open = true;
        gate->opened.notify_all();
      });
      std::unique_lock lock(gate->mu);
      gate->opened.wait(lock, [&] { return gate->open; });
    }
  }

  static InferenceResponse MakeResponse(InferenceRequest& request, const wire::JsonValue& step) {
    InferenceResponse response;
    if (const auto error = step.Find("error")) {
      const std::string code = step.Find("code") ? std::string(*step.Find("code")->AsText()) : "";
      response.error = Status(code == "NOT_FOUND"     ? Code::kNotFound
                              : code == "UNAVAILABLE" ? Code::kUnavailable
                                                      : Code::kInternal,
                              std::string(*error->AsText()));
    } else {
      AddOutputs(request, step, &response);
    }
    if (const auto parameters = step.Find("params")) {
      for (wire::JsonValue key = parameters->first(); key != parameters->end(); key = key.next().next()) {
        response.parameters.Set(std::string(*key.AsText()), ToParameter(key.next()));
      }
    }
    return response;
  }

  static void AddOutputs(InferenceRequest& request, const wire::JsonValue& step, InferenceResponse* response) {
    const wire::JsonValue send = *step.Find("send");
    std::vector<std::int32_t> values;
    if (send.IsArray()) {
      for (wire::JsonValue value = send.first(); value != send.end(); value = value.next()) {
        values.push_back(static_cast<std::int32_t>(*value.AsInt()));
      }
    } else {
      values.push_back(static_cast<std::int32_t>(*send.AsInt()));
    }
    if (const auto big = step.Find("big")) {
      values.assign(static_cast<std::size_t>(*big->AsInt()), values[0]);
    }
    if (IsWanted(request, "OUT")) {
      response->outputs.push_back(Integers(request, values));
    }
    if (const auto text = step.Find("text"); text && IsWanted(request, "TEXT")) {
      const std::string bytes(*text->AsText());
      Buffer data = *request.responder->memory().AllocateOutput("TEXT", sizeof(std::uint32_t) + bytes.size());
      const auto size = static_cast<std::uint32_t>(bytes.size());
      std::memcpy(data.data, &size, sizeof(size));
      std::copy(bytes.begin(), bytes.end(), reinterpret_cast<char*>(data.data) + sizeof(size));
      response->outputs.push_back({"TEXT", DataType::kBytes, {1}, std::move(data)});
    }
  }

  static bool IsWanted(const InferenceRequest& request, const char* name) {
    return std::any_of(request.outputs.begin(), request.outputs.end(),
                       [&](const RequestedOutput& output) { return output.name == name; });
  }

  static ParameterValue ToParameter(const wire::JsonValue& value) {
    if (value.IsBool()) {
      return *value.AsBool();
    }
    if (value.IsInt()) {
      return *value.AsInt();
    }
    return value.IsNumber() ? ParameterValue(*value.AsDouble()) : ParameterValue(std::string(*value.AsText()));
  }
};

}  // namespace triton_lite::testing
