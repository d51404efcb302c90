// The client of an engine in this process: the same interface without rings.
#include <algorithm>
#include <atomic>
#include <unordered_map>
#include <utility>

#include "channel/body_registry.h"
#include "channel/cancel_hook.h"
#include "channel/client.h"
#include "channel/parking.h"
#include "channel/ring_link.h"
#include "channel/wakeup.h"
#include "core/mutex.h"

namespace triton_lite {
namespace {

// The credit of a call, which its answers outlive.
struct DirectCredit {
  void Take() { window.Offer(taken.fetch_add(1, std::memory_order_relaxed) + 1); }

  StreamCredit window{kStreamWindow};
  std::atomic<std::uint64_t> taken{0};
};

class DirectAnswer : public ReceivedAnswer {
 public:
  // `credit`: of a call that may have many answers.
  DirectAnswer(CallId call, Answer answer, bool last, std::shared_ptr<DirectCredit> credit)
      : call_(call), last_(last), answer_(std::move(answer)), credit_(std::move(credit)) {
    segments_.reserve(answer_.segments.size());
    for (const Buffer& segment : answer_.segments) {
      segments_.push_back(segment.bytes());
    }
  }
  ~DirectAnswer() override { Acknowledge(); }
  CallId call() const override { return call_; }
  bool last() const override { return last_; }
  bool traced() const override { return answer_.traced; }
  bool many() const override { return many_; }
  void Acknowledge() override {
    if (const auto credit = std::exchange(credit_, nullptr)) {
      credit->Take();
    }
  }
  const Status& status() const override { return answer_.status; }
  Bytes message() const override { return AsBytes(answer_.message); }
  std::span<const Bytes> segments() const override { return segments_; }
  std::span<const Buffer> buffers() const override { return answer_.segments; }

 private:
  const CallId call_;
  const bool last_;
  const Answer answer_;
  std::shared_ptr<DirectCredit> credit_;  // Null once it was acknowledged.
  const bool many_ = credit_ != nullptr;
  std::vector<Bytes> segments_;
};

// Where answers meet those who wait for them. Outlives the client while calls run.
class Mailbox {
 public:
  struct Entry {
    std::weak_ptr<Call> running;
    bool waited = false;
    bool last_received = false;
    std::vector<ReceivedAnswerPtr> answers;
  };
  struct Waiter {
    CallId call;
    Parking parking;
  };

  Mailbox() : event_(MakeEvent()) {}
  int event() const { return event_.get(); }

  void Open(CallId call, Entry entry) EXCLUDES(mu_) {
    MutexLock lock(mu_);
    calls_.emplace(call, std::move(entry));
  }

  void Post(ReceivedAnswerPtr answer) EXCLUDES(mu_);
  std::vector<ReceivedAnswerPtr> TakeUnclaimed() EXCLUDES(mu_);
  bool Arm() EXCLUDES(mu_);
  ReceivedAnswerPtr Wait(CallId call, std::uint64_t deadline_ns, bool* interrupted) EXCLUDES(mu_);
  std::shared_ptr<Call> FindRunning(CallId call) EXCLUDES(mu_);
  std::vector<std::shared_ptr<Call>> AllRunning() EXCLUDES(mu_);

 private:
  void Claim(CallId call, Entry& entry) REQUIRES(mu_);
  void Take(const ReceivedAnswer& answer) REQUIRES(mu_);

