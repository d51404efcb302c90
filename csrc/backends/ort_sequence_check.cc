#include "backends/ort_sequence_check.h"

#include <algorithm>
#include <string>
#include <vector>

namespace triton_lite::ort {
namespace {

const SignatureTensor* Find(const std::vector<SignatureTensor>& tensors, const std::string& name) {
  const auto it = std::find_if(tensors.begin(), tensors.end(), [&](const auto& tensor) { return tensor.name == name; });
  return it == tensors.end() ? nullptr : &*it;
}

// ONNX's names of the types, and the configuration's.
std::string OnnxName(DataType datatype) {
  switch (datatype) {
    case DataType::kFp16:
      return "FLOAT16";
    case DataType::kFp32:
      return "FLOAT";
    case DataType::kFp64:
      return "DOUBLE";
    case DataType::kBf16:
      return "BFLOAT16";
    case DataType::kBytes:
      return "STRING";
    default:
      return std::string(DataTypeName(datatype));
  }
}

std::string ConfigName(DataType datatype) {
  return datatype == DataType::kBytes ? "TYPE_STRING" : "TYPE_" + std::string(DataTypeName(datatype));
}

DataType TypeOf(const SequenceControlSpec& control) {
  if (control.kind == SequenceControlKind::kCorrelationId) {
    return control.datatype;
  }
  if (!control.int32_false_true.empty()) {
    return DataType::kInt32;
  }
  return control.fp32_false_true.empty() ? DataType::kBool : DataType::kFp32;
}

Status CheckControl(const ModelSpec& spec, const SequenceControlSpec& control, const ModelSignature& signature) {
  const SignatureTensor* const in_model = Find(signature.inputs, control.input_name);
  if (in_model == nullptr) {
    return Internal("configuration specified sequence control '" + control.input_name +
                    "', but model does not provide that input");
  }
  const std::string start = "unable to load model '" + spec.name + "', sequence control '" + control.input_name + "'";
  const Shape dims = in_model->dims.Without(spec.max_batch_size > 0 ? 1 : 0);
  if (dims != Shape{1}) {
    return InvalidArgument(start + " in model has dims " + ShapeText(dims) + " but dims [1] is expected");
  }
  if (in_model->datatype != TypeOf(control)) {
    return InvalidArgument(start + ", the model expects data-type " + OnnxName(in_model->datatype) +
                           " but the model configuration specifies data-type " + ConfigName(TypeOf(control)));
  }
  return {};
}

Status CheckState(const ModelSpec& spec, const std::string& name, DataType datatype, const std::string& direction,
                  const std::vector<SignatureTensor>& tensors) {
  const SignatureTensor* const in_model = Find(tensors, name);
  if (in_model == nullptr) {
    return InvalidArgument("unable to load model '" + spec.name + "', configuration specified state " + direction +
                           " '" + name + "', but model does not provide that " + direction);
  }
  if (in_model->datatype != datatype) {
    return InvalidArgument("unable to load model '" + spec.name + "', configuration expects datatype " +
                           ConfigName(datatype) + " for " + direction + " state '" + name + "', model provides TYPE_" +
                           std::string(DataTypeName(in_model->datatype)));
  }
  return {};
}

}  // namespace

Status CheckSequenceInputs(const ModelSpec& spec, const ModelSignature& signature, std::size_t* added) {
  *added = 0;
  const auto* const batching = std::get_if<SequenceBatchingSpec>(&spec.scheduler);
  if (batching == nullptr) {
    return {};
  }
  // Triton's order: by kind.
  for (const SequenceControlKind kind : {SequenceControlKind::kStart, SequenceControlKind::kEnd,
                                         SequenceControlKind::kReady, SequenceControlKind::kCorrelationId}) {
    for (const SequenceControlSpec& control : batching->control_input) {
      if (control.kind == kind) {
        RETURN_IF_ERROR(CheckControl(spec, control, signature));
        ++*added;
      }
    }
  }
  *added += batching->state.size();
  return {};
}

Status CheckStateOutputs(const ModelSpec& spec, const ModelSignature& signature) {
  if (const auto* const batching = std::get_if<SequenceBatchingSpec>(&spec.scheduler)) {
    for (const SequenceStateSpec& state : batching->state) {
      RETURN_IF_ERROR(CheckState(spec, state.input_name, state.datatype, "input", signature.inputs));
      RETURN_IF_ERROR(CheckState(spec, state.output_name, state.datatype, "output", signature.outputs));
    }
  }
  return {};
}

}  // namespace triton_lite::ort
