#include "engine/initial_states.h"

#include <cstring>
#include <limits>
#include <string>
#include <utility>

#include "engine/model_data_file.h"

namespace triton_lite {
namespace {

Result<Buffer> Zeros(std::size_t byte_size) {
  ASSIGN_OR_RETURN(Buffer zeros, AllocateHeap(byte_size));
  if (byte_size > 0) {
    std::memset(zeros.data, 0, byte_size);
  }
  return zeros;
}

// Bytes of a value of these dimensions; of BYTES, those of empty strings.
Result<std::size_t> ByteSize(const SequenceStateSpec& state, const Shape& shape) {
  const std::size_t element =
      state.datatype == DataType::kBytes ? sizeof(std::uint32_t) : ElementByteSize(state.datatype);
  const std::optional<std::int64_t> count = ElementCount(shape);
  if (!count || static_cast<std::uint64_t>(*count) >
                    std::numeric_limits<std::int64_t>::max() / std::max<std::size_t>(1, element)) {
    return InvalidArgument("byte size for tensor '" + state.input_name + "' exceeds maximum size of " +
                           std::to_string(std::numeric_limits<std::int64_t>::max()));
  }
  return static_cast<std::size_t>(*count) * element;
}

Result<Buffer> ReadValue(const ModelSpec& spec, const SequenceStateSpec& state, const std::string& file,
                         std::size_t byte_size) {
  ASSIGN_OR_RETURN(Buffer data, ReadModelDataFile(spec, "initial_state", file));
  if (state.datatype == DataType::kBytes) {
    return data;
  }
  if (data.size < byte_size) {
    return InvalidArgument("initial_state setting expects " + std::to_string(byte_size) +
                           " bytes, but the data provided from " + file + "only has " + std::to_string(data.size) +
                           " bytes.");
  }
  data.size = byte_size;
  return data;
}

Result<SequenceState> MakeState(const ModelSpec& spec, const SequenceStateSpec& state) {
  SequenceState value;
  value.datatype = state.datatype;
  if (spec.max_batch_size > 0) {
    value.shape.push_back(1);
  }
  const InitialStateSpec* const initial = state.initial_state.empty() ? nullptr : &state.initial_state[0];
  for (const std::int64_t dim : initial != nullptr ? initial->dims : state.dims) {
    value.shape.push_back(dim == -1 ? 1 : dim);
  }
  ASSIGN_OR_RETURN(const std::size_t byte_size, ByteSize(state, value.shape));
  if (initial != nullptr && !initial->data_file.empty()) {
    ASSIGN_OR_RETURN(value.data, ReadValue(spec, state, initial->data_file, byte_size));
  } else {
    ASSIGN_OR_RETURN(value.data, Zeros(byte_size));
  }
  return value;
}

}  // namespace

Result<SequenceStates> MakeInitialStates(const ModelSpec& spec) {
  SequenceStates states;
  if (const auto* const batching = std::get_if<SequenceBatchingSpec>(&spec.scheduler)) {
    for (const SequenceStateSpec& state : batching->state) {
      ASSIGN_OR_RETURN(states.emplace_back(), MakeState(spec, state));
    }
  }
  return states;
}

}  // namespace triton_lite
