// One instance of a Python model, whatever process runs it at the time.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

#include "backends/backend.h"
#include "core/model_spec.h"
#include "core/mutex.h"
#include "core/request.h"
#include "model_process/calls.h"
#include "model_process/connection.h"
#include "model_process/response_reader.h"
#include "schedule/scheduler.h"

namespace triton_lite::model_process {

// Thread-safe. Without a process requests wait for the next one, unless none is about to come: then they fail at once.
// The first that comes after a death fails, too, if the death was not the first one's doing: see wanted().
class ModelLink {
 public:
  // `name`: of the instance, as Triton names it.
  explicit ModelLink(std::string name);
  // Not on the link's own thread: whoever ends requests is never the last to hold their model.
  ~ModelLink();
  ModelLink(const ModelLink&) = delete;
  ModelLink& operator=(const ModelLink&) = delete;

  const std::string& name() const { return name_; }

  // Control side.

  // The process is initialised and waits for batches. After a death, again. FAILED_PRECONDITION when the link is
  // closed.
  Status Attach(FileDescriptor execute, FileDescriptor calls, pid_t process_id) EXCLUDES(mu_, attach_mu_);
  // The process is gone, or is to be taken for gone: what it had fails.
  void Detach() EXCLUDES(mu_);
  // No process comes soon: until one does, what waits and what comes fails.
  void GiveUp() EXCLUDES(mu_);
  // How long a batch may run before its process is killed. 0: as long as it likes.
  void SetExecuteTimeout(std::uint64_t nanoseconds) { execute_timeout_ = nanoseconds; }
  // How many batches the model runs at the same time (coroutines).
  void SetConcurrency(std::size_t batches) { concurrency_ = batches; }
  std::size_t concurrency() const { return concurrency_; }
  // Whether there is a process: not any more before the first request hears of its death.
  bool attached() const EXCLUDES(mu_);
  // Whether requests have failed since the last process came, for want of one or by its death.
  bool wanted() const { return wanted_; }
  // Whether the instance is gone: the process gets no more work, and has seen the end of its execute lane.
  bool closed() const EXCLUDES(mu_);
  // False at `deadline` (steady clock, nanoseconds; 0: none).
  bool WaitClosed(std::uint64_t deadline) const EXCLUDES(mu_);

  // Data plane.

  // Once, before the first batch. `router` runs what the model asks of others; it outlives the instance.
  void Open(std::shared_ptr<const ModelSpec> spec, ModelRouter* router) EXCLUDES(mu_, attach_mu_);
  // As BackendInstance::Start. Without a `batch` all requests are somebody else's: `executed` is called when the last
  // of them has ended.
  bool Start(std::span<InferenceRequest* const> view, std::vector<RequestPtr>* batch, const ExecutedHook& executed)
      EXCLUDES(mu_);
  // Whether there is no process, and none comes soon.
  bool down() const { return down_; }
  // Whether it has requests that have not ended.
  bool in_use() const EXCLUDES(mu_);
  // No more batches come.
  void Close() EXCLUDES(mu_, attach_mu_);

 private:
  // That a request waits for its client. Shared with the hook that ends it, which may come late.
  struct Pause {
    std::atomic<bool> on{false};
    std::atomic<std::uint64_t> ended_at{0};
  };
  struct OpenRequest {
    InferenceRequest* request = nullptr;
    std::shared_ptr<Pause> pause;  // Null: it never waited.
    RequestPtr owned;              // Null: somebody else's.
    std::uint64_t batch = 0;
    std::size_t position = 0;  // Among the batch's own.
  };
  struct RunningBatch {
    std::vector<std::uint64_t> keys;     // Of all its requests, in its order.
    std::vector<RequestPtr> given_back;  // Of those that are its own, in its order: null while they go on.
    std::size_t unended = 0;             // Requests that are somebody else's.
    bool lent = false;                   // All of them are.
    bool executed = false;
    std::uint64_t deadline = 0;  // Of the execution. 0: none.
    ExecutedHook hook;
  };
  struct WaitingBatch {
    std::vector<InferenceRequest*> view;
    std::vector<RequestPtr> batch;
    ExecutedHook executed;
  };

