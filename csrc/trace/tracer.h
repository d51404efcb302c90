// Tracing, as the engine has it: settings, sampling, and where traces go.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "core/bytes.h"
#include "core/mutex.h"
#include "core/request.h"
#include "core/status.h"
#include "trace/pending_sends.h"
#include "trace/trace_queue.h"
#include "trace/trace_settings.h"
#include "wire/call_metadata.h"

namespace triton_lite {

// A call that may be traced.
struct FrontCall {
  std::uint64_t peer = 0;  // Its connection.
  std::uint64_t id = 0;    // Its name there.
  FrontProtocol protocol = FrontProtocol::kHttp;
  Bytes metadata = {};  // See wire/call_metadata.h.
};

// Thread-safe.
class Tracer {
 public:
  // `log` takes what goes wrong with the files, on a thread of the tracer.
  Tracer(const TraceConfig& config, std::function<void(const std::string&)> log);
  ~Tracer() { Stop(); }
  Tracer(const Tracer&) = delete;
  Tracer& operator=(const Tracer&) = delete;

  const TraceConfig& config() const { return config_; }
  // False: nothing can be sampled, and there is nothing to ask.
  bool active() const { return active_.load(std::memory_order_relaxed); }
  // `hook` is called with active() now and whenever that changes; null: no more. Not while it is called.
  void OnActive(std::function<void(bool)> hook) EXCLUDES(update_mu_);

  // See TraceSettings.
  Status Update(const std::string& model, const TraceChanges& changes) EXCLUDES(update_mu_);
  TraceValues Get(const std::string& model) const { return settings_.Find(model)->values(); }

  // Decides whether a request, which is complete and about to be run, is traced, and has it traced.
  void Sample(const FrontCall& call, InferenceRequest* request);
  // A front end, over this connection, has sent an answer.
  void OnSent(std::uint64_t peer, const wire::TraceSent& sent);

  // Traces for spans; null in mode triton.
  TraceQueue* queue() const { return queue_.get(); }

  // After the last request has ended: everything that was recorded is written. Idempotent.
  void Stop() EXCLUDES(update_mu_);

 private:
  const TraceConfig config_;
  const std::shared_ptr<TraceQueue> queue_;
  const std::shared_ptr<TraceOutput> output_;
  TraceSettings settings_;
  const std::shared_ptr<PendingSends> sends_ = std::make_shared<PendingSends>();
  std::atomic<bool> active_{false};
  Mutex update_mu_;
  std::function<void(bool)> on_active_ GUARDED_BY(update_mu_);
};

}  // namespace triton_lite
