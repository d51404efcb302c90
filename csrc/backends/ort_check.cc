// CheckSignature of ort_signature.h: the rules of upstream's model loading.
#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include "backends/ort_sequence_check.h"
#include "backends/ort_signature.h"
#include "backends/ort_types.h"

namespace triton_lite::ort {
namespace {

const SignatureTensor* Find(const std::vector<SignatureTensor>& tensors, const std::string& name) {
  const auto it = std::find_if(tensors.begin(), tensors.end(), [&](const auto& tensor) { return tensor.name == name; });
  return it == tensors.end() ? nullptr : &*it;
}

std::string SortedNames(const std::vector<SignatureTensor>& tensors) {
  std::set<std::string> names;
  for (const SignatureTensor& tensor : tensors) {
    names.insert(tensor.name);
  }
  std::string text;
  for (const std::string& name : names) {
    text += text.empty() ? name : ", " + name;
  }
  return text;
}

// The configuration's way to write a type: only BYTES has another name there.
std::string ConfigTypeName(DataType datatype) {
  return datatype == DataType::kBytes ? "TYPE_STRING" : "TYPE_" + std::string(DataTypeName(datatype));
}

Status Refuse(const ModelSpec& spec, const std::string& what) {
  return InvalidArgument("unable to load model '" + spec.name + "', " + what);
}

// `exact`: a variable dimension of the model must be variable in the configuration too.
bool DimsFit(const Shape& model_dims, const Shape& dims, bool exact) {
  return std::equal(model_dims.begin(), model_dims.end(), dims.begin(), dims.end(),
                    [&](std::int64_t in_model, std::int64_t in_config) {
                      return in_model == in_config || (!exact && in_model == -1);
                    });
}

Status CheckDims(const ModelSpec& spec, const std::string& name, const Shape& model_dims, const Shape& dims,
                 bool exact) {
  const std::string start = "model '" + spec.name + "', tensor '" + name + "': ";
  const std::string expected = "the model expects " + std::to_string(model_dims.size()) + " dimensions (shape " +
                               ShapeText(model_dims) + ") but the model configuration specifies ";
  if (spec.max_batch_size <= 0) {
    return DimsFit(model_dims, dims, exact) ? Status()
                                            : InvalidArgument(start + expected + std::to_string(dims.size()) +
                                                              " dimensions (shape " + ShapeText(dims) + ")");
  }
  if (model_dims.empty() || model_dims[0] != -1) {
    return InvalidArgument(start +
                           "for the model to support batching the shape should have at least 1 dimension and the "
                           "first dimension must be -1; but shape expected by the model is " +
                           ShapeText(model_dims));
  }
  Shape full{-1};
  for (const std::int64_t dim : dims) {
    full.push_back(dim);
  }
  return DimsFit(model_dims, full, exact)
             ? Status()
             : InvalidArgument(start + expected + std::to_string(full.size()) +
                               " dimensions (an initial batch dimension because max_batch_size > 0 followed by the "
                               "explicit tensor shape, making complete shape " +
                               ShapeText(full) + ")");
}

Status CheckScalar(const ModelSpec& spec, const std::string& name, const Shape& dims) {
  if (std::all_of(dims.begin(), dims.end(), [](std::int64_t dim) { return dim == 1; })) {
    return {};
  }
  return Refuse(spec, "scalar tensor '" + name +
                          "', should only provide 1 in the model configuration when the model doesn't support "
                          "batching. Model configuration provided: " +
                          ShapeText(dims) + ".");
}

Status CheckTensor(const ModelSpec& spec, const TensorSpec& tensor, const SignatureTensor& in_model,
                   const std::string& direction, bool exact, bool free_shape) {
  const std::string configured = ConfigTypeName(tensor.datatype);
  if (ToElementType(tensor.datatype) == ElementType::kUndefined) {
    return Internal("unsupported datatype " + configured + " for " + direction + " '" + tensor.name + "' for model '" +
                    spec.name + "'");
  }
  if (tensor.datatype != in_model.datatype) {
    return Refuse(spec, "configuration expects datatype " + configured + " for " + direction + " '" + tensor.name +
                            "', model provides TYPE_" + std::string(DataTypeName(in_model.datatype)));
  }
  const Shape& dims = tensor.reshape ? *tensor.reshape : tensor.dims;
  if (tensor.allow_ragged_batch) {
    return in_model.dims == Shape{-1}
               ? Status()
               : Refuse(spec, "configuration expects model provides input with shape [-1]  for ragged input '" +
                                  tensor.name + "', model provides " + ShapeText(in_model.dims));
  }
  if (free_shape) {
    return {};
  }
  return in_model.dims.empty() ? CheckScalar(spec, tensor.name, dims)
                               : CheckDims(spec, tensor.name, in_model.dims, dims, exact);
}

// How such an output is divided says its batch_output; it need not look like the model's.
bool IsScattered(const ModelSpec& spec, const std::string& name) {
  return std::any_of(spec.batch_output.begin(), spec.batch_output.end(), [&](const BatchOutputSpec& scattered) {
    return std::find(scattered.target_names.begin(), scattered.target_names.end(), name) !=
           scattered.target_names.end();
  });
}

// `added`: inputs that come from the sequence scheduler.
Status CheckInputCount(const ModelSpec& spec, const ModelSignature& signature, std::size_t added) {
  const auto required = [](const auto& tensor) { return !tensor.optional; };
  const auto expected = std::count_if(spec.inputs.begin(), spec.inputs.end(), required) +
                        static_cast<std::ptrdiff_t>(spec.batch_input.size() + added);
  const auto provided = std::count_if(signature.inputs.begin(), signature.inputs.end(), required);
  return expected == provided ? Status()
                              : Refuse(spec, "configuration expects " + std::to_string(expected) +
                                                 " inputs, model provides " + std::to_string(provided));
}

Status CheckInput(const ModelSpec& spec, const TensorSpec& input, const ModelSignature& signature) {
  if (input.optional && spec.max_batch_size != 0) {
    return Refuse(spec, "optional input '" + input.name + "' is not supported for models that support batching");
  }
  const SignatureTensor* const in_model = Find(signature.inputs, input.name);
  if (in_model == nullptr) {
    return InvalidArgument("unexpected inference input '" + input.name +
                           "', allowed inputs are: " + SortedNames(signature.inputs));
  }
  if (input.optional && input.allow_ragged_batch) {
    return Refuse(spec, "configuration expects model provides input with shape [-1] for ragged input '" + input.name +
                            "', which is not supported for optional input");
  }
  return CheckTensor(spec, input, *in_model, "input", /*exact=*/false, /*free_shape=*/false);
}

}  // namespace

Status CheckSignature(const ModelSpec& spec, const ModelSignature& signature) {
  std::size_t added = 0;
  RETURN_IF_ERROR(CheckSequenceInputs(spec, signature, &added));
  RETURN_IF_ERROR(CheckInputCount(spec, signature, added));
  for (const TensorSpec& input : spec.inputs) {
    RETURN_IF_ERROR(CheckInput(spec, input, signature));
  }
  for (const TensorSpec& output : spec.outputs) {
    const SignatureTensor* const in_model = Find(signature.outputs, output.name);
    if (in_model == nullptr) {
      return InvalidArgument("unexpected inference output '" + output.name +
                             "', allowed outputs are: " + SortedNames(signature.outputs));
    }
    RETURN_IF_ERROR(CheckTensor(spec, output, *in_model, "output", /*exact=*/true, IsScattered(spec, output.name)));
  }
  return CheckStateOutputs(spec, signature);
}

}  // namespace triton_lite::ort
