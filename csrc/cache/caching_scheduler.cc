#include "cache/caching_scheduler.h"

#include <string>
#include <utility>

#include "cache/request_content.h"
#include "cache/storing_responder.h"
#include "log/log.h"

namespace triton_lite {
namespace {

// False where the cache has such an answer already.
bool Store(LocalCache& cache, const Hash128& hash, const InferenceResponse& response) {
  const std::uint64_t start = NowNanoseconds();
  Status status = cache.Admits(hash, CachedAnswer::ByteSize(response));
  if (status.ok()) {
    Result<CachedAnswerPtr> answer = CachedAnswer::Copy(response);
    status = answer.ok() ? cache.Insert(hash, *std::move(answer)) : answer.status();
  }
  cache.AddInsertionTime(NowNanoseconds() - start);
  const bool missed = status.code() != Code::kAlreadyExists;
  if (missed && !status.ok()) {
    LogError("Failed to insert key [" + std::to_string(hash[0]) + "] into response cache: " + status.message());
  }
  return missed;
}

}  // namespace

CachingScheduler::CachingScheduler(std::shared_ptr<LocalCache> cache, std::unique_ptr<Scheduler> model)
    : cache_(std::move(cache)), model_(std::move(model)) {}

void CachingScheduler::Enqueue(RequestPtr request, EnqueueHint hint) {
  if (!HasReadableInputs(*request)) {
    model_->Enqueue(std::move(request), hint);
    return;
  }
  Timestamps& times = request->times;
  times.queue_start = times.cache_lookup_start = NowNanoseconds();
  const Hash128 hash = HashContent(*request, cache_->key());
  const CachedAnswerPtr found = cache_->Find(hash);
  times.cache_lookup_end = NowNanoseconds();
  cache_->AddLookupTime(times.cache_lookup_end - times.cache_lookup_start);
  if (found != nullptr) {
    request->cache_outcome = CacheOutcome::kHit;
    request->responder->Send(found->Respond(), /*last=*/true);
    return;
  }
  StoringResponder::Install(request.get(), [cache = cache_, hash](const InferenceResponse& response) {
    return Store(*cache, hash, response);
  });
  model_->Enqueue(std::move(request), hint);
}

}  // namespace triton_lite
