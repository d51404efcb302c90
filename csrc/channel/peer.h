// One connected front end, as the engine sees it.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <memory>
#include <vector>

#include "channel/call.h"
#include "channel/frame.h"
#include "channel/layout.h"
#include "channel/region_table.h"
#include "channel/socket.h"
#include "core/mutex.h"
#include "memory/arena.h"

namespace triton_lite {

class RingCall;

// Calls keep their peer, and with it everything that is mapped, whatever became of the process.
class Peer : public std::enable_shared_from_this<Peer> {
 public:
  // Checks the handshake and answers it.
  static Result<std::shared_ptr<Peer>> Welcome(FileDescriptor socket, const Hello& hello, FileDescriptor region,
                                               std::uint64_t answer_budget_byte_size, Tracing tracing);
  ~Peer();

  // --- Reader role only ---
  enum class Taken { kNothing, kCall, kNonsense };
  Taken TakeCall(CallPtr* call);
  // Calls or signals wait.
  bool HasWork() const;
  // Where it last sent from; compared, nothing else.
  int client_core() const { return memory_.header().client_core.load(std::memory_order_relaxed); }
  // Cancels, releases, room for parked answers.
  void ServeSignals() EXCLUDES(answers_mu_, credit_mu_);
  RegionTable::State ReceiveNotes() { return regions_.ReceiveNotes(); }
  void SetReaderSleeps(bool sleeps);
  // Any thread. Whether the client is to name its timestamps.
  void SetTracing(Tracing tracing) {
    memory_.header().tracing.store(static_cast<std::uint32_t>(tracing), std::memory_order_relaxed);
  }
  // Nothing is taken from or sent to the peer any more; its calls are cancelled.
  void HangUp() EXCLUDES(answers_mu_);

  // --- Any thread ---
  const PeerInfo& info() const { return info_; }
  int socket() const { return socket_.get(); }
  int event() const { return engine_event_.get(); }

  Result<Buffer> Allocate(std::size_t byte_size) EXCLUDES(answers_mu_);
  // Sends an answer or parks it. Never blocks. `many`: of a call that may have many.
  void Send(std::uint64_t call, const Answer& answer, bool last, bool many) EXCLUDES(answers_mu_);
  // The engine reads a request's memory no more.
  void ReleaseRequest(std::uint32_t index, std::uint64_t byte_size);
  // Answers of a call that its client has acknowledged.
  std::uint64_t taken_answers(std::uint64_t call) const;
  std::uint32_t stream_window() const { return stream_window_; }
  // `call` has a hook that waits for credit: it is looked at again whenever the client takes answers.
  void AwaitCredit(std::weak_ptr<RingCall> call) EXCLUDES(credit_mu_);
  void SayGoodbye() EXCLUDES(answers_mu_);

 private:
  struct Parts;
  using Owners = std::vector<std::shared_ptr<void>>;

  explicit Peer(Parts parts);
  Status Encode(const Answer& answer, OutgoingFrame* frame);
  void WakeClient();
  // False: there is no room of some kind, try again later.
  bool TryPublish(OutgoingFrame& frame) REQUIRES(answers_mu_);
  bool HasRoom() REQUIRES(answers_mu_);
  bool Announce(const OutgoingFrame& frame) REQUIRES(answers_mu_);
  void FlushParked() REQUIRES(answers_mu_);
  void CollectReleases() EXCLUDES(answers_mu_);
  void OfferCredit() EXCLUDES(credit_mu_);

  const PeerInfo info_;
  const std::uint32_t stream_window_;
  const FileDescriptor socket_;
  const FileDescriptor engine_event_;
  const FileDescriptor client_event_;
  const std::shared_ptr<Arena> answers_;
  ChannelMemory memory_;

  // Reader role.
  RegionTable regions_;
  std::uint64_t calls_head_ = 0;
  std::vector<std::weak_ptr<RingCall>> active_;  // By call index.

  std::atomic<bool> hung_up_{false};

  Mutex credit_mu_;
  std::vector<std::weak_ptr<RingCall>> awaiting_credit_ GUARDED_BY(credit_mu_);

  Mutex answers_mu_;  // Nobody waits while holding it.
  std::uint64_t answers_tail_ GUARDED_BY(answers_mu_) = 0;
  std::uint64_t answers_head_ GUARDED_BY(answers_mu_) = 0;  // Last seen.
  std::deque<OutgoingFrame> parked_ GUARDED_BY(answers_mu_);
  std::vector<Owners> held_ GUARDED_BY(answers_mu_);  // By release index, until the client lets go.
  std::vector<std::uint32_t> free_releases_ GUARDED_BY(answers_mu_);
  std::vector<std::uint32_t> regions_gone_ GUARDED_BY(answers_mu_);  // Notes that are to be sent.
};

}  // namespace triton_lite
