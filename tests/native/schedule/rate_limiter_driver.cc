// The rate limiter by itself, for tests in Python. Each command has one line of reply; NUMBER names a seat.
//   make [NAME=COUNT...]                                 limits                      -> ok
//   seat NUMBER DEVICE PRIORITY [NAME=COUNT...]          global ones as NAME!=COUNT  -> ok, or the error's text
//   ask NUMBER | withdraw NUMBER | finish NUMBER | finish_and_ask NUMBER | leave NUMBER
//       -> the seats that have a turn now, in order of their numbers
#include <iostream>
#include <map>
#include <sstream>
#include <string>

#include "schedule/rate_limiter.h"

namespace triton_lite {
namespace {

class LimiterDriver {
 public:
  std::string Run(const std::string& line) {
    std::istringstream words(line);
    std::string command;
    words >> command;
    if (command == "make") {
      return Make(words);
    }
    int number = 0;
    words >> number;
    if (command == "seat") {
      return AddSeat(number, words);
    }
    Act(command, number);
    std::ostringstream turns;
    turns << "turns";
    for (const auto& [each, seat] : seats_) {
      if (seat->has_turn()) {
        turns << ' ' << each;
      }
    }
    return turns.str();
  }

 private:
  std::string Make(std::istringstream& words) {
    seats_.clear();
    std::vector<ResourceLimit> limits;
    for (const RateLimiterResourceSpec& one : ReadResources(words)) {
      limits.push_back({one.name, one.count, {}});
    }
    limiter_ = std::make_shared<RateLimiter>(std::move(limits));
    return "ok";
  }

  std::string AddSeat(int number, std::istringstream& words) {
    std::int32_t device = 0;
    RateLimiterSpec spec;
    words >> device >> spec.priority;
    spec.resources = ReadResources(words);
    Result<RateLimiter::SeatPtr> seat = limiter_->Register(spec, device);
    if (!seat.ok()) {
      return seat.status().message();
    }
    seats_[number] = *std::move(seat);
    return "ok";
  }

  void Act(const std::string& command, int number) {
    const auto seat = seats_.find(number);
    if (command == "ask") {
      (void)seat->second->Ask();
    } else if (command == "withdraw") {
      RateLimiter::Announce(seat->second->Withdraw());
    } else if (command == "leave") {
      seats_.erase(seat);
    } else {
      RateLimiter::Announce(seat->second->Finish(/*again=*/command == "finish_and_ask"));
    }
  }

  static std::vector<RateLimiterResourceSpec> ReadResources(std::istringstream& words) {
    std::vector<RateLimiterResourceSpec> resources;
    for (std::string word; words >> word;) {
      const std::size_t equals = word.find('=');
      const bool global = word[equals - 1] == '!';
      resources.push_back({word.substr(0, global ? equals - 1 : equals), global,
                           static_cast<std::uint32_t>(std::stoul(word.substr(equals + 1)))});
    }
    return resources;
  }

  std::shared_ptr<RateLimiter> limiter_;
  std::map<int, RateLimiter::SeatPtr> seats_;
};

}  // namespace
}  // namespace triton_lite

int main() {
  triton_lite::LimiterDriver driver;
  for (std::string line; std::getline(std::cin, line) && line != "quit";) {
    std::cout << driver.Run(line) << std::endl;
  }
  return 0;
}
