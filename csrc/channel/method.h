// The methods of the channel. Messages are those of protos/grpc_service.proto unless a comment says otherwise.
#pragma once

#include <cstdint>

namespace triton_lite {

// Numbers are the channel's wire format: append only.
enum class Method : std::uint16_t {
  kServerLive = 1,
  kServerReady = 2,
  kModelReady = 3,
  kServerMetadata = 4,
  kModelMetadata = 5,
  // ModelInferRequest -> ModelInferResponse. Segments of the call, if any, stand for raw_input_contents;
  // segments of the answer stand for raw_output_contents (the message then has none).
  kModelInfer = 6,
  // One ModelInferRequest of a ModelStreamInfer stream -> any number of answers like kModelInfer's; the last one is
  // marked. A last answer with an empty message carries no response of its own.
  kModelStreamInfer = 7,
  kModelConfig = 8,
  kModelStatistics = 9,
  kRepositoryIndex = 10,
  kRepositoryModelLoad = 11,
  kRepositoryModelUnload = 12,
  kSystemSharedMemoryStatus = 13,
  kSystemSharedMemoryRegister = 14,
  kSystemSharedMemoryUnregister = 15,
  kCudaSharedMemoryStatus = 16,
  kCudaSharedMemoryRegister = 17,
  kCudaSharedMemoryUnregister = 18,
  kTraceSetting = 19,
  kLogSettings = 20,
  // The HTTP raw binary request: a ModelInferRequest without inputs, one segment with the only input's bytes.
  kRawInfer = 32,
  // Generate extension. Request: ModelInferRequest with model name and version only; one segment with the JSON body.
  // Answers: segment 0 is the JSON text of one response.
  kGenerate = 33,
  kGenerateStream = 34,
  // ModelReadyRequest -> nothing: is the model known at all? (the order of HTTP's errors; NOT_FOUND otherwise)
  kModelExists = 35,
  // When the answer to a traced request was sent: see wire/call_metadata.h. Answered with an empty message.
  kTraceSent = 36,
  // ModelReadyRequest -> nothing: is the model known, and does it answer once? What HTTP's infer asks before all else.
  kModelTakesInfer = 37,
  // Control calls of our own tools (JSON message -> JSON message), e.g. what `serve` prints at start.
  kAdmin = 64,
};

// Whether requests may be sampled for tracing, and what front ends are to say of them then: their timestamps, and the
// W3C trace context, which costs them more to find than all the rest.
enum class Tracing : std::uint32_t { kNone = 0, kTimes = 1, kTimesAndContext = 2 };

// Beside a call's method on the channel: the client may not use shared memory. Front ends set it for clients on other
// machines; it is no part of the message, so that nothing a client sends can set or hide it.
inline constexpr std::uint16_t kRegionsDenied = 0x8000;

constexpr Method MethodOf(std::uint16_t method_and_flags) {
  return static_cast<Method>(method_and_flags & ~kRegionsDenied);
}
constexpr bool DeniesRegions(std::uint16_t method_and_flags) { return (method_and_flags & kRegionsDenied) != 0; }

// Calls that register or unregister regions.
constexpr bool ChangesRegions(Method method) {
  return method == Method::kSystemSharedMemoryRegister || method == Method::kSystemSharedMemoryUnregister ||
         method == Method::kCudaSharedMemoryRegister || method == Method::kCudaSharedMemoryUnregister;
}

// Answered by the data plane itself; everything else goes to the Python control plane.
constexpr bool IsInference(Method method) {
  return method == Method::kModelInfer || method == Method::kModelStreamInfer || method == Method::kRawInfer ||
         method == Method::kGenerate || method == Method::kGenerateStream || method == Method::kModelExists ||
         method == Method::kTraceSent || method == Method::kModelTakesInfer;
}

}  // namespace triton_lite