  const FileDescriptor event_;
  Mutex mu_;
  std::unordered_map<CallId, Entry> calls_ GUARDED_BY(mu_);
  std::vector<ReceivedAnswerPtr> unclaimed_ GUARDED_BY(mu_);
  std::vector<Waiter*> waiters_ GUARDED_BY(mu_);
  bool armed_ GUARDED_BY(mu_) = false;
};

void Mailbox::Post(ReceivedAnswerPtr answer) {
  MutexLock lock(mu_);
  const auto it = calls_.find(answer->call());
  if (it == calls_.end()) {
    return;
  }
  const CallId call = it->first;
  it->second.last_received = answer->last();
  if (!it->second.waited) {
    unclaimed_.push_back(std::move(answer));
    if (std::exchange(armed_, false)) {
      Ring(event_.get());
    }
    return;
  }
  it->second.answers.push_back(std::move(answer));
  for (Waiter* waiter : waiters_) {
    if (waiter->call == call) {
      waiter->parking.Call();
    }
  }
}

std::vector<ReceivedAnswerPtr> Mailbox::TakeUnclaimed() {
  MutexLock lock(mu_);
  armed_ = false;
  for (const ReceivedAnswerPtr& answer : unclaimed_) {
    Take(*answer);
  }
  return std::exchange(unclaimed_, {});
}

bool Mailbox::Arm() {
  MutexLock lock(mu_);
  std::uint64_t rung;
  (void)!read(event_.get(), &rung, sizeof(rung));
  armed_ = unclaimed_.empty();
  return armed_;
}

ReceivedAnswerPtr Mailbox::Wait(CallId call, std::uint64_t deadline_ns, bool* interrupted) {
  *interrupted = false;
  Waiter self{call, {}};
  Parking::Woken woken = Parking::Woken::kCalled;
  while (true) {
    {
      MutexLock lock(mu_);
      std::erase(waiters_, &self);
      const auto it = calls_.find(call);
      if (it == calls_.end()) {
        return std::make_unique<LocalAnswer>(call, Internal("the call is not in flight"));
      }
      Claim(call, it->second);
      auto& answers = it->second.answers;
      if (!answers.empty()) {
        ReceivedAnswerPtr answer = std::move(answers.front());
        answers.erase(answers.begin());
        Take(*answer);
        return answer;
      }
      *interrupted = woken == Parking::Woken::kInterrupted;
      if (*interrupted || woken == Parking::Woken::kDeadline) {
        return nullptr;
      }
      waiters_.push_back(&self);
    }
    woken = self.parking.Sleep(deadline_ns);
  }
}

void Mailbox::Claim(CallId call, Entry& entry) {
  if (std::exchange(entry.waited, true)) {
    return;
  }
  const auto mine = std::stable_partition(unclaimed_.begin(), unclaimed_.end(),
                                          [call](const auto& answer) { return answer->call() != call; });
  std::move(mine, unclaimed_.end(), std::back_inserter(entry.answers));
  unclaimed_.erase(mine, unclaimed_.end());
}

void Mailbox::Take(const ReceivedAnswer& answer) {
  const auto it = calls_.find(answer.call());
  if (it == calls_.end()) {
    return;
  }
  if (answer.last()) {
    calls_.erase(it);
  }
}

std::shared_ptr<Call> Mailbox::FindRunning(CallId call) {
  MutexLock lock(mu_);
  const auto it = calls_.find(call);
  return it == calls_.end() || it->second.last_received ? nullptr : it->second.running.lock();
}

std::vector<std::shared_ptr<Call>> Mailbox::AllRunning() {
  std::vector<std::shared_ptr<Call>> running;
  MutexLock lock(mu_);
  for (const auto& [id, entry] : calls_) {
    if (auto call = entry.running.lock()) {
      running.push_back(std::move(call));
    }
  }
  return running;
}

class DirectCall : public Call {
 public:
  DirectCall(CallId id, Method method, std::shared_ptr<Mailbox> mailbox)
      : id_(id), method_(method), mailbox_(std::move(mailbox)) {}
  ~DirectCall() override {
    if (!ended_.exchange(true)) {
      Post(Answer{.status = Internal("the request was dropped"), .message = {}, .segments = {}}, true);
    }
  }

  // Copies what does not lie in a body.
  Status Fill(const CallBody& body, BodyRegistry& bodies);
  Mailbox::Entry EntryFor(const std::shared_ptr<Call>& self) const {
    Mailbox::Entry entry;
    entry.running = self;
    return entry;
  }
  void Cancel() {
    cancel_.Cancel();
    credit_->window.Close();
  }

  std::uint64_t id() const override { return id_; }
  Method method() const override { return MethodOf(static_cast<std::uint16_t>(method_)); }
  bool regions_denied() const override { return DeniesRegions(static_cast<std::uint16_t>(method_)); }
  Bytes message() const override { return AsBytes(message_); }
  Bytes metadata() const override { return AsBytes(metadata_); }
  std::span<const Bytes> segments() const override { return segments_; }
  std::span<const Buffer> lent() const override { return lent_; }
  bool takes_device_memory() const override { return takes_device_memory_; }
  const PeerInfo& peer() const override {
    static const PeerInfo kDirect{getpid(), "direct", 0};
    return kDirect;
  }
  const std::shared_ptr<CancelToken>& cancel_token() const override { return cancel_.token(); }
  void OnCancel(std::function<void()> hook) override { cancel_.Set(std::move(hook)); }
  void ExpectMany() override { many_.store(true, std::memory_order_relaxed); }
  bool HasCredit() override { return !many() || credit_->window.Has(credit_->taken.load(std::memory_order_relaxed)); }
  void OnCredit(std::function<void()> hook) override {
    if (!many()) {
      hook();
      return;
    }
    credit_->window.Await(std::move(hook), credit_->taken.load(std::memory_order_relaxed));
    // What was taken meanwhile.
    credit_->window.Offer(credit_->taken.load(std::memory_order_relaxed));
  }
  Result<Buffer> Allocate(std::size_t byte_size) override { return AllocateHeap(byte_size); }
  void Reply(Answer answer, bool last) override;

