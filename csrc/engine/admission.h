// How much an engine takes on at once, so that what it took it can serve.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>

#include "core/status.h"

namespace triton_lite {

// 0: no limit beyond those of the channel.
struct AdmissionLimits {
  std::uint64_t requests = 0;        // In flight, queued or running.
  std::uint64_t model_requests = 0;  // Of one version of a model.
  std::uint64_t byte_size = 0;       // Of the bodies of requests in flight.

  bool any() const { return requests != 0 || model_requests != 0 || byte_size != 0; }
};

// Thread-safe. Shared with what it let in.
class AdmissionControl : public std::enable_shared_from_this<AdmissionControl> {
 public:
  explicit AdmissionControl(AdmissionLimits limits) : limits_(limits) {}

  // Lets in a request whose body has so many bytes, to a model of which `model_count` counts the requests and which
  // `model` keeps alive; what it returns is to be destroyed when the request has ended. UNAVAILABLE when there is too
  // much already.
  Result<std::shared_ptr<void>> Enter(std::uint64_t byte_size, std::atomic<std::uint64_t>* model_count,
                                      const std::string& model_name, std::shared_ptr<const void> model) {
    auto seat = std::make_shared<Seat>();
    // Each count is entered before it is looked at: those that come at the same time see each other.
    if (!seat->Take(&requests_, 1, limits_.requests)) {
      return Unavailable("the server has " + std::to_string(limits_.requests) +
                         " requests in flight, which is its limit; try again later");
    }
    if (!seat->Take(model_count, 1, limits_.model_requests)) {
      return Unavailable("model '" + model_name + "' has " + std::to_string(limits_.model_requests) +
                         " requests in flight, which is its limit; try again later");
    }
    if (!seat->Take(&byte_size_, byte_size, limits_.byte_size)) {
      return Unavailable("the bodies of the requests in flight would take more than " +
                         std::to_string(limits_.byte_size) + " bytes, which is their limit; try again later");
    }
    seat->control = shared_from_this();
    seat->model = std::move(model);
    return std::shared_ptr<void>(std::move(seat));
  }

 private:
  struct Seat {
    struct Taken {
      std::atomic<std::uint64_t>* count = nullptr;
      std::uint64_t amount = 0;
    };

    Seat() = default;
    Seat(const Seat&) = delete;
    Seat& operator=(const Seat&) = delete;
    ~Seat() {
      for (const Taken& one : taken) {
        if (one.count != nullptr) {
          one.count->fetch_sub(one.amount, std::memory_order_relaxed);
        }
      }
    }

    bool Take(std::atomic<std::uint64_t>* count, std::uint64_t amount, std::uint64_t limit) {
      const std::uint64_t before = count->fetch_add(amount, std::memory_order_relaxed);
      taken[used++] = {count, amount};
      // What is alone is let in, however large: it would never be otherwise.
      return limit == 0 || before + amount <= limit || (before == 0 && amount > 1);
    }

    std::shared_ptr<AdmissionControl> control;
    std::shared_ptr<const void> model;
    Taken taken[3];
    int used = 0;
  };

  const AdmissionLimits limits_;
  std::atomic<std::uint64_t> requests_{0};
  std::atomic<std::uint64_t> byte_size_{0};
};

}  // namespace triton_lite
