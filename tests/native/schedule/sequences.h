// What tests of sequences share.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "schedule/fakes.h"
#include "schedule/sequence_scheduler.h"

namespace triton_lite::testing {

// Its sequences may be silent for as long as a test takes.
inline ModelSpec Sequences(std::int32_t max_batch_size, SequenceBatchingSpec batching = {}) {
  ModelSpec spec;
  spec.name = "model";
  spec.max_batch_size = max_batch_size;
  if (batching.max_sequence_idle_microseconds == 0) {
    batching.max_sequence_idle_microseconds = std::uint64_t{1} << 40;
  }
  spec.scheduler = std::move(batching);
  return spec;
}

inline SequenceBatchingSpec Oldest(std::int32_t candidates, bool preserve_ordering = false) {
  SequenceBatchingSpec batching;
  OldestStrategySpec strategy;
  strategy.max_candidate_sequences = candidates;
  strategy.preserve_ordering = preserve_ordering;
  batching.strategy = std::move(strategy);
  return batching;
}

inline std::unique_ptr<SequenceScheduler> MakeSequences(const ModelSpec& spec, Instances instances, Seats seats = {}) {
  return std::make_unique<SequenceScheduler>(spec, std::move(instances), SequenceStates{}, SequenceHoldBack{},
                                             ExecutionTime::kQuickNanoseconds, std::move(seats));
}

inline RequestPtr InSequence(Record* record, std::uint64_t id, std::uint32_t flags, std::string name = "") {
  RequestPtr request = MakeRequest(std::move(name), record);
  request->correlation_id = id;
  request->flags = flags;
  return request;
}

}  // namespace triton_lite::testing
