#include "backends/ort_state.h"

#include <cstring>
#include <memory>
#include <utility>

namespace triton_lite::ort {
namespace {

// Below that a copy is cheaper than an owner for the tensor.
constexpr std::size_t kSmallByteSize = 4096;

std::size_t Elements(const NewState& from) { return static_cast<std::size_t>(ElementCount(from.shape).value_or(0)); }

}  // namespace

Status KeepState(const NewState& from, SequenceState* state) {
  const std::size_t elements = Elements(from);
  const bool is_strings = from.plan->element == ElementType::kString;
  const std::size_t byte_size = is_strings ? from.strings->SerializedByteSize(from.first_element, elements)
                                           : elements * from.plan->element_byte_size;
  if (!state->own || state->data.size != byte_size) {
    ASSIGN_OR_RETURN(state->data, AllocateHeap(byte_size));
    state->own = true;
  }
  if (is_strings) {
    from.strings->Serialize(from.first_element, elements, state->data.mutable_bytes());
  } else if (byte_size > 0) {
    std::memcpy(state->data.data, from.data + from.first_element * from.plan->element_byte_size, byte_size);
  }
  state->shape = from.shape;
  state->datatype = from.plan->datatype;
  return {};
}

Status AdoptState(const NewState& from, ValueHandle value, SequenceState* state) {
  const std::size_t byte_size = Elements(from) * from.plan->element_byte_size;
  if (byte_size <= kSmallByteSize || from.plan->in_place) {
    return KeepState(from, state);
  }
  void* data = nullptr;
  RETURN_IF_ERROR(Take(Api().GetTensorMutableData(value.get(), &data)));
  state->data = {static_cast<std::byte*>(data), byte_size, std::make_shared<ValueHandle>(std::move(value))};
  state->own = true;
  state->shape = from.shape;
  state->datatype = from.plan->datatype;
  return {};
}

Status KeepDeviceState(const NewState& from, std::shared_ptr<ValueHandle> value, const Device* device,
                       SequenceState* state) {
  auto* const data = const_cast<std::byte*>(from.data) + from.first_element * from.plan->element_byte_size;
  state->data = device->Wrap(data, Elements(from) * from.plan->element_byte_size, std::move(value));
  state->own = false;  // Never written over from here.
  state->shape = from.shape;
  state->datatype = from.plan->datatype;
  return {};
}

}  // namespace triton_lite::ort
