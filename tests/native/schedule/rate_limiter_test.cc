#include "schedule/rate_limiter.h"

#include <algorithm>
#include <atomic>
#include <thread>

#include "check.h"
#include "schedule/fakes.h"

namespace triton_lite {
namespace {

using testing::Batch;
using testing::Gate;
using testing::MakeInstances;
using testing::MakeRequest;
using testing::Record;

RateLimiterSpec Needs(std::vector<RateLimiterResourceSpec> resources, std::uint32_t priority = 0) {
  return {std::move(resources), priority};
}

RateLimiter::SeatPtr Seat(const std::shared_ptr<RateLimiter>& limiter, const RateLimiterSpec& spec,
                          std::int32_t device = 0) {
  return limiter->Register(spec, device).value();
}

TEST(ThereIsAsMuchAsOneSeatNeedsAtMost) {
  const auto limiter = std::make_shared<RateLimiter>();
  const auto a = Seat(limiter, Needs({{"R1", false, 4}, {"R2", false, 4}}));
  const auto b = Seat(limiter, Needs({{"R2", false, 5}, {"R3", false, 10}}));
  CHECK(a->Ask());
  CHECK(!b->Ask());
  const RateLimiter::Turns turns = a->Finish(false);
  REQUIRE(turns.size() == 1);
  CHECK(turns[0] == b);
  CHECK(b->has_turn());
}

TEST(DevicesHaveTheirOwnResourcesGlobalOnesAreShared) {
  const auto limiter = std::make_shared<RateLimiter>();
  const auto a = Seat(limiter, Needs({{"R", false, 1}}), 0);
  const auto b = Seat(limiter, Needs({{"R", false, 1}}), 1);
  CHECK(a->Ask());
  CHECK(b->Ask());
  const auto c = Seat(limiter, Needs({{"G", true, 1}}), 0);
  const auto d = Seat(limiter, Needs({{"G", true, 1}}), 1);
  CHECK(c->Ask());
  CHECK(!d->Ask());
  CHECK(d->Withdraw().empty());
  CHECK(c->Withdraw().empty());
}

TEST(RefusesWhatCouldNeverRunAndForgetsIt) {
  const auto limiter = std::make_shared<RateLimiter>(std::vector<ResourceLimit>{{"R", 3, {}}, {"S", 9, 10}});
  CHECK_EQ(limiter->Register(Needs({{"R", false, 4}}), 0).status().message(),
           "Resource count for \"R\" is limited to 3 which will prevent scheduling of one or more model instances, the "
           "minimum required count is 4");
  CHECK_EQ(limiter->Register(Needs({{"S", false, 1}}), 0).status().message(),
           "Resource count for \"S\" is limited to 0 which will prevent scheduling of one or more model instances, the "
           "minimum required count is 1");
  CHECK(Seat(limiter, Needs({{"S", true, 9}})) != nullptr);
  CHECK(Seat(limiter, Needs({{"S", false, 9}}), 10) != nullptr);
  CHECK(Seat(limiter, Needs({{"R", false, 3}})) != nullptr);
  const auto kept = Seat(limiter, Needs({{"R", true, 3}}));
  CHECK_EQ(limiter->Register(Needs({{"R", false, 1}}), 0).status().message(),
           "Resource \"R\" is present as both global and device-specific resource in the model configuration.");
}

TEST(TheSmallestOfSeveralLimitsCounts) {
  const auto limiter =
      std::make_shared<RateLimiter>(std::vector<ResourceLimit>{{"R", 5, {}}, {"R", 2, {}}, {"R", 4, 1}});
  CHECK(!limiter->Register(Needs({{"R", false, 3}}), 0).ok());
  CHECK(limiter->Register(Needs({{"R", false, 4}}), 1).ok());
}

TEST(PriorityTwoGetsHalfOfTheTurns) {
  const auto limiter = std::make_shared<RateLimiter>();
  const auto first = Seat(limiter, Needs({{"R", false, 1}}, 1));
  const auto second = Seat(limiter, Needs({{"R", false, 1}}, 2));
  CHECK(first->Ask());
  CHECK(!second->Ask());
  for (int i = 0; i < 300; ++i) {
    CHECK(first->has_turn() != second->has_turn());
    CHECK_EQ(second->has_turn(), i % 3 == 2);  // From the first on: an instance that is set up has two executions.
    (void)(first->has_turn() ? first : second)->Finish(true);
  }
}

TEST(WhoIsNextHoldsUpTheOthers) {
  const auto limiter = std::make_shared<RateLimiter>(std::vector<ResourceLimit>{{"R", 4, {}}});
  const auto two = Seat(limiter, Needs({{"R", false, 2}}));
  const auto four = Seat(limiter, Needs({{"R", false, 4}}));
  const auto other = Seat(limiter, Needs({{"R", false, 2}}));
  CHECK(two->Ask());
  CHECK(!four->Ask());
  CHECK(!other->Ask());
  const RateLimiter::Turns turns = four->Withdraw();
  REQUIRE(turns.size() == 1);
  CHECK(turns[0] == other);
}

TEST(ASeatThatGoesLeavesWhatItHeld) {
  const auto limiter = std::make_shared<RateLimiter>();
  auto holder = Seat(limiter, Needs({{"R", false, 1}}));
  const auto waiter = Seat(limiter, Needs({{"R", false, 1}}));
  int called = 0;
  waiter->OnTurn([&] {
    ++called;
    return RateLimiter::Turns();
  });
  CHECK(holder->Ask());
  CHECK(!waiter->Ask());
  holder.reset();
  CHECK_EQ(called, 1);
  CHECK(waiter->has_turn());
  waiter->Close();
}

// Two models that share one resource, asked by many threads: never two executions at once, nothing is lost.
TEST(ModelsTakeTurns) {
  const auto limiter = std::make_shared<RateLimiter>();
  std::atomic<int> running{0};
  std::atomic<int> most{0};
  const auto body = [&](Batch) {
    const int now = ++running;
    int seen = most.load();
    while (now > seen && !most.compare_exchange_weak(seen, now)) {
    }
    --running;
  };
  ModelSpec batching;
  batching.max_batch_size = 4;
  batching.scheduler.emplace<DynamicBatchingSpec>().max_queue_delay_microseconds = 50;
  Record record;
  constexpr std::size_t kRequests = 400;
  {
    std::vector<std::unique_ptr<Scheduler>> models;
    for (const ModelSpec& spec : {ModelSpec{}, batching}) {
      Seats seats{Seat(limiter, Needs({{"R", false, 2}}, 1)), Seat(limiter, Needs({{"R", false, 2}}, 2))};
      models.push_back(MakeBatchScheduler(spec, MakeInstances(2, body), std::move(seats)));
    }
    std::vector<std::thread> clients;
    for (auto& model : models) {
      for (int c = 0; c < 2; ++c) {
        clients.emplace_back([&] {
          for (std::size_t i = 0; i < kRequests; ++i) {
            model->Enqueue(MakeRequest("r", &record), EnqueueHint{.may_run_inline = true});
          }
        });
      }
    }
    for (std::thread& client : clients) {
      client.join();
    }
    record.WaitFor(4 * kRequests);
  }
  CHECK_EQ(most.load(), 1);
  const auto replies = record.replies();
  CHECK(std::all_of(replies.begin(), replies.end(), [](const auto& reply) { return reply.what == "ok"; }));
}

// Batches are formed when the turn comes: what arrives while another model runs is still in them.
TEST(ABatchGrowsUntilItsTurn) {
  const auto limiter = std::make_shared<RateLimiter>();
  const auto holder = Seat(limiter, Needs({{"R", false, 1}}));
  CHECK(holder->Ask());
  ModelSpec spec;
  spec.max_batch_size = 4;
  spec.scheduler.emplace<DynamicBatchingSpec>();
  std::vector<std::size_t> sizes;
  Record record;
  const auto scheduler = MakeBatchScheduler(spec, MakeInstances(1, [&](Batch batch) { sizes.push_back(batch.size()); }),
                                            {Seat(limiter, Needs({{"R", false, 1}}))});
  for (int i = 0; i < 3; ++i) {
    scheduler->Enqueue(MakeRequest("r", &record), {});
  }
  CHECK(record.replies().empty());
  RateLimiter::Announce(holder->Finish(false));
  record.WaitFor(3);
  CHECK((sizes == std::vector<std::size_t>{3}));
}

// What waits for a turn of others is still run.
TEST(DrainsWhileOthersHoldEverything) {
  const auto limiter = std::make_shared<RateLimiter>();
  const auto holder = Seat(limiter, Needs({{"R", false, 1}}));
  CHECK(holder->Ask());
  Record record;
  const auto scheduler =
      MakeBatchScheduler(ModelSpec{}, MakeInstances(1, nullptr), {Seat(limiter, Needs({{"R", false, 1}}))});
  scheduler->Enqueue(MakeRequest("r", &record), {});
  std::thread drain([&] { scheduler->Drain(); });
  RateLimiter::Announce(holder->Finish(false));
  drain.join();
  CHECK_EQ(record.replies().size(), 1u);
  CHECK_EQ(record.replies()[0].what, "ok");
  CHECK(holder->Ask());
}

}  // namespace
}  // namespace triton_lite

TEST_MAIN()
