// A call that came through a ring.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <utility>

#include "channel/call.h"
#include "channel/cancel_hook.h"
#include "channel/frame.h"
#include "channel/peer.h"
#include "channel/stream_credit.h"

namespace triton_lite {

class RingCall : public Call, public std::enable_shared_from_this<RingCall> {
 public:
  explicit RingCall(std::shared_ptr<Peer> peer);
  ~RingCall() override;

  // False when the slot makes no sense; the call is then dropped without a word.
  bool Read(const Slot& slot, RegionSource& regions) {
    return frame_.Read(slot, regions) && metadata_size() <= frame_.message().size();
  }
  // From here on somebody waits for an answer.
  void Accept() { accepted_ = true; }

  // The last answer was handed over.
  bool ended() const { return ended_.load(std::memory_order_acquire); }
  void Cancel();
  // The client may have taken answers.
  void OfferCredit();

  std::uint64_t id() const override { return frame_.head().call; }
  Method method() const override { return MethodOf(frame_.head().method_or_code); }
  bool regions_denied() const override { return DeniesRegions(frame_.head().method_or_code); }
  Bytes message() const override { return frame_.message().first(frame_.message().size() - metadata_size()); }
  Bytes metadata() const override { return frame_.message().last(metadata_size()); }
  std::span<const Bytes> segments() const override { return frame_.segments(); }
  const PeerInfo& peer() const override { return peer_->info(); }
  const std::shared_ptr<CancelToken>& cancel_token() const override { return cancel_.token(); }
  void OnCancel(std::function<void()> hook) override { cancel_.Set(std::move(hook)); }
  void ExpectMany() override { many_.store(true, std::memory_order_relaxed); }
  bool HasCredit() override;
  void OnCredit(std::function<void()> hook) override;
  Result<Buffer> Allocate(std::size_t byte_size) override;
  void Reply(Answer answer, bool last) override;

 private:
  static constexpr std::size_t kScratchByteSize = 256;

  bool many() const { return many_.load(std::memory_order_relaxed); }
  std::size_t metadata_size() const { return frame_.head().metadata_size_or_release; }

  const std::shared_ptr<Peer> peer_;
  CancelHook cancel_;
  IncomingFrame frame_;
  bool accepted_ = false;
  std::atomic<bool> ended_{false};
  std::atomic<bool> many_{false};
  StreamCredit credit_;  // If many answers are expected.
  // Outputs that will be copied into the slot anyway.
  std::atomic<std::size_t> scratch_used_{0};
  alignas(64) std::byte scratch_[kScratchByteSize];
};

}  // namespace triton_lite
