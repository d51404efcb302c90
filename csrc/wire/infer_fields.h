// Field numbers of the inference messages in protos/grpc_service.proto.
#pragma once

#include <cstdint>

namespace triton_lite::wire {

// ModelInferRequest
namespace request_field {
enum : std::uint32_t { kModelName = 1, kModelVersion, kId, kParameters, kInputs, kOutputs, kRawInputContents };
// Not of the protocol: marks messages that our HTTP codec made (InferRequestView::from_http).
inline constexpr std::uint32_t kFromHttp = 1001;
}  // namespace request_field

// ModelInferResponse
namespace response_field {
enum : std::uint32_t { kModelName = 1, kModelVersion, kId, kParameters, kOutputs, kRawOutputContents };
}

// InferInputTensor, InferOutputTensor
namespace tensor_field {
enum : std::uint32_t { kName = 1, kDatatype, kShape, kParameters, kContents };
}

// InferRequestedOutputTensor
namespace requested_output_field {
enum : std::uint32_t { kName = 1, kParameters };
}

// Entries of map<string, InferParameter>
namespace entry_field {
enum : std::uint32_t { kKey = 1, kValue };
}

// InferParameter
namespace parameter_field {
enum : std::uint32_t { kBool = 1, kInt64, kString, kDouble, kUint64 };
}

// InferTensorContents
namespace contents_field {
enum : std::uint32_t { kBool = 1, kInt, kInt64, kUint, kUint64, kFp32, kFp64, kBytes };
}

// ModelStreamInferResponse
namespace stream_field {
enum : std::uint32_t { kErrorMessage = 1, kInferResponse };
}

}  // namespace triton_lite::wire
