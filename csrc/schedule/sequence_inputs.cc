#include "schedule/sequence_inputs.h"

#include <algorithm>
#include <cstring>
#include <utility>
#include <variant>

namespace triton_lite {
namespace {

constexpr std::size_t kLengthByteSize = sizeof(std::uint32_t);

InputTensor Tensor(const std::string& name, DataType datatype, const Shape& shape) {
  InputTensor tensor;
  tensor.name = name;
  tensor.datatype = datatype;
  tensor.shape = shape;
  tensor.model_shape = shape;
  return tensor;
}

template <typename T>
std::array<std::byte, 4> FourBytes(T value) {
  std::array<std::byte, 4> bytes{};
  std::memcpy(bytes.data(), &value, sizeof(value));
  return bytes;
}

std::size_t BytesOf(DataType datatype) {
  return datatype == DataType::kBytes ? kLengthByteSize : ElementByteSize(datatype);
}

// Nothing reads the reply of a null request.
class NullResponder final : public Responder {
 public:
  OutputMemory& memory() override { return memory_; }
  void Send(InferenceResponse, bool) override {}
  void Fail(Status) override {}
  void Finish() override {}

 private:
  struct Heap final : OutputMemory {
    Result<Buffer> Allocate(std::size_t byte_size) override { return AllocateHeap(byte_size); }
  };
  Heap memory_;
};

// Zeros for any number of tensors of a request: as many as the largest needs.
Result<Buffer> Zeros(std::size_t byte_size) {
  alignas(64) static std::byte few[4096];  // Never written.
  if (byte_size <= sizeof(few)) {
    return Buffer{few, byte_size, nullptr};
  }
  ASSIGN_OR_RETURN(Buffer zeros, AllocateHeap(byte_size));
  std::memset(zeros.data, 0, byte_size);
  return zeros;
}

std::size_t NullByteSize(const InputTensor& tensor) {
  // An element of BYTES is its length, 0.
  return tensor.datatype == DataType::kBytes
             ? static_cast<std::size_t>(ElementCount(tensor.model_shape).value_or(0)) * kLengthByteSize
             : tensor.data.size;
}

}  // namespace

SequenceInputs::SequenceInputs(const ModelSpec& spec, SequenceStates initial) : initial_(std::move(initial)) {
  const auto& batching = std::get<SequenceBatchingSpec>(spec.scheduler);
  const bool batches = spec.max_batch_size > 0;
  for (const SequenceControlSpec& control : batching.control_input) {
    switch (control.kind) {
      case SequenceControlKind::kStart:
        MakeFlag(control, batches, &flags_[kStartSignal]);
        break;
      case SequenceControlKind::kEnd:
        MakeFlag(control, batches, &flags_[kEndSignal]);
        break;
      case SequenceControlKind::kReady:
        MakeFlag(control, batches, &flags_[kReadySignal]);
        break;
      case SequenceControlKind::kCorrelationId:
        correlation_ = Tensor(control.input_name, control.datatype, batches ? Shape{1, 1} : Shape{1});
        break;
    }
    overlaps_ |= spec.FindInput(control.input_name) != nullptr;
  }
  for (std::size_t i = 0; i < batching.state.size() && i < initial_.size(); ++i) {
    states_.push_back(Tensor(batching.state[i].input_name, initial_[i].datatype, initial_[i].shape));
    overlaps_ |= spec.FindInput(batching.state[i].input_name) != nullptr;
  }
  for (const TensorSpec& input : spec.inputs) {
    if (input.is_shape_tensor) {
      shape_tensors_.push_back(input.name);
    }
  }
  count_ = states_.size() + (correlation_.name.empty() ? 0 : 1) +
           static_cast<std::size_t>(std::count_if(flags_.begin(), flags_.end(), [](const Flag& f) { return f.used; }));
}

std::vector<TensorSpec> SequenceInputs::AsInputs(const SequenceBatchingSpec& batching) const {
  std::vector<TensorSpec> inputs;
  const auto add = [&](const std::string& name, const Shape& dims) {
    TensorSpec& input = inputs.emplace_back();
    input.name = name;
    input.dims = dims;
  };
  for (const Flag& flag : flags_) {
    if (flag.used) {
      add(flag.off.name, {1});
    }
  }
  if (!correlation_.name.empty()) {
    add(correlation_.name, {1});
  }
  for (std::size_t i = 0; i < states_.size(); ++i) {
    add(states_[i].name, batching.state[i].dims);
  }
  return inputs;
}

void SequenceInputs::MakeFlag(const SequenceControlSpec& control, bool batches, Flag* flag) {
  DataType datatype = DataType::kBool;
  if (control.int32_false_true.size() == 2) {
    datatype = DataType::kInt32;
    flag->values = {FourBytes(control.int32_false_true[0]), FourBytes(control.int32_false_true[1])};
  } else if (control.fp32_false_true.size() == 2) {
    datatype = DataType::kFp32;
    flag->values = {FourBytes(control.fp32_false_true[0]), FourBytes(control.fp32_false_true[1])};
  } else if (control.bool_false_true.size() == 2) {
    flag->values = {FourBytes<bool>(control.bool_false_true[0]), FourBytes<bool>(control.bool_false_true[1])};
  }
  flag->off = Tensor(control.input_name, datatype, batches ? Shape{1, 1} : Shape{1});
  flag->on = flag->off;
  flag->off.data = {flag->values[0].data(), ElementByteSize(datatype), nullptr};
  flag->on.data = {flag->values[1].data(), ElementByteSize(datatype), nullptr};
  flag->used = true;
}

void SequenceInputs::AddTo(InferenceRequest& request, SequenceStates& states) const {
  request.inputs.reserve(request.inputs.size() + count_);
  AddControls(request, /*ready=*/true, overlaps_);
  if (states_.empty()) {
    return;
  }
  if ((request.flags & kSequenceStart) != 0 || states.empty()) {
    states = initial_;
  }
  for (std::size_t i = 0; i < states_.size(); ++i) {
    InputTensor tensor = states_[i];
    tensor.datatype = states[i].datatype;
    tensor.shape = states[i].shape;
    tensor.model_shape = states[i].shape;
    tensor.data = states[i].data;
    Put(request, tensor, overlaps_);
  }
  request.states = &states;
}

void SequenceInputs::RemoveFrom(InferenceRequest& request) const {
  std::erase_if(request.inputs, [&](const InputTensor& input) { return IsAdded(input.name); });
  request.states = nullptr;
}

RequestPtr SequenceInputs::MakeNull(const InferenceRequest& like) const {
  static const auto never_cancelled = std::make_shared<CancelToken>();
  auto request = std::make_unique<InferenceRequest>();
  request->model_name = like.model_name;
  request->model_version = like.model_version;
  request->model = like.model;
  request->batch_size = like.batch_size;
  request->times = like.times;
  request->cancel = never_cancelled;
  request->responder = std::make_unique<NullResponder>();
  request->inputs = like.inputs;
  std::size_t largest = 0;
  for (const InputTensor& input : request->inputs) {
    largest = std::max(largest, NullByteSize(input));
  }
  const Result<Buffer> zeros = Zeros(largest);
  for (InputTensor& input : request->inputs) {
    const std::size_t byte_size = NullByteSize(input);
    // Without memory the null request shares what another one sent: nobody sees what becomes of it.
    if (zeros.ok() && std::find(shape_tensors_.begin(), shape_tensors_.end(), input.name) == shape_tensors_.end()) {
      input.data = *zeros;
      input.data.size = byte_size;
    }
  }
  AddControls(*request, /*ready=*/false, /*may_be_there=*/true);
  return request;
}

void SequenceInputs::AddControls(InferenceRequest& request, bool ready, bool may_be_there) const {
  const std::array<bool, kSignals> on = {ready && (request.flags & kSequenceStart) != 0,
                                         ready && (request.flags & kSequenceEnd) != 0, ready};
  for (std::size_t i = 0; i < kSignals; ++i) {
    if (flags_[i].used) {
      Put(request, on[i] ? flags_[i].on : flags_[i].off, may_be_there);
    }
  }
  if (!correlation_.name.empty()) {
    Put(request, CorrelationInput(request), may_be_there);
  }
}

InputTensor SequenceInputs::CorrelationInput(InferenceRequest& request) const {
  InputTensor tensor = correlation_;
  const std::size_t number_byte_size = BytesOf(tensor.datatype);
  if (auto* number = std::get_if<std::uint64_t>(&request.correlation_id)) {
    // A number where a string is expected is only that of null requests, 0: the empty string.
    tensor.data = {reinterpret_cast<std::byte*>(number), number_byte_size, nullptr};
    return tensor;
  }
  const auto& text = std::get<std::string>(request.correlation_id);
  const auto length = static_cast<std::uint32_t>(text.size());
  Result<Buffer> data = AllocateHeap(std::max(kLengthByteSize + text.size(), number_byte_size));
  if (data.ok()) {
    std::memset(data->data, 0, data->size);
    std::memcpy(data->data, &length, kLengthByteSize);
    std::memcpy(data->data + kLengthByteSize, text.data(), text.size());
    data->size = tensor.datatype == DataType::kBytes ? kLengthByteSize + text.size() : number_byte_size;
    tensor.data = *std::move(data);
  }
  return tensor;
}

void SequenceInputs::Put(InferenceRequest& request, const InputTensor& tensor, bool may_be_there) {
  if (may_be_there) {
    const auto same = std::find_if(request.inputs.begin(), request.inputs.end(),
                                   [&](const InputTensor& input) { return input.name == tensor.name; });
    if (same != request.inputs.end()) {
      *same = tensor;
      return;
    }
  }
  request.inputs.push_back(tensor);
}

bool SequenceInputs::IsAdded(const std::string& name) const {
  const auto named = [&](const InputTensor& tensor) { return tensor.name == name; };
  return correlation_.name == name || std::any_of(states_.begin(), states_.end(), named) ||
         std::any_of(flags_.begin(), flags_.end(), [&](const Flag& flag) { return flag.used && named(flag.off); });
}

}  // namespace triton_lite
