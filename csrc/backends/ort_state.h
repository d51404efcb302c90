// Keeps what a model gave as a sequence's state until the sequence's next request.
#pragma once

#include <cstddef>
#include <memory>

#include "backends/ort_device.h"
#include "backends/ort_handles.h"
#include "backends/ort_library.h"
#include "backends/ort_plan.h"
#include "backends/ort_strings.h"
#include "core/sequence_states.h"
#include "core/status.h"

namespace triton_lite::ort {

// A state of one request: `shape` with its batch dimension, of `plan`'s type.
struct NewState {
  const OutputPlan* plan = nullptr;
  Shape shape;
  const std::byte* data = nullptr;         // Null for strings.
  const StringContent* strings = nullptr;  // All of the batch.
  std::size_t first_element = 0;           // Among those of the batch.
};

// Copies it, over the memory of the state before where the size allows.
Status KeepState(const NewState& from, SequenceState* state);

// Takes the memory of a tensor that is the state of one request alone and no strings; copies small ones, and where the
// configuration says that states stay in place.
Status AdoptState(const NewState& from, ValueHandle value, SequenceState* state);

// For a state on a GPU, at `from.data`: it stays in `value` there. `value` keeps the states of the whole batch.
Status KeepDeviceState(const NewState& from, std::shared_ptr<ValueHandle> value, const Device* device,
                       SequenceState* state);

}  // namespace triton_lite::ort
