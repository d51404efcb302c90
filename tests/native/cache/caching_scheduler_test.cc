#include "cache/caching_scheduler.h"

#include <atomic>
#include <cstring>
#include <thread>

#include "cache/request_content.h"
#include "check.h"
#include "schedule/fakes.h"

namespace triton_lite {
namespace {

using testing::HeapMemory;
using testing::MakeRequest;
using testing::Record;

// Doubles the one INT32 of its input; counts how often.
class Doubling final : public Scheduler {
 public:
  void Enqueue(RequestPtr request, EnqueueHint) override {
    ++runs;
    if (request->id == "fails") {
      request->responder->Fail(Internal("no"));
      return;
    }
    request->responder->Send(Answer(*request), true);
  }
  void Drain() override { drained = true; }
  std::size_t pending() const override { return 7; }

  static InferenceResponse Answer(const InferenceRequest& request) {
    InferenceResponse response;
    std::int32_t value = 0;
    std::memcpy(&value, request.inputs[0].data.data, sizeof(value));
    value *= 2;
    Buffer data = *AllocateHeap(sizeof(value));
    std::memcpy(data.data, &value, sizeof(value));
    response.outputs.push_back({"OUT", DataType::kInt32, Shape{1}, std::move(data)});
    response.parameters.Set("from", std::string("model"));
    return response;
  }

  std::atomic<int> runs{0};
  bool drained = false;
};

struct Cached {
  explicit Cached(std::uint64_t capacity = 1 << 20) : cache(std::make_shared<LocalCache>(capacity)) {
    auto inner = std::make_unique<Doubling>();
    model = inner.get();
    scheduler = std::make_unique<CachingScheduler>(cache, std::move(inner));
  }
  void Ask(std::int32_t value, std::string id = "r") { Ask(value, std::move(id), nullptr); }
  void Ask(std::int32_t value, std::string id, const std::function<void(InferenceRequest&)>& change) {
    RequestPtr request = MakeRequest(std::move(id), &record);
    testing::AddInput(*request, "IN", {1});
    request->inputs[0].data = *AllocateHeap(sizeof(value));
    std::memcpy(request->inputs[0].data.data, &value, sizeof(value));
    request->outputs.push_back({"OUT", 0, {}});
    if (change != nullptr) {
      change(*request);
    }
    scheduler->Enqueue(std::move(request), {});
  }
  std::int32_t last() {
    std::int32_t value = 0;
    const auto replies = record.replies();
    std::memcpy(&value, replies.back().response.outputs.at(0).data.data, sizeof(value));
    return value;
  }

