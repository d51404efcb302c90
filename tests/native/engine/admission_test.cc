#include "engine/admission.h"

#include <utility>
#include <vector>

#include "check.h"

namespace triton_lite {
namespace {

using Seat = std::shared_ptr<void>;

struct Model {
  std::atomic<std::uint64_t> count{0};
};

Result<Seat> Enter(AdmissionControl& control, Model& model, std::uint64_t byte_size = 1) {
  return control.Enter(byte_size, &model.count, "m", nullptr);
}

TEST(CountsAllRequestsUntilTheyEnd) {
  const auto control = std::make_shared<AdmissionControl>(AdmissionLimits{.requests = 2});
  Model one;
  Model two;
  std::vector<Result<Seat>> seats;
  seats.push_back(Enter(*control, one));
  seats.push_back(Enter(*control, two));
  const Result<Seat> refused = Enter(*control, one);
  CHECK(refused.status().code() == Code::kUnavailable);
  CHECK(refused.status().message() == "the server has 2 requests in flight, which is its limit; try again later");
  seats.pop_back();
  CHECK(Enter(*control, one).ok());
  CHECK(Enter(*control, two).ok());
}

TEST(CountsThoseOfEachModel) {
  const auto control = std::make_shared<AdmissionControl>(AdmissionLimits{.model_requests = 1});
  Model one;
  Model two;
  const Result<Seat> first = Enter(*control, one);
  CHECK(!Enter(*control, one).ok());
  CHECK(Enter(*control, two).ok());
  CHECK(one.count == 1 && two.count == 0);
}

TEST(CountsBytesAndLetsInWhatIsAlone) {
  const auto control = std::make_shared<AdmissionControl>(AdmissionLimits{.byte_size = 10});
  Model model;
  {
    const Result<Seat> large = Enter(*control, model, 100);
    CHECK(large.ok());
    CHECK(!Enter(*control, model, 1).ok());
  }
  const Result<Seat> six = Enter(*control, model, 6);
  CHECK(!Enter(*control, model, 5).ok());
  CHECK(Enter(*control, model, 4).ok());
}

TEST(ASeatKeepsWhatItCountsIn) {
  auto control = std::make_shared<AdmissionControl>(AdmissionLimits{.requests = 1});
  auto model = std::make_shared<Model>();
  Seat seat = *control->Enter(1, &model->count, "m", model);
  const std::weak_ptr<Model> watched = model;
  control.reset();
  model.reset();
  CHECK(!watched.expired());
  seat.reset();
  CHECK(watched.expired());
}

}  // namespace
}  // namespace triton_lite

TEST_MAIN()
