// A model's scheduler behind the local cache: what the cache holds never reaches it.
#pragma once

#include <memory>
#include <utility>
#include <vector>

#include "cache/local_cache.h"
#include "schedule/scheduler.h"

namespace triton_lite {

class CachingScheduler final : public Scheduler {
 public:
  CachingScheduler(std::shared_ptr<LocalCache> cache, std::unique_ptr<Scheduler> model);

  // A hit is answered before this returns, whatever was asked before it.
  void Enqueue(RequestPtr request, EnqueueHint hint) override;
  void Drain() override { model_->Drain(); }
  std::vector<std::size_t> Update(InstanceChange change) override { return model_->Update(std::move(change)); }
  std::size_t pending() const override { return model_->pending(); }
  std::size_t waiting() const override { return model_->waiting(); }

 private:
  const std::shared_ptr<LocalCache> cache_;
  const std::unique_ptr<Scheduler> model_;
};

}  // namespace triton_lite
