#include "engine/validate.h"

#include <algorithm>
#include <limits>
#include <string>
#include <unordered_set>
#include <utility>
#include <vector>

#include "engine/quoted.h"
#include "engine/request_builder.h"
#include "engine/tensor_bytes.h"

namespace triton_lite {
namespace {

// The order in which Triton looks at the inputs decides which error is told: that of a hash table by name, newest
// first where nothing collides. Small requests need no table.
std::vector<std::size_t> CheckOrder(const std::vector<InputTensor>& inputs) {
  std::vector<std::size_t> order;
  order.reserve(inputs.size());
  if (inputs.size() <= 2) {
    for (std::size_t i = inputs.size(); i-- > 0;) {
      order.push_back(i);
    }
    return order;
  }
  struct Key {
    std::string_view name;
    std::size_t position;
    bool operator==(const Key& other) const { return name == other.name; }
  };
  struct Hash {
    std::size_t operator()(const Key& key) const { return std::hash<std::string_view>()(key.name); }
  };
  std::unordered_set<Key, Hash> table;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    table.insert({inputs[i].name, i});
  }
  for (const Key& key : table) {
    order.push_back(key.position);
  }
  return order;
}

// One request against one model: what the checks share.
class Validation {
 public:
  Validation(const ServedModel& model, InferenceRequest* request, Status* in_model)
      : model_(model), spec_(model.spec()), request_(*request), in_model_(in_model) {}

  Status Run() {
    RETURN_IF_ERROR(CompleteOutputs());
    order_ = CheckOrder(request_.inputs);
    RETURN_IF_ERROR(CheckInputCount());
    RETURN_IF_ERROR(ResolveInputs());
    RETURN_IF_ERROR(CheckBatchSize());
    for (const std::size_t i : order_) {
      RETURN_IF_ERROR(CheckInput(*specs_[i], &request_.inputs[i]));
    }
    if (model_.batches() && batch_ == 0) {
      return InvalidArgument(Prefix() + "inference request batch-size must be >= 1 for '" + spec_.name + "'");
    }
    if (const auto* const sequences = std::get_if<SequenceBatchingSpec>(&spec_.scheduler)) {
      RETURN_IF_ERROR(CheckCorrelationId(*sequences));
    }
    request_.batch_size = model_.batches() ? static_cast<std::uint32_t>(batch_) : 1;
    ArrangeInputs();
    return {};
  }

 private:
  std::string Prefix() const { return RequestIdText(request_); }

  Status CompleteOutputs() {
    if (request_.outputs.empty()) {
      for (const TensorSpec& output : spec_.outputs) {
        request_.outputs.emplace_back().name = output.name;
      }
      return {};
    }
    // Of several unknown names Triton tells the first in alphabetical order.
    const std::string* unknown = nullptr;
    for (const RequestedOutput& output : request_.outputs) {
      if (spec_.FindOutput(output.name) == nullptr && (unknown == nullptr || output.name < *unknown)) {
        unknown = &output.name;
      }
    }
    return unknown == nullptr
               ? Status()
               : InvalidArgument("unexpected inference output '" + *unknown + "' for model '" + spec_.name + "'");
  }

  Status CheckInputCount() const {
    const std::size_t got = request_.inputs.size();
    const std::size_t required = model_.required_input_count();
    if (got >= required && got <= spec_.inputs.size()) {
      return {};
    }
    const std::string most = std::to_string(spec_.inputs.size());
    const std::string expected = required == spec_.inputs.size()
                                     ? "expected " + most + " inputs"
                                     : "expected number of inputs between " + std::to_string(required) + " and " + most;
    return InvalidArgument(Prefix() + expected + " but got " + std::to_string(got) + " inputs for model '" +
                           spec_.name + "'. Got input(s) " + GotText() + ", but missing required input(s) " +
                           MissingText() + ". Please provide all required input(s).");
  }

  std::string GotText() const {
    std::string text = "[";
    for (const std::size_t i : order_) {
      text += text.size() > 1 ? "," : "";
      text += Quoted(request_.inputs[i].name);
    }
    return text + "]";
  }

  // "]" alone when nothing is missing: Triton's text.
  std::string MissingText() const {
    std::string text;
    for (const TensorSpec& input : spec_.inputs) {
      const bool given = std::any_of(request_.inputs.begin(), request_.inputs.end(),
                                     [&](const InputTensor& tensor) { return tensor.name == input.name; });
      if (!input.optional && !given) {
        text += text.empty() ? "[" : ",";
        text += Quoted(input.name);
      }
    }
    return text + "]";
  }

  // Finds each input in the model and, where that has a batch dimension, the batch size they must agree on.
  Status ResolveInputs() {
    specs_.resize(request_.inputs.size());
    for (const std::size_t i : order_) {
      const InputTensor& input = request_.inputs[i];
      const std::int32_t index = model_.InputIndex(input.name, i);
      if (index < 0) {
        return InvalidArgument("unexpected inference input '" + input.name + "' for model '" + spec_.name + "'");
      }
      specs_[i] = &spec_.inputs[static_cast<std::size_t>(index)];
      if (model_.batches() && !specs_[i]->is_shape_tensor) {
        RETURN_IF_ERROR(AgreeOnBatch(input));
      }
    }
    return {};
  }

