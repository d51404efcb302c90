// Sequence id and flags as an ensemble passes them along: a step's response may override what its request had, and
// the ensemble's own response says what its outputs came with.
#pragma once

#include <cstdint>

#include "core/parameters.h"
#include "core/request.h"
#include "core/status.h"

namespace triton_lite {

struct SequenceMark {
  CorrelationId correlation_id = std::uint64_t{0};
  std::uint32_t flags = 0;

  friend bool operator==(const SequenceMark&, const SequenceMark&) = default;
};

// What a response's sequence_id, sequence_start and sequence_end say; `request_mark` when it has none of them.
// INVALID_ARGUMENT when one is of the wrong type.
Result<SequenceMark> ReadSequenceMark(const Parameters& response, const SequenceMark& request_mark);

void WriteSequenceMark(const SequenceMark& mark, Parameters* response);

}  // namespace triton_lite
