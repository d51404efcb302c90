#include "backends/ort_signature.h"

#include <string_view>

#include "backends/ort_types.h"

namespace triton_lite::ort {
namespace {

// The functions that tell of one of the three lists of tensors.
struct Listing {
  RawStatus* (*count)(const Session*, std::size_t*);
  RawStatus* (*name)(const Session*, std::size_t, Allocator*, char**);
  RawStatus* (*type)(const Session*, std::size_t, TypeInfo**);
  bool optional;
};

std::string_view OnnxTypeName(OnnxType type) {
  switch (type) {
    case OnnxType::kTensor:
      return "ONNX_TYPE_TENSOR";
    case OnnxType::kSequence:
      return "ONNX_TYPE_SEQUENCE";
    case OnnxType::kMap:
      return "ONNX_TYPE_MAP";
    case OnnxType::kOpaque:
      return "ONNX_TYPE_OPAQUE";
    case OnnxType::kSparse:
      return "ONNX_TYPE_SPARSETENSOR";
    default:
      return "ONNX_TYPE_UNKNOWN";
  }
}

Result<std::string> ReadName(const Library& library, const Session* session, const Listing& listing,
                             std::size_t index) {
  char* text = nullptr;
  RETURN_IF_ERROR(Take(listing.name(session, index, library.allocator(), &text)));
  std::string name(text);
  RETURN_IF_ERROR(Take(Api().AllocatorFree(library.allocator(), text)));
  return name;
}

Status ReadType(const TypeInfo* type, SignatureTensor* tensor) {
  OnnxType onnx_type = OnnxType::kUnknown;
  RETURN_IF_ERROR(Take(Api().GetOnnxTypeFromTypeInfo(type, &onnx_type)));
  if (onnx_type != OnnxType::kTensor) {
    return Unimplemented("Unsupported ONNX Type '" + std::string(OnnxTypeName(onnx_type)) + "' for I/O '" +
                         tensor->name + "', expected 'ONNX_TYPE_TENSOR'.");
  }
  const TensorInfo* info = nullptr;
  RETURN_IF_ERROR(Take(Api().CastTypeInfoToTensorInfo(type, &info)));
  ElementType element = ElementType::kUndefined;
  RETURN_IF_ERROR(Take(Api().GetTensorElementType(info, &element)));
  tensor->datatype = FromElementType(element);
  std::size_t rank = 0;
  RETURN_IF_ERROR(Take(Api().GetDimensionsCount(info, &rank)));
  for (std::size_t i = 0; i < rank; ++i) {
    tensor->dims.push_back(-1);
  }
  return Take(Api().GetDimensions(info, tensor->dims.data(), rank));
}

Status ReadTensors(const Library& library, const Session* session, const Listing& listing,
                   std::vector<SignatureTensor>* tensors) {
  std::size_t count = 0;
  RETURN_IF_ERROR(Take(listing.count(session, &count)));
  for (std::size_t i = 0; i < count; ++i) {
    SignatureTensor tensor;
    ASSIGN_OR_RETURN(tensor.name, ReadName(library, session, listing, i));
    TypeInfoHandle type;
    RETURN_IF_ERROR(Take(listing.type(session, i, type.out())));
    RETURN_IF_ERROR(ReadType(type.get(), &tensor));
    tensor.optional = listing.optional;
    tensors->push_back(std::move(tensor));
  }
  return {};
}

}  // namespace

Result<ModelSignature> ReadSignature(const Library& library, const Session* session) {
  const Functions& api = Api();
  ModelSignature signature;
  RETURN_IF_ERROR(ReadTensors(library, session,
                              {api.SessionGetInputCount, api.SessionGetInputName, api.SessionGetInputTypeInfo, false},
                              &signature.inputs));
  RETURN_IF_ERROR(ReadTensors(library, session,
                              {api.SessionGetOverridableInitializerCount, api.SessionGetOverridableInitializerName,
                               api.SessionGetOverridableInitializerTypeInfo, true},
                              &signature.inputs));
  RETURN_IF_ERROR(ReadTensors(
      library, session, {api.SessionGetOutputCount, api.SessionGetOutputName, api.SessionGetOutputTypeInfo, false},
      &signature.outputs));
  signature.known = true;
  return signature;
}

}  // namespace triton_lite::ort
