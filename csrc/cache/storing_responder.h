// What models with a response cache have in common: a request that missed puts its answer into the cache.
#pragma once

#include <functional>
#include <memory>
#include <utility>

#include "core/request.h"

namespace triton_lite {

// Passes everything on, after a single, successful answer was offered to the cache.
class StoringResponder final : public Responder {
 public:
  // Says whether the cache had no such answer before (a miss in the statistics).
  using Store = std::function<bool(const InferenceResponse&)>;

  // Takes the place of the responder of `request`.
  static void Install(InferenceRequest* request, Store store) {
    request->responder.reset(new StoringResponder(request, std::move(request->responder), std::move(store)));
  }

  OutputMemory& memory() override { return inner_->memory(); }
  void Send(InferenceResponse response, bool last) override {
    if (last && !sent_ && response.error.ok()) {
      Timestamps& times = request_->times;
      times.cache_insert_start = NowNanoseconds();
      request_->cache_outcome = store_(response) ? CacheOutcome::kMiss : CacheOutcome::kNone;
      times.cache_insert_end = NowNanoseconds();
    }
    sent_ = true;
    inner_->Send(std::move(response), last);
  }
  void Fail(Status status) override { inner_->Fail(std::move(status)); }
  void Finish() override { inner_->Finish(); }
  void OnReschedule() override { inner_->OnReschedule(); }

 private:
  StoringResponder(InferenceRequest* request, std::unique_ptr<Responder> inner, Store store)
      : request_(request), inner_(std::move(inner)), store_(std::move(store)) {}

  InferenceRequest* const request_;  // Owns this.
  const std::unique_ptr<Responder> inner_;
  const Store store_;
  bool sent_ = false;
};

}  // namespace triton_lite
