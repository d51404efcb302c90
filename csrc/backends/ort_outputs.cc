#include "backends/ort_outputs.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "backends/batch_tensors.h"
#include "backends/ort_state.h"
#include "backends/ort_types.h"
#include "core/reshape.h"

namespace triton_lite::ort {
namespace {

bool Wants(const InferenceRequest& request, const std::string& name) {
  return std::any_of(request.outputs.begin(), request.outputs.end(),
                     [&](const RequestedOutput& output) { return output.name == name; });
}

std::string RequestTag(const InferenceRequest& request) {
  return "[request id: " + (request.id.empty() ? std::string("<id_unknown>") : request.id) + "] ";
}

}  // namespace

void RunOutputs::Select(std::span<InferenceRequest* const> batch) {
  Clear();
  for (const OutputPlan& output : plan_->outputs) {
    if (output.state >= 0 ||
        std::any_of(batch.begin(), batch.end(), [&](const auto* request) { return Wants(*request, output.name); })) {
      slots_.push_back({&output, {}, {}, {}, {}});
      names_.push_back(output.name.c_str());
      values_.push_back(nullptr);
    }
  }
}

Status RunOutputs::Place(InferenceRequest* request) {
  for (std::size_t i = 0; i < slots_.size(); ++i) {
    Slot& slot = slots_[i];
    Shape shape = slot.plan->model_dims;
    if (plan_->batches && !shape.empty()) {
      shape[0] = request->batch_size;
    }
    const auto elements = ElementCount(shape);
    if (!slot.plan->size_known || !elements || *elements == 0 ||
        (slot.plan->state >= 0 && (device_ != nullptr || !Wants(*request, slot.plan->name)))) {
      continue;
    }
    const std::size_t byte_size = static_cast<std::size_t>(*elements) * slot.plan->element_byte_size;
    ASSIGN_OR_RETURN(slot.placed, FindPlace(request, slot.plan->name, byte_size));
    if (slot.placed.data == nullptr) {
      continue;
    }
    RETURN_IF_ERROR(Take(Api().CreateTensorWithDataAsOrtValue(
        device_ == nullptr ? library_->host_memory() : device_->memory(), slot.placed.data, byte_size, shape.data(),
        shape.size(), slot.plan->element, slot.value.out())));
    values_[i] = slot.value.get();
    slot.placed_shape = shape;
    placed_ = true;
  }
  return {};
}

Result<Buffer> RunOutputs::FindPlace(InferenceRequest* request, const std::string& name, std::size_t byte_size) const {
  OutputMemory& memory = request->responder->memory();
  if (device_ == nullptr) {
    return memory.AllocateOutput(name, byte_size);
  }
  ASSIGN_OR_RETURN(Buffer place, memory.PlaceOnDevice(name, byte_size, device_->id()));
  const bool aligned = reinterpret_cast<std::uintptr_t>(place.data) % kDeviceAlignment == 0;
  return aligned ? std::move(place) : Buffer{};
}

Status RunOutputs::BindTo(IoBinding* binding) const {
  for (std::size_t i = 0; i < slots_.size(); ++i) {
    const bool is_strings = slots_[i].plan->element == ElementType::kString;
    RETURN_IF_ERROR(Take(
        values_[i] != nullptr
            ? Api().BindOutput(binding, names_[i], values_[i])
            : Api().BindOutputToDevice(binding, names_[i], is_strings ? library_->host_memory() : device_->memory())));
  }
  return {};
}

Status RunOutputs::TakeFrom(IoBinding* binding) {
  Value** bound = nullptr;
  std::size_t count = 0;
  RETURN_IF_ERROR(Take(Api().GetBoundOutputValues(binding, library_->allocator(), &bound, &count)));
  for (std::size_t i = 0; i < count; ++i) {
    ValueHandle value(bound[i]);
    if (i < values_.size() && values_[i] == nullptr) {
      values_[i] = value.release();
    }
  }
  return bound == nullptr ? Status() : Take(Api().AllocatorFree(library_->allocator(), bound));
}

void RunOutputs::Respond(std::span<InferenceRequest* const> batch) {
  for (std::size_t i = 0; i < slots_.size(); ++i) {
    if (slots_[i].value.get() != values_[i]) {
      slots_[i].value.reset(values_[i]);
    }
  }
  responses_.assign(batch.size(), {});
  errors_.assign(batch.size(), {});
  for (Slot& slot : slots_) {
    const Status status = Split(batch, &slot);
    if (!status.ok()) {
      errors_.assign(batch.size(), status);
      break;
    }
  }
  if (device_ != nullptr) {
    if (const Status copied = device_->copies().Finish(); !copied.ok()) {
      errors_.assign(batch.size(), copied);
    }
  }
  const bool failed = std::none_of(errors_.begin(), errors_.end(), [](const Status& error) { return error.ok(); });
  const std::uint64_t end = failed ? 0 : NowNanoseconds();
  for (InferenceRequest* const request : batch) {
    request->times.compute_end = end;
  }
  for (std::size_t i = 0; i < batch.size(); ++i) {
    if (errors_[i].ok()) {
      batch[i]->responder->Send(std::move(responses_[i]), /*last=*/true);
    } else {
      batch[i]->responder->Fail(std::move(errors_[i]));
    }
  }
}

void RunOutputs::Clear() {
  slots_.clear();
  names_.clear();
  values_.clear();
  responses_.clear();
  placed_ = false;
}

Result<RunOutputs::Whole> RunOutputs::Examine(Slot* slot) {
  TensorInfoHandle info;
  RETURN_IF_ERROR(Take(Api().GetTensorTypeAndShape(slot->value.get(), info.out())));
  ElementType element = ElementType::kUndefined;
  RETURN_IF_ERROR(Take(Api().GetTensorElementType(info.get(), &element)));
  std::size_t rank = 0;
  RETURN_IF_ERROR(Take(Api().GetDimensionsCount(info.get(), &rank)));
  Shape shape;
  for (std::size_t i = 0; i < rank; ++i) {
    shape.push_back(0);
  }
  RETURN_IF_ERROR(Take(Api().GetDimensions(info.get(), shape.data(), rank)));
  if (element != slot->plan->element) {
    return Internal("output '" + slot->plan->name + "' of the model has datatype " +
                    std::string(DataTypeName(FromElementType(element))) + ", its configuration says " +
                    std::string(DataTypeName(slot->plan->datatype)));
  }
  void* data = nullptr;
  if (element == ElementType::kString) {
    RETURN_IF_ERROR(strings_.Read(slot->value.get(), static_cast<std::size_t>(ElementCount(shape).value_or(0))));
  } else {
    RETURN_IF_ERROR(Take(Api().GetTensorMutableData(slot->value.get(), &data)));
    if (device_ != nullptr) {
      slot->left = std::make_shared<ValueHandle>(std::move(slot->value));
    }
  }
  // A scalar has the dimensions of the configuration, all of them 1.
  return WholeOf(rank == 0 ? slot->plan->configuration.dims : shape, static_cast<const std::byte*>(data));
}

RunOutputs::Whole RunOutputs::WholeOf(const Shape& shape, const std::byte* data) const {
  return {shape, data, plan_->batches && !shape.empty() ? shape[0] : 1};
}

Status RunOutputs::Split(std::span<InferenceRequest* const> batch, Slot* slot) {
  if (!slot->value) {
    return Internal("output tensor '" + slot->plan->name + "' is not found");
  }
  ASSIGN_OR_RETURN(const Whole whole, slot->placed.data != nullptr ? WholeOf(slot->placed_shape) : Examine(slot));
  const std::byte* const data = slot->placed.data != nullptr ? slot->placed.data : whole.data;
  std::int64_t batch_offset = 0;
  std::size_t element_offset = 0;
  for (std::size_t i = 0; i < batch.size(); ++i) {
    Status status = slot->plan->scattered_by.empty()
                        ? Cut(batch[i], slot, whole, &batch_offset, &element_offset, &responses_[i])
                        : Scatter(batch[i], slot, whole, &element_offset, &responses_[i]);
    if (!status.ok() && errors_[i].ok()) {
      errors_[i] = std::move(status);
    }
  }
  if (slot->plan->state >= 0) {
    KeepStates(batch, slot, whole, data);
  }
  return {};
}

void RunOutputs::KeepStates(std::span<InferenceRequest* const> batch, Slot* slot, const Whole& whole,
                            const std::byte* data) {
  const bool batched = plan_->batches && !whole.shape.empty();
  NewState from{slot->plan, whole.shape, data, &strings_, 0};
  std::int64_t batch_offset = 0;
  for (std::size_t i = 0; i < batch.size(); ++i) {
    batch_offset += batched ? batch[i]->batch_size : 0;
    if (batched) {
      from.shape[0] = batch[i]->batch_size;
    }
    if (batch[i]->states != nullptr && errors_[i].ok()) {
      SequenceState* const state = &(*batch[i]->states)[static_cast<std::size_t>(slot->plan->state)];
      if (batched && batch_offset > whole.batch_size) {
        errors_[i] =
            Unimplemented(RequestTag(*batch[i]) + "failed to split the output state tensor '" + slot->plan->name +
                          "' in responses: expected batch size of at least " + std::to_string(batch_offset) +
                          " in model output, got " + std::to_string(whole.batch_size));
      } else if (slot->left != nullptr) {
        errors_[i] = KeepDeviceState(from, slot->left, device_, state);
      } else if (batch.size() == 1 && whole.data != nullptr && data == whole.data) {
        errors_[i] = AdoptState(from, std::move(slot->value), state);
      } else {
        errors_[i] = KeepState(from, state);
      }
    }
    from.first_element += static_cast<std::size_t>(ElementCount(from.shape).value_or(0));
  }
}

Status RunOutputs::Cut(InferenceRequest* request, Slot* slot, const Whole& whole, std::int64_t* batch_offset,
                       std::size_t* element_offset, InferenceResponse* response) {
  Shape shape = whole.shape;
  if (plan_->batches && !shape.empty()) {
    *batch_offset += request->batch_size;
    if (*batch_offset > whole.batch_size) {
      return Unimplemented(RequestTag(*request) + "failed to split the output tensor '" + slot->plan->name +
                           "' in responses: expected batch size of at least " + std::to_string(*batch_offset) +
                           " in model output, got " + std::to_string(whole.batch_size));
    }
    shape[0] = request->batch_size;
  }
  const std::size_t first = *element_offset;
  *element_offset += static_cast<std::size_t>(ElementCount(shape).value_or(0));
  return AddPart(request, slot, whole, first, shape, response);
}

Status RunOutputs::Scatter(InferenceRequest* request, Slot* slot, const Whole& whole, std::size_t* element_offset,
                           InferenceResponse* response) {
  const TensorSpec& configuration = slot->plan->configuration;
  Shape dims;
  if (plan_->batches) {
    dims.push_back(-1);
  }
  for (const std::int64_t dim : configuration.reshape ? *configuration.reshape : configuration.dims) {
    dims.push_back(dim);
  }
  ASSIGN_OR_RETURN(const Shape shape, ScatteredShape(dims, slot->plan->scattered_by, *request));
  const std::size_t first = *element_offset;
  const auto count = static_cast<std::size_t>(ElementCount(shape).value_or(0));
  const auto available = static_cast<std::size_t>(ElementCount(whole.shape).value_or(0));
  if (first > available || count > available - first) {
    return Internal(RequestTag(*request) + "failed to split the output tensor '" + slot->plan->name +
                    "' in responses: expected at least " + std::to_string(first + count) +
                    " elements in model output, got " + std::to_string(available));
  }
  *element_offset += count;
  return AddPart(request, slot, whole, first, shape, response);
}

Status RunOutputs::AddPart(InferenceRequest* request, Slot* slot, const Whole& whole, std::size_t first,
                           const Shape& shape, InferenceResponse* response) {
  if (!Wants(*request, slot->plan->name)) {
    return {};
  }
  const auto count = static_cast<std::size_t>(ElementCount(shape).value_or(0));
  ASSIGN_OR_RETURN(Buffer data, Copy(request, slot, whole, first, count));
  response->outputs.push_back({slot->plan->name, slot->plan->datatype,
                               ClientShape(slot->plan->configuration, plan_->batches, shape), std::move(data)});
  return {};
}

Result<Buffer> RunOutputs::Copy(InferenceRequest* request, Slot* slot, const Whole& whole, std::size_t first,
                                std::size_t count) const {
  if (slot->placed.data != nullptr) {
    return std::move(slot->placed);  // The model wrote it there.
  }
  const bool is_strings = whole.data == nullptr && slot->plan->element == ElementType::kString;
  const std::size_t byte_size =
      is_strings ? strings_.SerializedByteSize(first, count) : count * slot->plan->element_byte_size;
  if (byte_size == 0) {
    return Buffer{};
  }
  const std::byte* const data = is_strings ? nullptr : whole.data + first * slot->plan->element_byte_size;
  if (slot->left != nullptr) {
    return CopyFromDevice(request, *slot, data, byte_size);
  }
  ASSIGN_OR_RETURN(Buffer buffer, request->responder->memory().AllocateOutput(slot->plan->name, byte_size));
  if (is_strings) {
    strings_.Serialize(first, count, buffer.mutable_bytes());
  } else {
    std::memcpy(buffer.data, data, byte_size);
  }
  return buffer;
}

// Begins a copy that Respond waits for.
Result<Buffer> RunOutputs::CopyFromDevice(InferenceRequest* request, const Slot& slot, const std::byte* data,
                                          std::size_t byte_size) const {
  OutputMemory& memory = request->responder->memory();
  Buffer left = device_->Wrap(const_cast<std::byte*>(data), byte_size, slot.left);
  if (memory.takes_device_memory()) {
    return left;
  }
  ASSIGN_OR_RETURN(Buffer place, memory.PlaceOnDevice(slot.plan->name, byte_size, device_->id()));
  if (place.data == nullptr) {
    ASSIGN_OR_RETURN(place, memory.AllocateOutput(slot.plan->name, byte_size));
  }
  RETURN_IF_ERROR(device_->copies().Add(left, place));
  return place;
}

}  // namespace triton_lite::ort