  Status AgreeOnBatch(const InputTensor& input) {
    if (input.shape.empty()) {
      return InvalidArgument(Prefix() + "input '" + input.name +
                             "' has no shape but model requires batch dimension for '" + spec_.name + "'");
    }
    if (batch_ == 0) {
      batch_ = input.shape[0];
    } else if (input.shape[0] != batch_) {
      return InvalidArgument(Prefix() + "input '" + input.name + "' batch size does not match other inputs for '" +
                             spec_.name + "'");
    }
    return {};
  }

  Status CheckBatchSize() const {
    if (model_.batches() && (batch_ < 0 || batch_ > spec_.max_batch_size)) {
      return InvalidArgument(Prefix() + "inference request batch-size must be <= " +
                             std::to_string(spec_.max_batch_size) + " for '" + spec_.name + "'");
    }
    return {};
  }

  Status CheckInput(const TensorSpec& spec, InputTensor* input) const {
    if (input->datatype != spec.datatype) {
      return InvalidArgument(Prefix() + "inference input '" + input->name + "' data-type is '" +
                             std::string(DataTypeName(input->datatype)) + "', but model '" + spec_.name +
                             "' expects '" + std::string(DataTypeName(spec.datatype)) + "'");
    }
    const bool has_batch_dimension = model_.batches() && !spec.is_shape_tensor;
    const Shape dims = has_batch_dimension ? input->shape.Without(1) : input->shape;
    RETURN_IF_ERROR(CheckDims(spec, dims, *input));
    input->model_shape.clear();
    if (has_batch_dimension && batch_ > 0) {
      input->model_shape.push_back(batch_);
    }
    AppendModelDims(spec, dims, &input->model_shape);
    return CheckTensorBytes(*input, spec_.name, request_, in_model_);
  }

  // A model that is told the id must be able to take it.
  Status CheckCorrelationId(const SequenceBatchingSpec& sequences) const {
    const bool is_text = std::holds_alternative<std::string>(request_.correlation_id);
    for (const SequenceControlSpec& control : sequences.control_input) {
      if (control.kind == SequenceControlKind::kCorrelationId && is_text != (control.datatype == DataType::kBytes)) {
        return InvalidArgument(Prefix() + "sequence batching control '" + control.input_name + "' data-type is '" +
                               (is_text ? "BYTES" : "UINT64") + "', but model '" + spec_.name + "' expects '" +
                               std::string(DataTypeName(control.datatype)) + "'");
      }
    }
    return {};
  }

  Status CheckDims(const TensorSpec& spec, const Shape& dims, const InputTensor& input) const {
    bool matches = spec.dims.size() == dims.size();
    for (std::size_t i = 0; matches && i < dims.size(); ++i) {
      if (dims[i] == -1) {
        return InvalidArgument(Prefix() + "All input dimensions should be specified for input '" + input.name +
                               "' for model '" + spec_.name + "', got " + ShapeText(input.shape));
      }
      matches = spec.dims[i] == -1 || spec.dims[i] == dims[i];
    }
    return matches ? Status() : UnexpectedShape(spec, input);
  }

  Status UnexpectedShape(const TensorSpec& spec, const InputTensor& input) const {
    Shape expected;
    std::string note;
    if (model_.batches()) {
      expected.push_back(-1);
      note =
          "NOTE: Setting a non-zero max_batch_size in the model config requires a batch dimension to be prepended to "
          "each input shape. If you want to specify the full shape including the batch dim in your input dims config, "
          "try setting max_batch_size to zero. See the model configuration docs for more info on max_batch_size.";
    }
    for (const std::int64_t dim : spec.dims) {
      expected.push_back(dim);
    }
    return InvalidArgument(Prefix() + "unexpected shape for input '" + input.name + "' for model '" + spec_.name +
                           "'. Expected " + ShapeText(expected) + ", got " + ShapeText(input.shape) + ". " + note);
  }

  // The variable dimensions of `dims` fill those of the reshape, in order.
  static void AppendModelDims(const TensorSpec& spec, const Shape& dims, Shape* out) {
    if (!spec.reshape) {
      for (const std::int64_t dim : dims) {
        out->push_back(dim);
      }
      return;
    }
    std::size_t next = 0;
    for (const std::int64_t dim : *spec.reshape) {
      if (dim != -1) {
        out->push_back(dim);
        continue;
      }
      while (next < dims.size() && spec.dims[next] != -1) {
        ++next;
      }
      out->push_back(next < dims.size() ? dims[next++] : -1);
    }
  }

  void ArrangeInputs() {
    if (std::is_sorted(specs_.begin(), specs_.end())) {
      return;
    }
    std::vector<InputTensor> arranged;
    arranged.reserve(request_.inputs.size());
    std::vector<std::size_t> by_spec(request_.inputs.size());
    for (std::size_t i = 0; i < by_spec.size(); ++i) {
      by_spec[i] = i;
    }
    std::sort(by_spec.begin(), by_spec.end(), [&](std::size_t a, std::size_t b) { return specs_[a] < specs_[b]; });
    for (const std::size_t i : by_spec) {
      arranged.push_back(std::move(request_.inputs[i]));
    }
    request_.inputs = std::move(arranged);
  }

  const ServedModel& model_;
  const ModelSpec& spec_;
  InferenceRequest& request_;
  Status* const in_model_;
  std::vector<std::size_t> order_;
  std::vector<const TensorSpec*> specs_;  // Of each input, by its position.
  std::int64_t batch_ = 0;
};

}  // namespace

Status ValidateRequest(const ServedModel& model, InferenceRequest* request, Status* in_model) {
  return Validation(model, request, in_model).Run();
}

}  // namespace triton_lite
