// MakeRemoteCachingScheduler of remote_cache.h.
#include <utility>
#include <vector>

#include "cache/answer_blob.h"
#include "cache/remote_cache.h"
#include "cache/request_content.h"
#include "cache/storing_responder.h"
#include "log/log.h"

namespace triton_lite {
namespace {

class RemoteCachingScheduler final : public Scheduler, public MissedRequests {
 public:
  RemoteCachingScheduler(std::shared_ptr<RemoteCache> cache, std::unique_ptr<Scheduler> model)
      : cache_(std::move(cache)), model_(std::move(model)) {}

  void Enqueue(RequestPtr request, EnqueueHint hint) override EXCLUDES(mu_) {
    if (!HasReadableInputs(*request)) {
      model_->Enqueue(std::move(request), hint);
      return;
    }
    request->times.queue_start = request->times.cache_lookup_start = NowNanoseconds();
    {
      MutexLock lock(mu_);
      ++looking_up_;
    }
    // What comes back is dropped, which is a miss.
    cache_->Push(std::make_unique<RemoteCacheTask>(std::move(request), this));
  }

  void Drain() override EXCLUDES(mu_) {
    {
      MutexLock lock(mu_);
      while (looking_up_ > 0) {
        looked_up_.Wait(mu_);
      }
    }
    model_->Drain();
  }

  std::vector<std::size_t> Update(InstanceChange change) override { return model_->Update(std::move(change)); }

  std::size_t pending() const override EXCLUDES(mu_) {
    MutexLock lock(mu_);
    return looking_up_ + model_->pending();
  }

  std::size_t waiting() const override EXCLUDES(mu_) {
    MutexLock lock(mu_);
    return looking_up_ + model_->waiting();
  }

  void Missed(RequestPtr request, std::string key) override {
    if (!key.empty()) {
      StoringResponder::Install(
          request.get(), [cache = cache_, key = std::move(key)](const InferenceResponse& response) {
            if (Result<std::string> value = WriteAnswer(response); value.ok()) {
              cache->Push(std::make_unique<RemoteCacheTask>(key, *std::move(value)));
            } else {
              LogError("Failed to insert key [" + key + "] into response cache: " + value.status().message());
            }
            return true;
          });
    }
    model_->Enqueue(std::move(request), EnqueueHint{});
  }

  void LookedUp() override EXCLUDES(mu_) {
    MutexLock lock(mu_);
    --looking_up_;
    looked_up_.NotifyAll();
  }

 private:
  const std::shared_ptr<RemoteCache> cache_;
  const std::unique_ptr<Scheduler> model_;
  mutable Mutex mu_;
  CondVar looked_up_;
  std::size_t looking_up_ GUARDED_BY(mu_) = 0;
};

}  // namespace

std::unique_ptr<Scheduler> MakeRemoteCachingScheduler(std::shared_ptr<RemoteCache> cache,
                                                      std::unique_ptr<Scheduler> model) {
  return std::make_unique<RemoteCachingScheduler>(std::move(cache), std::move(model));
}

}  // namespace triton_lite
