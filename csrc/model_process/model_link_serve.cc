// The thread of a ModelLink that serves its process: what the model answers, and what becomes of it when it is gone.
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <memory>
#include <utility>

#include "core/reshape.h"
#include "log/log.h"
#include "model_process/model_link.h"
#include "model_process/parameters_json.h"

namespace triton_lite::model_process {

void ModelLink::Serve(std::shared_ptr<Connection> connection) {
  const auto calls = std::make_shared<Calls>(connection, router_, [this](std::uint64_t key) { return FindOpen(key); });
  StartWaiting();
  Received received;
  const auto take = [&received](Lane& lane, auto handle) {
    const Lane::State state = lane.Receive(&received);
    return state == Lane::State::kDone ? handle() : state == Lane::State::kNothing;
  };
  bool alive = true;
  while (alive) {
    // One message of each lane that has any: with nothing more to be read, each look into a socket is lost time.
    const std::uint64_t deadline = NextDeadline();
    const Connection::Ready ready = connection->Wait(deadline);
    if (ready.execute) {
      alive = take(connection->execute(), [&] { return HandleExecute(received, connection); });
    }
    if (alive && ready.calls) {
      alive = take(connection->calls(), [&] { return calls->Handle(received); });
    }
    if (alive && deadline != 0) {
      KillIfLate(*connection);
    }
  }
  connection->ShutDown();
  calls->CancelAll();
  GoDown(connection.get());
}

bool ModelLink::HandleExecute(Received& received, const std::shared_ptr<Connection>& connection) {
  switch (received.header.kind) {
    case kResponses:
    case kExecuted:
      return HandleResponses(received, connection);
    case kRelease:
      for (const std::uint64_t place : ReadReleased(received.body)) {
        connection->execute().Release(place);
      }
      return true;
    default:
      LogError("model instance '" + name_ + "': " + Malformed().message());
      return false;
  }
}

bool ModelLink::HandleResponses(Received& received, const std::shared_ptr<Connection>& connection) {
  const Header& header = received.header;
  const RemoteMemory memory = connection->MemoryOf(received);
  Lane& lane = connection->execute();
  Buffer storage;
  const Result<Bytes> body = FetchBody(header, received.body, memory, &storage);
  const Result<ResponsesView> view = body.ok() ? ReadResponses(*body) : Result<ResponsesView>(body.status());
  if (!view.ok()) {
    LogError("model instance '" + name_ + "': " + view.status().message());
    return false;
  }
  if (header.kind == kExecuted && (header.flags & kAway) == 0) {
    StampStart(header);
  }
  bool referred = (header.flags & kAway) != 0;
  for (const ResponseView& response : view->responses) {
    referred = referred || response.refers_to_memory();
    InferenceRequest* const request = FindOpen(response.key);
    if (request == nullptr) {
      continue;  // It has ended, by an earlier response or an error.
    }
    request->times.compute_output_start = NowNanoseconds();
    if (header.kind == kExecuted && spec_->decoupled && response.has(kHasError)) {
      request->times.compute_end = NowNanoseconds();
      request->responder->Fail(response.error);  // No response that failed, but execute.
      End(response.key);
      continue;
    }
    Respond(response, request, MakeResponse(response, *body, memory, lane, request));
    PauseWithoutCredit(response.key, connection);
  }
  for (const std::uint64_t place : view->released) {
    lane.Release(place);
  }
  if (referred && (header.flags & kInFile) == 0) {
    (void)lane.Send({.kind = kTaken, .id = header.flags >> kNumberShift}, {});
  }
  if (header.kind == kExecuted) {
    EndBatch(header.id);
  }
  return true;
}

void ModelLink::StampStart(const Header& header) {
  const std::uint64_t now = NowNanoseconds();
  const std::uint64_t free_since = std::exchange(last_executed_, now);
  MutexLock lock(mu_);
  const auto batch = batches_.find(header.id);
  if (batch == batches_.end() || header.place > now) {
    return;
  }
  for (const std::uint64_t key : batch->second.keys) {
    const auto open = open_.find(key);
    if (open != open_.end() && open->second.request->times.compute_input_end < header.place) {
      Timestamps& times = open->second.request->times;
      times.compute_start = std::clamp(free_since, times.compute_start, header.place);
      times.compute_input_end = header.place;
    }
  }
}

void ModelLink::Respond(const ResponseView& view, InferenceRequest* request, Result<InferenceResponse> response) {
  const bool last = view.has(kFinal) || !spec_->decoupled;
  if (view.has(kRescheduled)) {
    request->reschedule = true;
    return End(view.key);
  }
  if (!response.ok()) {
    if (!spec_->decoupled) {
      // As in Triton: it was an execution, and a failure only if there is no answer.
      request->times.compute_end = NowNanoseconds();
      request->failure_reason = view.has(kRaised) ? FailureReason::kBackend : FailureReason::kAnswered;
      request->responder->Fail(response.status());
      return End(view.key);
    }
    response = InferenceResponse{.outputs = {}, .parameters = {}, .error = response.status()};
  } else if (!view.has(kHasResponse)) {
    if (view.has(kFinal)) {
      request->times.compute_end = request->times.compute_output_start;
      request->responder->Finish();
      End(view.key);
    }
    return;
  }
  request->times.compute_end = NowNanoseconds();
  request->responder->Send(*std::move(response), last);
  if (last) {
    End(view.key);
  }
}

void ModelLink::PauseWithoutCredit(std::uint64_t key, const std::shared_ptr<Connection>& connection) {
  InferenceRequest* const request = spec_->decoupled ? FindOpen(key) : nullptr;
  if (request == nullptr || request->responder->HasCredit()) {
    return;
  }
  std::shared_ptr<Pause> pause;
  {
    MutexLock lock(mu_);
    OpenRequest& open = open_.at(key);
    if (open.pause == nullptr) {
      open.pause = std::make_shared<Pause>();
    }
    pause = open.pause;
  }
  if (pause->on.exchange(true)) {
    return;
  }
  (void)connection->execute().Send({.kind = kPause, .id = key}, {});
  request->responder->OnCredit([pause, connection, key] { EndPause(*pause, *connection, key); });
}

void ModelLink::EndPause(Pause& pause, Connection& connection, std::uint64_t key) {
  if (pause.on.load()) {
    pause.ended_at = NowNanoseconds();
    if (pause.on.exchange(false)) {
      (void)connection.execute().Send({.kind = kResume, .id = key}, {});
    }
  }
}

Result<InferenceResponse> ModelLink::MakeResponse(const ResponseView& view, Bytes body, const RemoteMemory& memory,
                                                  const Lane& lane, InferenceRequest* request) const {
  if (view.has(kHasError)) {
    return view.error;
  }
  InferenceResponse response;
  ASSIGN_OR_RETURN(response.parameters, ParametersFromJson(view.parameters));
  for (const TensorView& output : view.outputs) {
    const bool wanted = std::any_of(request->outputs.begin(), request->outputs.end(),
                                    [&](const RequestedOutput& requested) { return requested.name == output.name; });
    const TensorSpec* const output_spec = spec_->FindOutput(output.name);
    if (!wanted || output_spec == nullptr) {
      continue;  // As in Triton.
    }
    OutputMemory& outputs = request->responder->memory();
    const auto allocate = [&](std::size_t byte_size) { return outputs.AllocateOutput(output.name, byte_size); };
    ASSIGN_OR_RETURN(Buffer data, FetchTensor(output, body, memory, lane, allocate));
    response.outputs.push_back({std::string(output.name), output.datatype,
                                ClientShape(*output_spec, spec_->max_batch_size > 0, output.shape), std::move(data)});
  }
  return response;
}

InferenceRequest* ModelLink::FindOpen(std::uint64_t key) const {
  MutexLock lock(mu_);
  const auto it = open_.find(key);
  return it == open_.end() ? nullptr : it->second.request;
}

void ModelLink::End(std::uint64_t key) {
  OpenRequest ended;  // Freed without the lock,
  RunningBatch over;  // and its batch told without it.
  bool in_batch = true;
  {
    MutexLock lock(mu_);
    const auto it = open_.find(key);
    ended = std::move(it->second);
    open_.erase(it);
    if (ended.pause != nullptr && connection_ != nullptr) {
      EndPause(*ended.pause, *connection_, key);  // Whoever waits to send more is to find that it is over.
    }
    const auto batch = batches_.find(ended.batch);
    in_batch = batch != batches_.end();
    if (!in_batch) {
      // It went on after its batch.
    } else if (ended.owned != nullptr) {
      batch->second.given_back[ended.position] = std::move(ended.owned);
    } else if (--batch->second.unended == 0 && batch->second.lent && batch->second.executed) {
      over = std::move(batch->second);
      batches_.erase(batch);
    }
  }
  if (!in_batch && ended.owned != nullptr) {
    ended.request->responder->Retain(ended.owned);
  }
  if (over.hook) {
    over.hook({});
  }
}

void ModelLink::EndBatch(std::uint64_t id) {
  RunningBatch over;
  {
    MutexLock lock(mu_);
    const auto it = batches_.find(id);
    if (it == batches_.end() || it->second.executed) {
      return;
    }
    it->second.executed = true;
    it->second.deadline = 0;
    if (it->second.lent && it->second.unended > 0) {
      return;  // Until they have ended.
    }
    for (const std::uint64_t key : it->second.keys) {
      if (const auto open = open_.find(key); open != open_.end() && open->second.owned == nullptr) {
        open_.erase(open);  // Filled the batch up: nobody else knows when it goes.
      }
    }
    over = std::move(it->second);
    batches_.erase(it);
  }
  over.hook(std::move(over.given_back));
}

std::uint64_t ModelLink::NextDeadline() const {
  const std::uint64_t now = NowNanoseconds();
  MutexLock lock(mu_);
  std::uint64_t next = 0;
  for (const auto& [id, batch] : batches_) {
    const std::uint64_t deadline = DeadlineOf(batch, now);
    if (deadline != 0 && (next == 0 || deadline < next)) {
      next = deadline;
    }
  }
  return next;
}

std::uint64_t ModelLink::DeadlineOf(const RunningBatch& batch, std::uint64_t now) const {
  std::uint64_t deadline = batch.deadline;
  if (deadline == 0) {
    return 0;
  }
  const std::uint64_t timeout = execute_timeout_.load(std::memory_order_relaxed);
  for (const std::uint64_t key : batch.keys) {
    const auto open = open_.find(key);
    if (open != open_.end() && open->second.pause != nullptr) {
      const Pause& pause = *open->second.pause;
      deadline = std::max(deadline, (pause.on.load() ? now : pause.ended_at.load()) + timeout);
    }
  }
  return deadline;
}

void ModelLink::KillIfLate(Connection& connection) {
  const std::uint64_t deadline = NextDeadline();
  if (deadline != 0 && NowNanoseconds() >= deadline) {
    LogError("model instance '" + name_ + "': execute did not return in time, its process is ended");
    if (connection.process_id() != getpid()) {
      (void)kill(connection.process_id(), SIGKILL);
    }
    connection.ShutDown();
    MutexLock lock(mu_);
    for (auto& [id, batch] : batches_) {
      batch.deadline = 0;
    }
  }
}

void ModelLink::GoDown(const Connection* connection) {
  std::unordered_map<std::uint64_t, OpenRequest> open;
  std::map<std::uint64_t, RunningBatch> batches;
  {
    MutexLock lock(mu_);
    if (connection_.get() == connection) {
      connection_ = nullptr;
      NoteWhetherDown();
    }
    open.swap(open_);
    batches.swap(batches_);
    if (!open.empty()) {
      wanted_ = true;
    }
  }
  const Status status = Unhealthy();
  for (auto& [key, each] : open) {
    each.request->times.compute_output_start = NowNanoseconds();
    each.request->responder->Fail(status);
    if (each.owned == nullptr) {
      continue;
    }
    if (const auto batch = batches.find(each.batch); batch != batches.end()) {
      batch->second.given_back[each.position] = std::move(each.owned);
    } else {
      each.request->responder->Retain(each.owned);
    }
  }
  open.clear();
  for (auto& [id, batch] : batches) {
    batch.hook(std::move(batch.given_back));
  }
  closed_changed_.NotifyAll();
}

}  // namespace triton_lite::model_process
