#include "backends/ort_providers.h"

#include <string>
#include <vector>

#include "backends/ort_handles.h"

namespace triton_lite::ort {
namespace {

// Entries as the two arrays of C strings that the library takes; borrows from `entries`.
struct EntryArrays {
  explicit EntryArrays(const Entries& entries) {
    for (const auto& [name, value] : entries) {
      names.push_back(name.c_str());
      values.push_back(value.c_str());
    }
  }
  std::vector<const char*> names;
  std::vector<const char*> values;
};

Status Explain(const Status& status, const std::string& what, const std::string& remedy) {
  if (status.ok()) {
    return status;
  }
  const std::string& reason = status.message();  // Ends in a line break at times.
  return {status.code(),
          what + ": " + reason.substr(0, reason.find_last_not_of('\n') + 1) + " (needed: " + remedy + ")"};
}

constexpr const char kNeedGpuPackage[] =
    "this ONNX Runtime has none: pip uninstall onnxruntime, then pip install onnxruntime-gpu";
constexpr const char kNeedCuda[] =
    "the CUDA and cuDNN libraries: pip install 'triton_lite[cuda]'; or run the model on the CPU with "
    "instance_group { kind: KIND_CPU }";
constexpr const char kNeedTensorRt[] =
    "the TensorRT libraries: pip install tensorrt; or leave out the accelerator 'tensorrt'";

Status AddTensorRt(Entries entries, std::int32_t device_id, SessionOptions* options) {
  TensorRtOptionsHandle provider;
  RETURN_IF_ERROR(Take(Api().CreateTensorRTProviderOptions(provider.out())));
  entries.emplace_back("device_id", std::to_string(device_id));
  const EntryArrays arrays(entries);
  RETURN_IF_ERROR(Take(Api().UpdateTensorRTProviderOptions(provider.get(), arrays.names.data(), arrays.values.data(),
                                                           arrays.names.size())));
  return Take(Api().SessionOptionsAppendExecutionProvider_TensorRT_V2(options, provider.get()));
}

Status AddCuda(Entries entries, std::int32_t device_id, SessionOptions* options) {
  CudaOptionsHandle provider;
  RETURN_IF_ERROR(Take(Api().CreateCUDAProviderOptions(provider.out())));
  entries.emplace_back("device_id", std::to_string(device_id));
  const EntryArrays arrays(entries);
  RETURN_IF_ERROR(Take(
      Api().UpdateCUDAProviderOptions(provider.get(), arrays.names.data(), arrays.values.data(), arrays.names.size())));
  return Take(Api().SessionOptionsAppendExecutionProvider_CUDA_V2(options, provider.get()));
}

}  // namespace

Status AddGpuProviders(const Library& library, const Settings& settings, std::int32_t device_id,
                       SessionOptions* options) {
  if (settings.providers.tensorrt) {
    if (!library.HasProvider("TensorrtExecutionProvider")) {
      return Unavailable(std::string("execution accelerator 'tensorrt' is not available: ") + kNeedGpuPackage);
    }
    RETURN_IF_ERROR(Explain(AddTensorRt(*settings.providers.tensorrt, device_id, options),
                            "execution accelerator 'tensorrt' could not be set up", kNeedTensorRt));
  }
  if (!library.HasProvider("CUDAExecutionProvider")) {
    return Unavailable(std::string("instances of KIND_GPU need the CUDA execution provider: ") + kNeedGpuPackage);
  }
  return Explain(AddCuda(settings.providers.cuda, device_id, options),
                 "the CUDA execution provider could not be set up", kNeedCuda);
}

}  // namespace triton_lite::ort
