// The sequence batcher under the orders of tests/schedule. Keys of "make":
//   max_batch=N  idle=MICROSECONDS  delay=MICROSECONDS  input=NAME:DIM,DIM  instances=N
//   the direct strategy: utilization=PERCENT; or the oldest: candidates=N preferred=N,N preserve
//   iterative  corrid=TYPE (a number of DataType)  hold=REQUESTS,BACKLOG  limit=N (instances run at once)
// A batch shows as its requests in order, "-" for an empty place, else ID/START,END,READY,CORRID with the signals as
// the model gets them.
#include <cstring>

#include "schedule/driver.h"
#include "schedule/sequence_scheduler.h"

namespace triton_lite {
namespace {

using testing::Arguments;
using testing::SchedulerDriver;
using testing::SplitText;

std::int64_t Number(const std::string& text) { return std::strtoll(text.c_str(), nullptr, 10); }

SequenceControlSpec Flag(const char* name, SequenceControlKind kind) {
  SequenceControlSpec control;
  control.input_name = name;
  control.kind = kind;
  control.int32_false_true = {0, 1};
  return control;
}

ModelSpec ReadModel(const Arguments& words) {
  ModelSpec spec;
  spec.name = "model";
  spec.max_batch_size = static_cast<std::int32_t>(words.number("max_batch"));
  for (const std::string& text : words.all("input")) {
    const std::vector<std::string> parts = SplitText(text, ':');
    TensorSpec& input = spec.inputs.emplace_back();
    input.name = parts.at(0);
    for (const std::string& dim : SplitText(parts.at(1), ',')) {
      input.dims.push_back(Number(dim));
    }
  }
  SequenceBatchingSpec batching;
  batching.max_sequence_idle_microseconds = words.number("idle", std::uint64_t{1} << 40);
  batching.iterative_sequence = words.number("iterative") != 0;
  batching.control_input = {Flag("START", SequenceControlKind::kStart), Flag("END", SequenceControlKind::kEnd),
                            Flag("READY", SequenceControlKind::kReady)};
  if (words.has("corrid")) {
    SequenceControlSpec& control = batching.control_input.emplace_back();
    control.input_name = "CORRID";
    control.kind = SequenceControlKind::kCorrelationId;
    control.datatype = static_cast<DataType>(words.number("corrid"));
  }
  if (words.has("candidates")) {
    OldestStrategySpec oldest;
    oldest.max_candidate_sequences = static_cast<std::int32_t>(words.number("candidates"));
    oldest.max_queue_delay_microseconds = words.number("delay");
    oldest.preserve_ordering = words.number("preserve") != 0;
    for (const std::string& size : SplitText(words.text("preferred"), ',')) {
      oldest.preferred_batch_size.push_back(static_cast<std::int32_t>(Number(size)));
    }
    batching.strategy = std::move(oldest);
  } else {
    batching.strategy =
        DirectStrategySpec{words.number("delay"), static_cast<float>(words.number("utilization")) / 100};
  }
  spec.scheduler = std::move(batching);
  return spec;
}

std::string Value(const InputTensor& input) {
  if (input.datatype == DataType::kBytes) {
    return std::string(input.data.text().substr(4));
  }
  std::uint64_t value = 0;
  std::memcpy(&value, input.data.data, input.data.size);
  return std::to_string(value);
}

std::string Describe(const InferenceRequest& request) {
  std::string text = request.id.empty() ? "-" : request.id + "/";
  std::string signals;
  for (const InputTensor& input : request.inputs) {
    if (input.name == "START" || input.name == "END" || input.name == "READY" || input.name == "CORRID") {
      signals += (signals.empty() ? "" : ",") + Value(input);
    }
  }
  // An empty place must look like one to the model as well.
  return request.id.empty() && signals.find_first_not_of("0,") == std::string::npos ? text : text + signals;
}

std::unique_ptr<Scheduler> Make(const Arguments& words, Instances instances) {
  SequenceHoldBack hold;
  if (words.has("hold")) {
    const std::vector<std::string> counts = SplitText(words.text("hold"), ',');
    hold = {static_cast<std::size_t>(Number(counts.at(0))), static_cast<std::size_t>(Number(counts.at(1)))};
  }
  Seats seats;
  if (words.has("limit")) {
    const auto limiter = std::make_shared<RateLimiter>(std::vector<ResourceLimit>{{"R", words.number("limit"), {}}});
    while (seats.size() < instances.size()) {
      seats.push_back(*limiter->Register({{{"R", false, 1}}, 0}, 0));
    }
  }
  return std::make_unique<SequenceScheduler>(ReadModel(words), std::move(instances), SequenceStates{}, hold,
                                             ExecutionTime::kQuickNanoseconds, std::move(seats));
}

}  // namespace
}  // namespace triton_lite

int main() { return triton_lite::testing::SchedulerDriver(triton_lite::Make, triton_lite::Describe).Serve(); }
