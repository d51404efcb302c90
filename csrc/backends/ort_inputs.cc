#include "backends/ort_inputs.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "backends/batch_tensors.h"
#include "backends/ort_strings.h"

namespace triton_lite::ort {
namespace {

// Gathered memory beyond this is not kept for the next run.
constexpr std::size_t kKeptByteSize = std::size_t{64} << 20;

// Requests lie at any address in their messages; kernels read whole elements, some with aligned vector loads.
bool IsAligned(const std::byte* data, std::size_t element_byte_size) {
  return reinterpret_cast<std::uintptr_t>(data) % element_byte_size == 0;
}

Status Reserve(std::size_t byte_size, Buffer* buffer) {
  if (buffer->data == nullptr || buffer->size < byte_size) {
    ASSIGN_OR_RETURN(*buffer, AllocateHeap(std::max<std::size_t>(byte_size, 64)));
  }
  return {};
}

}  // namespace

RunInputs::RunInputs(const Library* library, const Plan* plan, const MemoryInfo* device_memory)
    : library_(library),
      plan_(plan),
      device_memory_(device_memory),
      scratch_(plan->inputs.size() + plan->batch_inputs.size()) {}

Status RunInputs::Bind(std::span<InferenceRequest* const> batch, std::int64_t batch_size) {
  Clear();
  std::size_t next = 0;
  for (std::size_t i = 0; i < batch[0]->inputs.size(); ++i) {
    const std::string& name = batch[0]->inputs[i].name;
    next = FindInPlan(name, next);
    if (next == plan_->inputs.size()) {
      return Internal("unexpected inference input '" + name + "'");
    }
    RETURN_IF_ERROR(BindOne(batch, batch_size, {&plan_->inputs[next], next, i}));
  }
  for (std::size_t i = 0; i < plan_->batch_inputs.size(); ++i) {
    RETURN_IF_ERROR(BindBatchInput(batch, i));
  }
  return {};
}

Status RunInputs::BindBatchInput(std::span<InferenceRequest* const> batch, std::size_t index) {
  const BatchInputPlan& plan = plan_->batch_inputs[index];
  ASSIGN_OR_RETURN(const Shape shape, BatchInputShape(plan.spec, batch));
  const std::size_t byte_size = static_cast<std::size_t>(ElementCount(shape).value_or(0)) * plan.element_byte_size;
  Buffer& buffer = scratch_[plan_->inputs.size() + index];
  RETURN_IF_ERROR(Reserve(byte_size, &buffer));
  RETURN_IF_ERROR(FillBatchInput(plan.spec, batch, MutableBytes(buffer.data, byte_size)));
  for (const std::string& name : plan.spec.target_names) {
    ValueHandle value;
    RETURN_IF_ERROR(Take(Api().CreateTensorWithDataAsOrtValue(library_->host_memory(), buffer.data, byte_size,
                                                              shape.data(), shape.size(), plan.element, value.out())));
    names_.push_back(name.c_str());
    values_.push_back(value.get());
    handles_.push_back(std::move(value));
  }
  return {};
}

std::size_t RunInputs::FindInPlan(const std::string& name, std::size_t from) const {
  const std::vector<InputPlan>& inputs = plan_->inputs;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    const std::size_t at = (from + i) % inputs.size();
    if (inputs[at].name == name) {
      return at;
    }
  }
  return inputs.size();
}

void RunInputs::Clear() {
  names_.clear();
  values_.clear();
  handles_.clear();
  for (Buffer& buffer : scratch_) {
    if (buffer.size > kKeptByteSize) {
      buffer = {};
    }
  }
}

Shape RunInputs::ShapeOf(std::span<InferenceRequest* const> batch, std::int64_t batch_size, const Place& place) const {
  if (place.plan->scalar) {
    return {};
  }
  if (place.plan->ragged) {
    std::int64_t elements = 0;
    for (const InferenceRequest* const request : batch) {
      elements += ElementCount(request->inputs[place.request_index].model_shape).value_or(0);
    }
    return {elements};
  }
  Shape shape = batch[0]->inputs[place.request_index].model_shape;
  if (plan_->batches && !shape.empty()) {
    shape[0] = batch_size;
  }
  return shape;
}

