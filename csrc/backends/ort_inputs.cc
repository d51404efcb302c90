#include "backends/ort_inputs.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "backends/batch_tensors.h"
#include "backends/ort_strings.h"
#include "cuda/pinned_memory.h"

namespace triton_lite::ort {
namespace {

// Gathered memory beyond this is not kept for the next run.
constexpr std::size_t kKeptByteSize = std::size_t{64} << 20;

// Requests lie at any address in their messages; kernels read whole elements, some with aligned vector loads.
bool IsAligned(const std::byte* data, std::size_t byte_size) {
  return reinterpret_cast<std::uintptr_t>(data) % byte_size == 0;
}

bool OnDevice(const Buffer& buffer) { return buffer.kind == MemoryKind::kDevice; }

}  // namespace

RunInputs::RunInputs(const Library* library, const Plan* plan, Device* device)
    : library_(library), plan_(plan), device_(device), scratch_(plan->inputs.size() + plan->batch_inputs.size()) {}

Status RunInputs::Reserve(std::size_t byte_size, MemoryKind kind, Buffer* buffer) {
  const bool on_device = kind == MemoryKind::kDevice;
  if (buffer->data != nullptr && buffer->size >= byte_size && OnDevice(*buffer) == on_device) {
    return {};
  }
  const std::size_t rounded = std::max<std::size_t>(byte_size, 64);
  *buffer = {};
  if (on_device) {
    ASSIGN_OR_RETURN(*buffer, device_->Allocate(rounded));
  } else if (device_ != nullptr) {
    ASSIGN_OR_RETURN(*buffer, cuda::AllocatePinned(rounded));
  } else {
    ASSIGN_OR_RETURN(*buffer, AllocateHeap(rounded));
  }
  return {};
}

Status RunInputs::Bind(std::span<InferenceRequest* const> batch, std::int64_t batch_size) {
  Clear();
  Status status = BindAll(batch, batch_size);
  if (device_ != nullptr) {
    Status copied =
        device_->copies().Finish();  // Whatever happened: nothing may be read from requests that have ended.
    if (status.ok()) {
      status = std::move(copied);
    }
  }
  return status;
}

Status RunInputs::BindAll(std::span<InferenceRequest* const> batch, std::int64_t batch_size) {
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
  RETURN_IF_ERROR(Reserve(byte_size, MemoryKind::kHost, &buffer));
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
    // The pool of pinned memory is for all.
    if (buffer.size > kKeptByteSize || buffer.kind == MemoryKind::kPinned) {
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
    ASSIGN_OR_RETURN(const Buffer data, Contiguous(batch, place));
    // States have whatever shape the model gave them.
    if (batch.size() > 1 &&
        data.size != static_cast<std::size_t>(ElementCount(shape).value_or(0)) * place.plan->element_byte_size) {
      return Internal("the requests of a batch differ in their shapes");
    }
    RETURN_IF_ERROR(Take(
        Api().CreateTensorWithDataAsOrtValue(OnDevice(data) ? device_->memory() : library_->host_memory(), data.data,
                                             data.size, shape.data(), shape.size(), place.plan->element, value.out())));
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

Result<Buffer> RunInputs::Contiguous(std::span<InferenceRequest* const> batch, const Place& place) {
  const Buffer& own = batch[0]->inputs[place.request_index].data;
  const std::size_t alignment = OnDevice(own) ? kDeviceAlignment : place.plan->element_byte_size;
  if (batch.size() == 1 && own.size > 0 && IsAligned(own.data, alignment)) {
    return Buffer{own.data, own.size, nullptr, own.kind, own.device_id};
  }
  const bool on_device = device_ != nullptr && std::any_of(batch.begin(), batch.end(), [&](const auto* request) {
                           return OnDevice(request->inputs[place.request_index].data);
                         });
  return Gather(batch, place, on_device ? MemoryKind::kDevice : MemoryKind::kHost);
}

Result<Buffer> RunInputs::Gather(std::span<InferenceRequest* const> batch, const Place& place, MemoryKind kind) {
  std::size_t byte_size = 0;
  for (const InferenceRequest* const request : batch) {
    byte_size += request->inputs[place.request_index].data.size;
  }
  Buffer& buffer = scratch_[place.plan_index];
  RETURN_IF_ERROR(Reserve(byte_size, kind, &buffer));
  Buffer to{buffer.data, byte_size, nullptr, buffer.kind, buffer.device_id};
  for (const InferenceRequest* const request : batch) {
    const Buffer& from = request->inputs[place.request_index].data;
    if (kind == MemoryKind::kDevice) {
      RETURN_IF_ERROR(device_->copies().Add(from, to));
    } else if (from.size > 0) {
      std::memcpy(to.data, from.data, from.size);
    }
    to.data += from.size;
  }
  return Buffer{buffer.data, byte_size, nullptr, buffer.kind, buffer.device_id};
}

}  // namespace triton_lite::ort
