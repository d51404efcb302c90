#include "schedule/rate_limiter.h"

#include <algorithm>
#include <iterator>

#include "log/log.h"

namespace triton_lite {
namespace {

Status TooLittle(const std::string& name, std::uint64_t limit, std::uint64_t needed) {
  return InvalidArgument("Resource count for \"" + name + "\" is limited to " + std::to_string(limit) +
                         " which will prevent scheduling of one or more model instances, the minimum required count "
                         "is " +
                         std::to_string(needed));
}

Status GlobalAndNot(const std::string& name) {
  return InvalidArgument("Resource \"" + name +
                         "\" is present as both global and device-specific resource in the model configuration.");
}

}  // namespace

RateLimiter::RateLimiter(std::vector<ResourceLimit> limits) {
  for (ResourceLimit& limit : limits) {
    const std::int64_t device = limit.device.has_value() ? *limit.device : kEachDevice;
    const auto [it, added] = limits_.try_emplace({device, std::move(limit.name)}, limit.count);
    it->second = added ? it->second : std::min(it->second, limit.count);
  }
}

Result<RateLimiter::SeatPtr> RateLimiter::Register(const RateLimiterSpec& spec, std::int32_t device_id) {
  Need need;
  for (const RateLimiterResourceSpec& resource : spec.resources) {
    need[{resource.global ? kGlobal : device_id, resource.name}] = resource.count;
  }
  auto seat = std::make_shared<Seat>(shared_from_this(), std::move(need), std::max(1u, spec.priority));
  Status status;
  Turns turns;
  std::string resources;
  {
    MutexLock lock(mu_);
    places_[seat.get()];
    status = Recompute();
    resources = Describe();
    turns = Grant();  // There may be more of something now.
  }
  if (!resources.empty()) {
    LogVerbose(1, resources);
  }
  Announce(std::move(turns));
  if (!status.ok()) {
    return status;  // The seat forgets itself.
  }
  return seat;
}

void RateLimiter::Announce(Turns turns) {
  while (!turns.empty()) {
    const SeatPtr seat = std::move(turns.back());
    turns.pop_back();
    Append(seat->Announce(), &turns);
  }
}

void RateLimiter::Append(Turns more, Turns* turns) {
  turns->insert(turns->end(), std::make_move_iterator(more.begin()), std::make_move_iterator(more.end()));
}

RateLimiter::Need RateLimiter::MostNeeded() const {
  Need needed;
  for (const auto& [seat, place] : places_) {
    for (const auto& [key, count] : seat->need_) {
      std::uint64_t& most = needed[key];
      most = std::max(most, count);
    }
  }
  return needed;
}

std::string RateLimiter::Describe() const {
  if (!VerboseLog(1)) {
    return "";
  }
  std::string text = "\nMax Resource Map===>\n";
  std::optional<std::int64_t> device;
  for (const auto& one : MostNeeded()) {
    const ResourceKey& key = one.first;
    if (device != key.first) {
      device = key.first;
      text += "\tDevice: " + (key.first == kGlobal ? "GLOBAL" : std::to_string(key.first)) + "\n";
    }
    text += "\t\tResource: " + key.second + "\t Count: " + std::to_string(resources_.at(key).limit) + "\n";
  }
  return text;
}

// How much there is of each resource that somebody needs.
Status RateLimiter::Recompute() {
  const Need needed = MostNeeded();
  Status status;
  for (const auto& [key, count] : needed) {
    const std::uint64_t limit = limits_.empty() ? count : Limit(key);
    resources_[key].limit = limit;
    if (limit < count && status.ok()) {
      status = TooLittle(key.second, limit, count);
    }
  }
  for (const auto& one : needed) {
    const ResourceKey& key = one.first;
    const bool conflicts = key.first == kGlobal && std::any_of(needed.begin(), needed.end(), [&](const auto& other) {
                             return other.first.first != kGlobal && other.first.second == key.second;
                           });
    if (conflicts && status.ok()) {
      status = GlobalAndNot(key.second);
    }
  }
  return status;
}

std::uint64_t RateLimiter::Limit(const ResourceKey& key) const {
  std::uint64_t limit = 0;  // What was not named is not there.
  for (const auto& [given, count] : limits_) {
    const bool counts = key.first == kGlobal || given.first == key.first || given.first == kEachDevice;
    if (counts && given.second == key.second) {
      limit = std::max(limit, count);
    }
  }
  return limit;
}

bool RateLimiter::Fits(const Seat& seat) const {
  return std::all_of(seat.need_.begin(), seat.need_.end(), [&](const auto& need) REQUIRES(mu_) {
    const Resource& resource = resources_.at(need.first);
    return need.second <= resource.limit - std::min(resource.limit, resource.used);
  });
}

RateLimiter::Rank RateLimiter::RankOf(const Seat& seat, const Place& place) {
  return {place.executions * seat.priority_, place.ticket};
}

void RateLimiter::Line(Seat& seat) {
  Place& place = places_.at(&seat);
  place.stage = Stage::kWaiting;
  place.ticket = next_ticket_++;
  line_.emplace(RankOf(seat, place), &seat);
}

// From the line, or from its turn.
void RateLimiter::Leave(Seat& seat) {
  Place& place = places_.at(&seat);
  if (place.stage == Stage::kWaiting) {
    line_.erase(RankOf(seat, place));
  } else if (place.stage == Stage::kTurn) {
    for (const auto& [key, count] : seat.need_) {
      resources_.at(key).used -= count;
    }
  }
  place.stage = Stage::kIdle;
}

RateLimiter::Turns RateLimiter::Grant() {
  Turns turns;
  while (!line_.empty() && Fits(*line_.begin()->second)) {
    Seat& next = *line_.begin()->second;
    line_.erase(line_.begin());
    for (const auto& [key, count] : next.need_) {
      resources_.at(key).used += count;
    }
    places_.at(&next).stage = Stage::kTurn;
    if (SeatPtr shared = next.weak_from_this().lock()) {  // Else it is about to forget itself.
      turns.push_back(std::move(shared));
    }
  }
  return turns;
}

bool RateLimiter::Ask(Seat& seat) {
  MutexLock lock(mu_);
  const Place& place = places_.at(&seat);
  if (place.stage == Stage::kIdle) {
    Line(seat);
    Grant();  // Nobody but this seat: the others were refused before.
  }
  return place.stage == Stage::kTurn;
}

RateLimiter::Place RateLimiter::PlaceOf(const Seat& seat) {
  MutexLock lock(mu_);
  return places_.at(&seat);
}

RateLimiter::Turns RateLimiter::Withdraw(Seat& seat) {
  MutexLock lock(mu_);
  Leave(seat);
  return Grant();
}

RateLimiter::Turns RateLimiter::Finish(Seat& seat, bool again) {
  MutexLock lock(mu_);
  Leave(seat);
  ++places_.at(&seat).executions;
  if (again) {
    Line(seat);
  }
  Turns turns = Grant();
  std::erase_if(turns, [&](const SeatPtr& turn) { return turn.get() == &seat; });
  return turns;
}

void RateLimiter::Forget(Seat& seat) {
  Turns turns;
  std::string resources;
  {
    MutexLock lock(mu_);
    Leave(seat);
    places_.erase(&seat);
    (void)Recompute();  // There is no more need than before.
    resources = Describe();
    turns = Grant();
  }
  if (!resources.empty()) {
    LogVerbose(1, resources);
  }
  Announce(std::move(turns));
}

RateLimiter::Seat::Seat(std::shared_ptr<RateLimiter> limiter, Need need, std::uint32_t priority)
    : limiter_(std::move(limiter)), need_(std::move(need)), priority_(priority) {}

RateLimiter::Seat::~Seat() { limiter_->Forget(*this); }

void RateLimiter::Seat::OnTurn(TurnHook on_turn) {
  MutexLock lock(call_mu_);
  on_turn_ = std::move(on_turn);
}

void RateLimiter::Seat::Close() { OnTurn(nullptr); }

RateLimiter::Turns RateLimiter::Seat::Announce() {
  MutexLock lock(call_mu_);
  return on_turn_ == nullptr ? Turns() : on_turn_();
}

}  // namespace triton_lite
