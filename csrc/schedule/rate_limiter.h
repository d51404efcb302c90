// When instances may run (--rate-limit=execution_count): resources that all models share, and whose turn it is.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/mutex.h"
#include "core/scheduler_spec.h"
#include "core/status.h"

namespace triton_lite {

// --rate-limit-resource NAME:COUNT[:DEVICE].
struct ResourceLimit {
  std::string name;
  std::uint64_t count = 0;
  std::optional<std::int32_t> device;  // Nothing: on every device.
};

// Thread-safe. Held by a shared_ptr, which its seats share.
// Of the seats that stand in line, the one with the fewest executions (times its priority) is next; it waits until all
// its resources are free, and the others wait behind it.
class RateLimiter : public std::enable_shared_from_this<RateLimiter> {
 public:
  class Seat;
  using SeatPtr = std::shared_ptr<Seat>;
  // Seats whose turn has come. Whoever got them calls Announce once it holds no lock.
  using Turns = std::vector<SeatPtr>;
  // Called for a seat's turn; gives the turns of others that came of what it did.
  using TurnHook = std::function<Turns()>;

  // Without limits each resource is there as often as the seat that needs most of it asks for.
  explicit RateLimiter(std::vector<ResourceLimit> limits = {});

  // Makes a place for one instance on a device. INVALID_ARGUMENT, in Triton's words, when the limits would never let
  // it or another instance run.
  Result<SeatPtr> Register(const RateLimiterSpec& spec, std::int32_t device_id) EXCLUDES(mu_);

  static void Announce(Turns turns);
  static void Append(Turns more, Turns* turns);

 private:
  enum class Stage { kIdle, kWaiting, kTurn };

  // Of a device, or of all of them.
  static constexpr std::int64_t kGlobal = -2;
  static constexpr std::int64_t kEachDevice = -1;
  using ResourceKey = std::pair<std::int64_t, std::string>;  // Device, name.
  struct Resource {
    std::uint64_t limit = 0;
    std::uint64_t used = 0;
  };
  using Need = std::map<ResourceKey, std::uint64_t>;
  // What becomes of a seat.
  struct Place {
    Stage stage = Stage::kIdle;
    std::uint64_t executions = 2;  // Setting up and warming up count, as in Triton.
    std::uint64_t ticket = 0;      // kWaiting: of those of the same rank the first comes first.
  };
  using Rank = std::pair<std::uint64_t, std::uint64_t>;  // Executions times priority, ticket.

  static Rank RankOf(const Seat& seat, const Place& place);
  Status Recompute() REQUIRES(mu_);
  // The most that any seat needs of each resource.
  Need MostNeeded() const REQUIRES(mu_);
  // How much there is of what is needed, for a verbose log, else nothing.
  std::string Describe() const REQUIRES(mu_);
  std::uint64_t Limit(const ResourceKey& key) const REQUIRES(mu_);
  bool Fits(const Seat& seat) const REQUIRES(mu_);
  void Line(Seat& seat) REQUIRES(mu_);
  void Leave(Seat& seat) REQUIRES(mu_);
  Turns Grant() REQUIRES(mu_);
  void Forget(Seat& seat) EXCLUDES(mu_);

  bool Ask(Seat& seat) EXCLUDES(mu_);
  Place PlaceOf(const Seat& seat) EXCLUDES(mu_);
  Turns Withdraw(Seat& seat) EXCLUDES(mu_);
  Turns Finish(Seat& seat, bool again) EXCLUDES(mu_);

  std::map<ResourceKey, std::uint64_t> limits_;  // As given; constant.
  Mutex mu_;
  std::map<const Seat*, Place> places_ GUARDED_BY(mu_);
  std::map<ResourceKey, Resource> resources_ GUARDED_BY(mu_);
  std::map<Rank, Seat*> line_ GUARDED_BY(mu_);
  std::uint64_t next_ticket_ GUARDED_BY(mu_) = 0;
};

// The place of one instance. Its instance runs only between a turn and Finish. All calls but Close may be made under
// the lock of the scheduler that owns the instance.
class RateLimiter::Seat : public std::enable_shared_from_this<Seat> {
 public:
  Seat(std::shared_ptr<RateLimiter> limiter, Need need, std::uint32_t priority);
  ~Seat();
  Seat(const Seat&) = delete;
  Seat& operator=(const Seat&) = delete;

  // `on_turn` is called, without any lock of the limiter, when a turn comes that Ask or Finish did not give at once.
  // The turn may have been withdrawn by then: has_turn tells. Set before the first Ask.
  void OnTurn(TurnHook on_turn) EXCLUDES(call_mu_);
  // No call of on_turn runs or comes after this. Not under a lock that on_turn takes.
  void Close() EXCLUDES(call_mu_);

  // Stands in line. True: it is this seat's turn already.
  bool Ask() { return limiter_->Ask(*this); }
  bool has_turn() const { return limiter_->PlaceOf(*this).stage == Stage::kTurn; }
  // Leaves the line, or gives back a turn without having run.
  [[nodiscard]] Turns Withdraw() { return limiter_->Withdraw(*this); }
  // Ends a turn; counts an execution. `again`: asks for the next turn before others get what has become free;
  // has_turn tells whether it has come already.
  [[nodiscard]] Turns Finish(bool again) { return limiter_->Finish(*this, again); }
  // The lowest goes first.
  std::uint64_t rank() const { return RankOf(*this, limiter_->PlaceOf(*this)).first; }

 private:
  friend class RateLimiter;

  Turns Announce() EXCLUDES(call_mu_);

  const std::shared_ptr<RateLimiter> limiter_;
  const Need need_;
  const std::uint32_t priority_;

  Mutex call_mu_;
  TurnHook on_turn_ GUARDED_BY(call_mu_);
};

// One for each instance of a model, in their order; empty for a model that is not limited.
using Seats = std::vector<RateLimiter::SeatPtr>;

}  // namespace triton_lite
