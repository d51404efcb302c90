// What the scheduler tests share: requests that remember their replies, instances made of a function, gates.
#pragma once

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "schedule/scheduler.h"

namespace triton_lite::testing {

// Waiting for an event; never for a while.
class Gate {
 public:
  void Open() {
    const std::lock_guard lock(mu_);
    open_ = true;
    cv_.notify_all();
  }
  void Wait() {
    std::unique_lock lock(mu_);
    cv_.wait(lock, [this] { return open_; });
  }

 private:
  std::mutex mu_;
  std::condition_variable cv_;
  bool open_ = false;
};

struct RecordedReply {
  std::string request;
  std::string what;  // "ok", "finish", or the text of the error.
  Code code = Code::kOk;
  bool last = true;
  InferenceResponse response;
};

// The replies of all requests of a test, in the order in which they left.
class Record {
 public:
  void Add(RecordedReply reply) {
    const std::lock_guard lock(mu_);
    replies_.push_back(std::move(reply));
    cv_.notify_all();
  }
  void WaitFor(std::size_t count) {
    std::unique_lock lock(mu_);
    cv_.wait(lock, [&] { return replies_.size() >= count; });
  }
  std::vector<RecordedReply> replies() {
    const std::lock_guard lock(mu_);
    return replies_;
  }
  // Whether those who take the replies keep up.
  void SetCredit(bool credit) {
    std::vector<std::function<void()>> hooks;
    {
      const std::lock_guard lock(mu_);
      credit_ = credit;
      if (credit) {
        hooks.swap(hooks_);
      }
    }
    for (const auto& hook : hooks) {
      hook();
    }
  }
  bool credit() {
    const std::lock_guard lock(mu_);
    return credit_;
  }
  void OnCredit(std::function<void()> hook) {
    {
      const std::lock_guard lock(mu_);
      if (!credit_) {
        hooks_.push_back(std::move(hook));
        return;
      }
    }
    hook();
  }
  std::vector<std::string> requests() {
    std::vector<std::string> names;
    for (const RecordedReply& reply : replies()) {
      names.push_back(reply.request);
    }
    return names;
  }

 private:
  std::mutex mu_;
  std::condition_variable cv_;
  std::vector<RecordedReply> replies_;
  bool credit_ = true;
  std::vector<std::function<void()>> hooks_;
};

class HeapMemory : public OutputMemory {
 public:
  Result<Buffer> Allocate(std::size_t byte_size) override { return AllocateHeap(byte_size); }
};

class RecordingResponder : public Responder {
 public:
  RecordingResponder(std::string request, Record* record) : request_(std::move(request)), record_(record) {}
  ~RecordingResponder() override {
    if (!ended_) {
      record_->Add({request_, "dropped", Code::kInternal, true, {}});
    }
  }
  OutputMemory& memory() override { return memory_; }
  void Send(InferenceResponse response, bool last) override {
    ended_ = ended_ || last;
    record_->Add({request_, response.error.ok() ? "ok" : response.error.message(), response.error.code(), last,
                  std::move(response)});
  }
  void Fail(Status status) override {
    ended_ = true;
    record_->Add({request_, status.message(), status.code(), true, {}});
  }
  void Finish() override {
    ended_ = true;
    record_->Add({request_, "finish", Code::kOk, true, {}});
  }
  void OnReschedule() override { record_->Add({request_, "again", Code::kOk, false, {}}); }
  bool HasCredit() override { return record_->credit(); }
  void OnCredit(std::function<void()> hook) override { record_->OnCredit(std::move(hook)); }

 private:
  std::string request_;
  Record* record_;
  HeapMemory memory_;
  bool ended_ = false;
};

inline RequestPtr MakeRequest(std::string id, Record* record, std::uint32_t batch_size = 1) {
  auto request = std::make_unique<InferenceRequest>();
  request->responder = record == nullptr ? nullptr : std::make_unique<RecordingResponder>(id, record);
  request->id = std::move(id);
  request->batch_size = batch_size;
  request->cancel = std::make_shared<CancelToken>();
  return request;
}

inline void AddInput(InferenceRequest& request, std::string name, Shape shape) {
  InputTensor input;
  input.name = std::move(name);
  input.datatype = DataType::kInt32;
  input.shape = shape;
  input.model_shape = shape;
  request.inputs.push_back(std::move(input));
}

using Batch = std::span<InferenceRequest* const>;

// Runs `body`, then answers what it left unanswered.
class FakeInstance : public BackendInstance {
 public:
  explicit FakeInstance(std::function<void(Batch)> body) : body_(std::move(body)) {}
  void Execute(Batch batch) override {
    if (body_ != nullptr) {
      body_(batch);
    }
    for (InferenceRequest* request : batch) {
      request->responder->Send({}, true);
    }
  }

 private:
  std::function<void(Batch)> body_;
};

// The threads of a scheduler's instances. Between the end of its last batch and its return a thread looks at the
// scheduler once more: what keeps a model alive meanwhile is its requests, which the fakes do not have, so whoever owns
// the scheduler joins them when it is drained.
class AwayThreads {
 public:
  AwayThreads() = default;
  ~AwayThreads() { Join(); }
  AwayThreads(const AwayThreads&) = delete;
  AwayThreads& operator=(const AwayThreads&) = delete;

  template <typename Body>
  void Run(Body body) {
    const std::lock_guard lock(mu_);  // It is among them before it can be over.
    threads_.emplace_back(std::move(body));
  }
  void Join() {
    for (auto threads = Take(); !threads.empty(); threads = Take()) {  // The thread of one batch may start the next.
      for (std::thread& thread : threads) {
        thread.join();
      }
    }
  }

 private:
  std::vector<std::thread> Take() {
    const std::lock_guard lock(mu_);
    return std::exchange(threads_, {});
  }

  std::mutex mu_;
  std::vector<std::thread> threads_;
};

// Runs the batches of another instance on threads of its own.
class AwayInstance : public BackendInstance {
 public:
  AwayInstance(std::unique_ptr<BackendInstance> inner, AwayThreads* threads)
      : inner_(std::move(inner)), threads_(threads) {}

  void Execute(Batch batch) override { inner_->Execute(batch); }
  bool starts() const override { return true; }
  bool Start(Batch view, std::vector<RequestPtr>* batch, const ExecutedHook& executed) override {
    auto run = [this, view = std::vector<InferenceRequest*>(view.begin(), view.end()), batch = std::move(*batch),
                executed]() mutable {
      inner_->Execute(view);
      executed(std::move(batch));
    };
    threads_->Run(std::move(run));
    return true;
  }

 private:
  const std::unique_ptr<BackendInstance> inner_;
  AwayThreads* const threads_;
};

// The body of an instance that stays in its batch until it is let go.
class Held {
 public:
  void operator()(Batch) {
    entered_.Open();
    gate_.Wait();
  }
  void AwaitBatch() { entered_.Wait(); }
  void LetGo() { gate_.Open(); }

 private:
  Gate entered_;
  Gate gate_;
};

inline Instances MakeInstances(int count, const std::function<void(Batch)>& body) {
  Instances instances;
  for (int i = 0; i < count; ++i) {
    instances.push_back(std::make_unique<FakeInstance>(body));
  }
  return instances;
}

}  // namespace triton_lite::testing