Status RunInputs::BindOne(std::span<InferenceRequest* const> batch, std::int64_t batch_size, const Place& place) {
  for (const InferenceRequest* const request : batch) {
    if (place.request_index >= request->inputs.size() ||
        request->inputs[place.request_index].name != place.plan->name) {
      return Internal("the requests of a batch differ in their inputs");
    }
  }
  const Shape shape = ShapeOf(batch, batch_size, place);
  ValueHandle value;
  if (place.plan->datatype == DataType::kBytes) {
    RETURN_IF_ERROR(MakeStrings(batch, place, shape, &value));
  } else {
    const Buffer& data = batch[0]->inputs[place.request_index].data;
    const bool on_device = data.kind == MemoryKind::kDevice;
    if (on_device && device_memory_ == nullptr) {
      return InvalidArgument("input '" + place.plan->name + "' lies in GPU memory, but the model runs on the CPU");
    }
    MutableBytes bytes = data.mutable_bytes();
    if (!on_device) {
      ASSIGN_OR_RETURN(bytes, Contiguous(batch, place));
      // States have whatever shape the model gave them.
      if (batch.size() > 1 &&
          bytes.size() != static_cast<std::size_t>(ElementCount(shape).value_or(0)) * place.plan->element_byte_size) {
        return Internal("the requests of a batch differ in their shapes");
      }
    }
    RETURN_IF_ERROR(Take(Api().CreateTensorWithDataAsOrtValue(on_device ? device_memory_ : library_->host_memory(),
                                                              bytes.data(), bytes.size(), shape.data(), shape.size(),
                                                              place.plan->element, value.out())));
  }
  names_.push_back(place.plan->name.c_str());
  values_.push_back(value.get());
  handles_.push_back(std::move(value));
  return {};
}

Status RunInputs::MakeStrings(std::span<InferenceRequest* const> batch, const Place& place, const Shape& shape,
                              ValueHandle* value) const {
  RETURN_IF_ERROR(Take(Api().CreateTensorAsOrtValue(library_->allocator(), shape.data(), shape.size(),
                                                    ElementType::kString, value->out())));
  std::size_t first = 0;
  const auto capacity = static_cast<std::size_t>(ElementCount(shape).value_or(0));
  for (const InferenceRequest* const request : batch) {
    const InputTensor& input = request->inputs[place.request_index];
    const auto count = static_cast<std::size_t>(ElementCount(input.model_shape).value_or(0));
    if (count > capacity - first) {
      return Internal("the requests of a batch differ in their shapes");
    }
    RETURN_IF_ERROR(FillStrings(input.name, input.data.bytes(), count, first, value->get()));
    first += count;
  }
  return {};
}

Result<MutableBytes> RunInputs::Contiguous(std::span<InferenceRequest* const> batch, const Place& place) {
  const Buffer& own = batch[0]->inputs[place.request_index].data;
  if (batch.size() == 1 && own.size > 0 && IsAligned(own.data, place.plan->element_byte_size)) {
    return own.mutable_bytes();
  }
  std::size_t byte_size = 0;
  for (const InferenceRequest* const request : batch) {
    byte_size += request->inputs[place.request_index].data.size;
  }
  return Gather(batch, place, byte_size);
}

Result<MutableBytes> RunInputs::Gather(std::span<InferenceRequest* const> batch, const Place& place,
                                       std::size_t byte_size) {
  Buffer& buffer = scratch_[place.plan_index];
  RETURN_IF_ERROR(Reserve(byte_size, &buffer));
  std::byte* to = buffer.data;
  for (const InferenceRequest* const request : batch) {
    const Buffer& from = request->inputs[place.request_index].data;
    if (from.size > 0) {
      std::memcpy(to, from.data, from.size);
    }
    to += from.size;
  }
  return MutableBytes(buffer.data, byte_size);
}

}  // namespace triton_lite::ort
