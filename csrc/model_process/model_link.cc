#include "model_process/model_link.h"

#include <algorithm>
#include <chrono>
#include <system_error>
#include <utility>

#include "model_process/execute_message.h"

namespace triton_lite::model_process {

ModelLink::ModelLink(std::string name) : name_(std::move(name)) {}

ModelLink::~ModelLink() { Close(); }

Status ModelLink::Attach(FileDescriptor execute, FileDescriptor calls, pid_t process_id) {
  ASSIGN_OR_RETURN(std::shared_ptr<Connection> connection,
                   Connection::Make(std::move(execute), std::move(calls), process_id));
  Status attached = Attach(connection);
  if (!attached.ok()) {
    GoDown(connection.get());  // Nobody would end what it was given meanwhile.
  }
  return attached;
}

Status ModelLink::Attach(const std::shared_ptr<Connection>& connection) {
  MutexLock attach_lock(attach_mu_);
  Detach();
  if (thread_.joinable()) {
    thread_.join();
  }
  {
    MutexLock lock(mu_);
    if (closed_) {
      return {Code::kFailedPrecondition, "instance '" + name_ + "' was unloaded"};
    }
    connection_ = connection;
    comes_back_ = true;
    NoteWhetherDown();
    wanted_ = false;
  }
  if (spec_ != nullptr) {
    try {
      StartServing(connection);
    } catch (const std::system_error&) {
      return Unavailable("no thread could be started for model instance '" + name_ + "'");
    }
  }
  return {};
}

void ModelLink::StartServing(const std::shared_ptr<Connection>& connection) {
  thread_ = std::thread([this, connection] { Serve(connection); });
}

void ModelLink::Detach() {
  MutexLock lock(mu_);
  if (connection_ != nullptr) {
    connection_->ShutDown();  // Its thread does the rest.
  }
}

void ModelLink::GiveUp() {
  std::vector<WaitingBatch> waiting;
  {
    MutexLock lock(mu_);
    comes_back_ = false;
    NoteWhetherDown();
    waiting.swap(waiting_);
  }
  for (WaitingBatch& each : waiting) {
    Fail(each.view, Unhealthy());
    each.executed(std::move(each.batch));
  }
}

void ModelLink::StartWaiting() {
  std::vector<WaitingBatch> waiting;
  {
    MutexLock lock(mu_);
    waiting.swap(waiting_);
  }
  for (WaitingBatch& each : waiting) {
    if (!Start(each.view, &each.batch, each.executed)) {
      each.executed(std::move(each.batch));
    }
  }
}

void ModelLink::Close() {
  MutexLock attach_lock(attach_mu_);
  {
    MutexLock lock(mu_);
    if (closed_) {
      return;
    }
    closed_ = true;
  }
  Detach();
  if (thread_.joinable()) {
    thread_.join();
  }
  {
    MutexLock lock(mu_);
    connection_ = nullptr;
  }
  GiveUp();
  closed_changed_.NotifyAll();
}

bool ModelLink::in_use() const {
  MutexLock lock(mu_);
  return !open_.empty() || !waiting_.empty();
}

bool ModelLink::attached() const {
  MutexLock lock(mu_);
  return connection_ != nullptr;
}

bool ModelLink::closed() const {
  MutexLock lock(mu_);
  return closed_ && connection_ == nullptr;
}

bool ModelLink::WaitClosed(std::uint64_t deadline) const {
  MutexLock lock(mu_);
  while (!closed_ || connection_ != nullptr) {
    if (deadline == 0) {
      closed_changed_.Wait(mu_);
    } else if (!closed_changed_.WaitUntil(mu_,
                                          std::chrono::steady_clock::time_point(std::chrono::nanoseconds(deadline)))) {
      return closed_ && connection_ == nullptr;
    }
  }
  return true;
}

void ModelLink::Open(std::shared_ptr<const ModelSpec> spec, ModelRouter* router) {
  MutexLock attach_lock(attach_mu_);
  spec_ = std::move(spec);
  router_ = router;
  std::shared_ptr<Connection> connection;
  {
    MutexLock lock(mu_);
    connection = connection_;
  }
  if (connection != nullptr) {
    StartServing(connection);
  }
}

Status ModelLink::Unhealthy() const {
  return Internal("Failed to process the request(s) for model instance '" + name_ + "', message: Stub process '" +
                  name_ + "' is not healthy.");
}

bool ModelLink::Start(std::span<InferenceRequest* const> view, std::vector<RequestPtr>* batch,
                      const ExecutedHook& executed) {
  std::shared_ptr<Connection> connection;
  std::vector<std::uint64_t> keys;
  {
    MutexLock lock(mu_);
    connection = connection_;
    if (connection == nullptr) {
      if (comes_back_ && wanted_) {
        waiting_.push_back({{view.begin(), view.end()}, std::exchange(*batch, {}), executed});
        return true;
      }
      wanted_ = true;
    }
    for (std::size_t i = 0; i < view.size(); ++i) {
      keys.push_back(next_key_++);
    }
  }
  Status status = connection == nullptr ? Unhealthy() : Status();
  if (status.ok()) {
    BodyWriter writer(&connection->execute());
    status = WriteBatch(view, keys, &writer);
    if (status.ok()) {
      status = Register(*connection, view, keys, batch, executed, writer.Finish());
    }
    if (status.ok()) {
      return true;
    }
    writer.Abandon();
  }
  Fail(view, status);
  return false;
}

void ModelLink::Fail(std::span<InferenceRequest* const> view, const Status& status) {
  for (InferenceRequest* const request : view) {
    request->times.compute_input_end = request->times.compute_output_start = NowNanoseconds();
    request->responder->Fail(status);
  }
}

// From here on the serving thread ends the batch, whatever becomes of the message.
Status ModelLink::Register(Connection& connection, std::span<InferenceRequest* const> view,
                           std::span<const std::uint64_t> keys, std::vector<RequestPtr>* batch,
                           const ExecutedHook& executed, Bytes body) {
  const std::uint64_t now = NowNanoseconds();
  const std::uint64_t timeout = execute_timeout_.load(std::memory_order_relaxed);
  Header header{.kind = kExecute};
  MutexLock lock(mu_);
  if (connection_.get() != &connection) {
    wanted_ = true;
    return Unhealthy();
  }
  header.id = next_batch_++;
  RunningBatch& running = batches_[header.id];
  running.keys.assign(keys.begin(), keys.end());
  running.given_back.resize(batch->size());
  running.lent = batch->empty();
  running.deadline = timeout == 0 ? 0 : now + timeout;
  running.hook = executed;
  for (std::size_t i = 0; i < view.size(); ++i) {
    view[i]->times.compute_input_end = now;
    OpenRequest& open = open_[keys[i]];
    open.request = view[i];
    open.batch = header.id;
    const auto own =
        std::find_if(batch->begin(), batch->end(), [&](const auto& each) { return each.get() == view[i]; });
    if (own != batch->end()) {
      open.position = static_cast<std::size_t>(own - batch->begin());
      open.owned = std::move(*own);
    } else {
      ++running.unended;
    }
  }
  batch->clear();
  if (timeout != 0) {
    connection.Wake();
  }
  const Status sent = connection.execute().Send(header, body);
  if (!sent.ok()) {
    connection.ShutDown();  // Out of memory for a message: its thread ends what waits.
  }
  return {};
}

}  // namespace triton_lite::model_process