 private:
  bool many() const { return many_.load(std::memory_order_relaxed); }
  void Post(Answer answer, bool last) {
    mailbox_->Post(std::make_unique<DirectAnswer>(id_, std::move(answer), last, many() ? credit_ : nullptr));
  }

  const CallId id_;
  const Method method_;
  const std::shared_ptr<Mailbox> mailbox_;
  CancelHook cancel_;
  std::atomic<bool> many_{false};
  const std::shared_ptr<DirectCredit> credit_ = std::make_shared<DirectCredit>();
  std::string message_;
  std::string metadata_;
  std::vector<Bytes> segments_;
  std::vector<std::shared_ptr<void>> owners_;
  std::vector<Buffer> lent_;
  bool takes_device_memory_ = false;
  std::atomic<bool> ended_{false};
};

Status DirectCall::Fill(const CallBody& body, BodyRegistry& bodies) {
  message_ = body.message;
  metadata_ = body.metadata;
  takes_device_memory_ = body.takes_device_memory;
  for (const Buffer& buffer : body.lent) {
    segments_.push_back(lent_.emplace_back(buffer).bytes());
  }
  segments_.reserve(body.segments.size());
  for (const Bytes segment : body.segments) {
    auto owner = bodies.OwnerOf(segment);
    Bytes bytes = segment;
    if (owner == nullptr) {
      ASSIGN_OR_RETURN(Buffer copy, AllocateHeap(segment.size()));
      std::copy(segment.begin(), segment.end(), copy.data);
      bytes = copy.bytes();
      owner = std::move(copy.owner);
    }
    segments_.push_back(bytes);
    owners_.push_back(std::move(owner));
  }
  return {};
}

void DirectCall::Reply(Answer answer, bool last) {
  // Nobody waits for more than the last answer of a call that was given up.
  if (last ? ended_.exchange(true, std::memory_order_acq_rel)
           : ended_.load(std::memory_order_acquire) || cancel_.token()->cancelled()) {
    return;
  }
  if (many()) {
    credit_->window.Sent(ByteSizeOf(answer));
  }
  Post(std::move(answer), last);
  if (last) {
    cancel_.Drop();
    if (many()) {
      credit_->window.Close();
    }
  }
}

class DirectClient : public ChannelClient {
 public:
  explicit DirectClient(CallHandler* handler) : handler_(handler) {}
  ~DirectClient() override {
    const auto running = mailbox_->AllRunning();
    for (const auto& call : running) {
      call->cancel_token()->Mark();
    }
    for (const auto& call : running) {
      static_cast<DirectCall&>(*call).Cancel();
    }
  }

  Result<CallId> Send(Method method, const CallBody& body) override {
    const CallId id = next_id_.fetch_add(1, std::memory_order_relaxed);
    auto call = std::make_shared<DirectCall>(id, method, mailbox_);
    mailbox_->Open(id, call->EntryFor(call));
    if (Status filled = call->Fill(body, *bodies_); !filled.ok()) {
      call->Reply(Answer{.status = std::move(filled), .message = {}, .segments = {}}, true);
      return id;
    }
    handler_->Handle(std::move(call));
    return id;
  }

  Result<Buffer> AllocateBody(std::size_t byte_size) override {
    ASSIGN_OR_RETURN(Buffer memory, AllocateHeap(byte_size));
    return bodies_->Register(std::move(memory));
  }

  void Cancel(CallId call) override {
    if (const auto running = mailbox_->FindRunning(call)) {
      static_cast<DirectCall&>(*running).Cancel();
    }
  }

  int fd() const override { return mailbox_->event(); }
  std::vector<ReceivedAnswerPtr> Poll() override { return mailbox_->TakeUnclaimed(); }
  bool ArmWakeup() override { return mailbox_->Arm(); }
  ReceivedAnswerPtr Wait(CallId call, std::uint64_t deadline_ns, bool* interrupted) override {
    return mailbox_->Wait(call, deadline_ns, interrupted);
  }
  bool connected() const override { return true; }
  Tracing tracing() const override { return handler_->tracing(); }

 private:
  CallHandler* const handler_;
  const std::shared_ptr<Mailbox> mailbox_ = std::make_shared<Mailbox>();
  const std::shared_ptr<BodyRegistry> bodies_ = std::make_shared<BodyRegistry>();
  std::atomic<CallId> next_id_{1};
};

}  // namespace

std::unique_ptr<ChannelClient> MakeDirectClient(CallHandler* handler) {
  return std::make_unique<DirectClient>(handler);
}

}  // namespace triton_lite