  std::shared_ptr<LocalCache> cache;
  Doubling* model = nullptr;
  std::unique_ptr<Scheduler> scheduler;
  Record record;
};

TEST(TheSameRequestIsRunOnce) {
  Cached cached;
  cached.Ask(4, "a");
  cached.Ask(4, "b");
  CHECK_EQ(cached.model->runs.load(), 1);
  CHECK_EQ(cached.last(), 8);
  const auto reply = cached.record.replies().back();
  CHECK(reply.last);
  CHECK_EQ(std::get<std::string>(*reply.response.parameters.Find("from")), "model");
  CHECK((reply.response.outputs[0].shape == Shape{1}));
  cached.Ask(5);
  CHECK_EQ(cached.model->runs.load(), 2);
  CHECK_EQ(cached.last(), 10);
}

TEST(WhatDecidesTheAnswerIsPartOfTheKey) {
  Cached cached;
  cached.Ask(4);
  const std::vector<std::function<void(InferenceRequest&)>> different = {
      [](InferenceRequest& r) { r.model_name = "other"; },
      [](InferenceRequest& r) { r.model_version = 2; },
      [](InferenceRequest& r) { r.inputs[0].name = "IM"; },
      [](InferenceRequest& r) { r.inputs[0].datatype = DataType::kFp32; },
      [](InferenceRequest& r) { r.inputs[0].shape = Shape{1, 1}; },
      [](InferenceRequest& r) { r.outputs.clear(); },
  };
  for (std::size_t i = 0; i < different.size(); ++i) {
    cached.Ask(4, "r", different[i]);
    CHECK_EQ(cached.model->runs.load(), static_cast<int>(i) + 2);
  }
  const int runs = cached.model->runs.load();
  cached.Ask(4, "same", [](InferenceRequest& r) {
    r.parameters.Set("p", true);
    r.priority = 3;
    r.timeout_microseconds = 9;
  });
  CHECK_EQ(cached.model->runs.load(), runs);
}

TEST(ErrorsAndDeviceInputsAreNotKept) {
  Cached cached;
  cached.Ask(4, "fails");
  cached.Ask(4, "fails");
  CHECK_EQ(cached.model->runs.load(), 2);
  CHECK_EQ(cached.cache->entry_count(), 0u);
  RequestPtr request = MakeRequest("d", &cached.record);
  testing::AddInput(*request, "IN", {1});
  request->inputs[0].data.kind = MemoryKind::kDevice;
  CHECK(!HasReadableInputs(*request));
}

TEST(AnEntryThatIsTooLargeIsAMissEachTime) {
  Cached cached(100);
  cached.Ask(4);
  cached.Ask(4);
  CHECK_EQ(cached.model->runs.load(), 2);
  const Status status = cached.cache->Admits({1, 2}, 101);
  CHECK_EQ(status.message(), "Requested byte_size: 101 is greater than total cache size: 100");
}

CachedAnswerPtr Sized(std::size_t byte_size) {
  InferenceResponse response;
  response.outputs.push_back(
      {"O", DataType::kUint8, Shape{static_cast<std::int64_t>(byte_size)}, *AllocateHeap(byte_size)});
  return *CachedAnswer::Copy(response);
}

TEST(TheLeastRecentlyUsedGoFirst) {
  const std::uint64_t each = Sized(64)->byte_size();
  LocalCache cache(3 * each);
  for (std::uint64_t i = 0; i < 3; ++i) {
    CHECK(cache.Insert({i, 0}, Sized(64)).ok());
  }
  CHECK(cache.Find({0, 0}) != nullptr);
  CHECK(cache.Insert({3, 0}, Sized(64)).ok());
  CHECK(cache.Find({1, 0}) == nullptr);
  CHECK(cache.Find({0, 0}) != nullptr);
  CHECK_EQ(cache.byte_size(), 3 * each);
  CHECK(cache.Insert({3, 0}, Sized(64)).code() == Code::kAlreadyExists);
  CHECK(cache.Insert({4, 0}, Sized(128)).ok());
  CHECK(cache.Find({2, 0}) == nullptr);
  CHECK(cache.byte_size() <= 3 * each);
}

// An answer outlives its entry as long as somebody reads it.
TEST(EvictedAnswersStayReadable) {
  LocalCache cache(Sized(64)->byte_size());
  CHECK(cache.Insert({1, 0}, Sized(64)).ok());
  const CachedAnswerPtr held = cache.Find({1, 0});
  CHECK(cache.Insert({2, 0}, Sized(64)).ok());
  CHECK_EQ(held->Respond().outputs[0].data.size, 64u);
}

TEST(ManyThreads) {
  Cached cached(64 << 10);
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (std::int32_t i = 0; i < 500; ++i) {
        Record record;
        RequestPtr request = MakeRequest("r", &record);
        testing::AddInput(*request, "IN", {1});
        request->inputs[0].data = *AllocateHeap(sizeof(i));
        const std::int32_t value = i % 50;
        std::memcpy(request->inputs[0].data.data, &value, sizeof(value));
        cached.scheduler->Enqueue(std::move(request), {});
        std::int32_t got = 0;
        const auto replies = record.replies();
        std::memcpy(&got, replies.at(0).response.outputs.at(0).data.data, sizeof(got));
        CHECK_EQ(got, 2 * value);
      }
    });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
  CHECK(cached.cache->entry_count() <= 50);
}

}  // namespace
}  // namespace triton_lite

TEST_MAIN()
