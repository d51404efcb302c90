#include "trace/trace_setting.h"

#include <utility>

namespace triton_lite {
namespace {

std::string ProblemOf(const TraceConfig& config) {
  if (config.values.level == 0) {
    return "tracing is disabled";
  }
  if (config.values.rate == 0) {
    return "sample rate must be non-zero";
  }
  if (config.mode == TraceMode::kTriton && config.file.empty()) {
    return "trace file name is not given";
  }
  return {};
}

}  // namespace

TraceSetting::TraceSetting(const TraceConfig& config, Specified specified, std::shared_ptr<TraceOutput> output)
    : values_(config.values),
      mode_(config.mode),
      specified_(specified),
      problem_(ProblemOf(config)),
      output_(std::move(output)),
      counted_file_(values_.rate == 1 && values_.count > 0 && mode_ == TraceMode::kTriton),
      count_(values_.count) {}

TraceSetting::~TraceSetting() {
  if (!gathered_.empty()) {
    output_->Put(std::move(gathered_), values_.log_frequency != 0);
  }
}

TraceValues TraceSetting::values() const {
  TraceValues now = values_;
  now.count = count_.load(std::memory_order_relaxed);
  return now;
}

bool TraceSetting::Sample(bool forced) {
  if (values_.rate == 0) {
    return forced;
  }
  if (!forced && (!problem_.empty() || count_.load(std::memory_order_relaxed) == 0)) {
    return false;
  }
  const std::uint64_t number = requests_.fetch_add(1, std::memory_order_relaxed) + 1;
  const bool hit = number % values_.rate == 0 && TakeOne();
  return hit || forced;
}

bool TraceSetting::TakeOne() {
  std::int32_t left = count_.load(std::memory_order_relaxed);
  while (left > 0) {
    if (count_.compare_exchange_weak(left, left - 1, std::memory_order_relaxed)) {
      return true;
    }
  }
  return left < 0;
}

void TraceSetting::Collect(TraceRecord record) {
  const std::uint32_t most = mode_ == TraceMode::kTriton ? values_.log_frequency : 0;
  std::vector<TraceRecord> complete;
  bool indexed = false;
  {
    MutexLock lock(mu_);
    gathered_.push_back(std::move(record));
    ++collected_;
    const bool counted = counted_file_ && collected_ == static_cast<std::uint64_t>(values_.count);
    indexed = counted || (most != 0 && gathered_.size() >= most);
    if (!indexed && (most != 0 || counted_file_)) {
      return;
    }
    complete.swap(gathered_);
  }
  output_->Put(std::move(complete), indexed);
}

}  // namespace triton_lite