  Status Register(Connection& connection, std::span<InferenceRequest* const> view, std::span<const std::uint64_t> keys,
                  std::vector<RequestPtr>* batch, const ExecutedHook& executed, Bytes body) EXCLUDES(mu_);

  Status Attach(const std::shared_ptr<Connection>& connection) EXCLUDES(mu_, attach_mu_);
  void StartServing(const std::shared_ptr<Connection>& connection) REQUIRES(attach_mu_);

  // Of the thread that serves a process.
  void Serve(std::shared_ptr<Connection> connection);
  bool HandleExecute(Received& received, const std::shared_ptr<Connection>& connection);
  bool HandleResponses(Received& received, const std::shared_ptr<Connection>& connection);
  void Respond(const ResponseView& view, InferenceRequest* request, Result<InferenceResponse> response);
  // A decoupled model is not to run ahead of its client for ever.
  void PauseWithoutCredit(std::uint64_t key, const std::shared_ptr<Connection>& connection) EXCLUDES(mu_);
  static void EndPause(Pause& pause, Connection& connection, std::uint64_t key);
  // The model says when it took the batch up; until then its requests waited.
  void StampStart(const Header& header) EXCLUDES(mu_);
  Result<InferenceResponse> MakeResponse(const ResponseView& view, Bytes body, const RemoteMemory& memory,
                                         const Lane& lane, InferenceRequest* request) const;
  // The request has ended, or is about to be given back for another run.
  void End(std::uint64_t key) EXCLUDES(mu_);
  void EndBatch(std::uint64_t id) EXCLUDES(mu_);
  void KillIfLate(Connection& connection) EXCLUDES(mu_);
  std::uint64_t NextDeadline() const EXCLUDES(mu_);
  // When the batch is late: time that it waits for clients does not count.
  std::uint64_t DeadlineOf(const RunningBatch& batch, std::uint64_t now) const REQUIRES(mu_);
  void GoDown(const Connection* connection) EXCLUDES(mu_);
  void NoteWhetherDown() REQUIRES(mu_) { down_ = connection_ == nullptr && !comes_back_; }
  // What came while there was no process.
  void StartWaiting() EXCLUDES(mu_);
  static void Fail(std::span<InferenceRequest* const> view, const Status& status);

  InferenceRequest* FindOpen(std::uint64_t key) const EXCLUDES(mu_);
  Status Unhealthy() const;

  const std::string name_;
  std::atomic<std::uint64_t> execute_timeout_{0};
  std::atomic<std::size_t> concurrency_{1};
  std::atomic<bool> wanted_{false};
  std::atomic<bool> down_{true};
  // Set by Open, before any thread looks at them.
  std::shared_ptr<const ModelSpec> spec_;
  ModelRouter* router_ = nullptr;

  std::uint64_t last_executed_ = 0;  // When the last batch had run; of the serving thread.

  Mutex attach_mu_;  // Attach and Close may meet.
  std::thread thread_ GUARDED_BY(attach_mu_);

  mutable Mutex mu_;
  mutable CondVar closed_changed_;
  std::shared_ptr<Connection> connection_ GUARDED_BY(mu_);  // Null: there is no process.
  std::unordered_map<std::uint64_t, OpenRequest> open_ GUARDED_BY(mu_);
  std::map<std::uint64_t, RunningBatch> batches_ GUARDED_BY(mu_);
  std::uint64_t next_key_ GUARDED_BY(mu_) = 1;
  std::uint64_t next_batch_ GUARDED_BY(mu_) = 1;
  std::vector<WaitingBatch> waiting_ GUARDED_BY(mu_);
  bool comes_back_ GUARDED_BY(mu_) = false;  // When the process dies, another one is started soon.
  bool closed_ GUARDED_BY(mu_) = false;
};

using ModelLinkPtr = std::shared_ptr<ModelLink>;

}  // namespace triton_lite::model_process
