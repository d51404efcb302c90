#include "cuda/driver.h"

#include <dlfcn.h>

#include <memory>
#include <utility>

namespace triton_lite::cuda {
namespace {

constexpr const char kLibrary[] = "libcuda.so.1";

const Functions*& CurrentFunctions() {
  static const Functions* functions = nullptr;
  return functions;
}

std::string TextOf(const Functions& functions, int result) {
  const char* text = nullptr;
  if (functions.cuGetErrorString(result, &text) != kSuccess || text == nullptr) {
    return "error " + std::to_string(result);
  }
  return text;
}

// The library stays loaded: a driver cannot be unloaded safely.
Status LoadFunctions(Functions* functions) {
  void* const library = ::dlopen(kLibrary, RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) {
    return Unavailable("there is no NVIDIA driver: " + std::string(::dlerror()));
  }
#define TL_CUDA_LOAD(name, ...)                                                                           \
  functions->name = reinterpret_cast<int (*)(__VA_ARGS__)>(::dlsym(library, #name));                      \
  if (functions->name == nullptr) {                                                                       \
    return Unavailable(std::string("the NVIDIA driver is too old: ") + kLibrary + " has no '" #name "'"); \
  }
  TL_CUDA_FUNCTIONS(TL_CUDA_LOAD)
#undef TL_CUDA_LOAD
  return {};
}

}  // namespace

const Functions& Api() { return *CurrentFunctions(); }

Status Take(int result, std::string_view what) {
  return result == kSuccess ? Status() : Internal("failed to " + std::string(what) + ": " + TextOf(Api(), result));
}

Result<const Driver*> Driver::Get() {
  // Made once, whatever comes of it, and never destroyed: threads may use it until the process ends.
  static const auto* const made = [] {
    auto driver = std::make_unique<Driver>();
    const Status status = driver->Load();
    return new std::pair<Status, std::unique_ptr<const Driver>>(status, std::move(driver));  // NOLINT
  }();
  if (!made->first.ok()) {
    return made->first;
  }
  return made->second.get();
}

Status Driver::Load() {
  RETURN_IF_ERROR(LoadFunctions(&functions_));
  CurrentFunctions() = &functions_;
  if (const int result = functions_.cuInit(0); result != kSuccess) {
    return Unavailable("the NVIDIA driver could not be initialised: " + TextOf(functions_, result));
  }
  RETURN_IF_ERROR(Take(functions_.cuDeviceGetCount(&device_count_), "count the GPUs"));
  return device_count_ > 0 ? Status() : Unavailable("the NVIDIA driver shows no GPU");
}

Result<RawContext*> Driver::ContextOf(std::int64_t device_id) const {
  if (device_id < 0 || device_id >= device_count_) {
    return InvalidArgument("there is no GPU " + std::to_string(device_id));
  }
  MutexLock lock(mu_);
  if (const auto found = contexts_.find(device_id); found != contexts_.end()) {
    return found->second;
  }
  DeviceNumber device = 0;
  RETURN_IF_ERROR(Take(functions_.cuDeviceGet(&device, static_cast<int>(device_id)), "find a GPU"));
  RawContext* context = nullptr;
  RETURN_IF_ERROR(Take(functions_.cuDevicePrimaryCtxRetain(&context, device), "make a context on a GPU"));
  contexts_.emplace(device_id, context);
  return context;
}

DeviceScope::DeviceScope(std::int64_t device_id) : status_(Enter(device_id)) {}

Status DeviceScope::Enter(std::int64_t device_id) {
  ASSIGN_OR_RETURN(const Driver* const driver, Driver::Get());
  ASSIGN_OR_RETURN(RawContext* const context, driver->ContextOf(device_id));
  return Take(Api().cuCtxPushCurrent_v2(context), "enter the context of a GPU");
}

DeviceScope::~DeviceScope() {
  if (status_.ok()) {
    RawContext* mine = nullptr;
    (void)Api().cuCtxPopCurrent_v2(&mine);
  }
}

}  // namespace triton_lite::cuda
