#include "trace/trace_writer.h"

#include <pthread.h>

#include <utility>

#include "trace/trace_json.h"

namespace triton_lite {
namespace {

void AddElements(const TraceRecord& record, std::string* elements) {
  const std::string json = TraceToJson(record);
  if (!json.empty()) {
    *elements += elements->empty() ? "" : ",";
    *elements += json;
  }
}

}  // namespace

TraceWriter::TraceWriter(std::string path, std::function<void(const std::string&)> log)
    : file_(std::move(path)), log_(std::move(log)) {}

void TraceWriter::Put(std::vector<TraceRecord> traces, bool indexed) {
  MutexLock lock(mu_);
  if (closed_ || traces.empty()) {
    return;
  }
  if (waiting_count_ + traces.size() > kMostWaiting && waiting_count_ > 0) {
    dropped_ += traces.size();
    return;
  }
  waiting_count_ += traces.size();
  if (!indexed && !waiting_.empty() && !waiting_.back().indexed) {
    auto& last = waiting_.back().traces;
    last.insert(last.end(), std::make_move_iterator(traces.begin()), std::make_move_iterator(traces.end()));
  } else {
    waiting_.push_back({std::move(traces), indexed});
  }
  if (!thread_.joinable()) {
    thread_ = std::thread([this] {
      pthread_setname_np(pthread_self(), "tl-trace");
      Run();
    });
  }
  more_.NotifyOne();
}

void TraceWriter::Close() {
  std::thread thread;
  {
    MutexLock lock(mu_);
    closed_ = true;
    thread.swap(thread_);
    more_.NotifyOne();
  }
  if (thread.joinable()) {
    thread.join();
  }
}

void TraceWriter::Run() {
  while (true) {
    std::size_t dropped = 0;
    const std::vector<Batch> batches = Take(&dropped);
    if (dropped > 0) {
      log_("dropped " + std::to_string(dropped) + " traces: writing to " + file_.path() + " does not keep up");
    }
    if (batches.empty()) {
      break;
    }
    Write(batches);
  }
  file_.Close();
}

// Waits for some; none once the writer is closed and all were taken.
std::vector<TraceWriter::Batch> TraceWriter::Take(std::size_t* dropped) {
  MutexLock lock(mu_);
  while (waiting_.empty() && !closed_) {
    more_.Wait(mu_);
  }
  waiting_count_ = 0;
  *dropped = std::exchange(dropped_, 0);
  return std::exchange(waiting_, {});
}

void TraceWriter::Write(const std::vector<Batch>& batches) {
  // Enough for few calls of the system, little enough to hold.
  constexpr std::size_t kFlushByteSize = 1 << 20;
  bool written = true;
  for (const Batch& batch : batches) {
    std::string elements;
    for (const TraceRecord& record : batch.traces) {
      AddElements(record, &elements);
      if (!batch.indexed && elements.size() >= kFlushByteSize) {
        written = AppendAll(&elements) && written;
      }
    }
    written = (batch.indexed ? file_.WriteIndexed(elements) : AppendAll(&elements)) && written;
  }
  if (!written) {
    log_("failed creating trace file: unable to write " + file_.path());
  }
}

bool TraceWriter::AppendAll(std::string* elements) {
  return elements->empty() || file_.Append(std::exchange(*elements, {}));
}

}  // namespace triton_lite
