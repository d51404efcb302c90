#include "backends/ort_library.h"

#include <dlfcn.h>

#include <algorithm>
#include <thread>
#include <vector>

#include "backends/config_value.h"
#include "backends/ort_handles.h"
#include "core/mutex.h"
#include "log/log.h"

namespace triton_lite {
namespace ort {
namespace {

constexpr const char kHowToInstall[] = "pip install onnxruntime-gpu (or onnxruntime)";

struct Configuration {
  std::string library_path;
  std::int32_t cores = 0;
};

// Constructed on first use and never destroyed: threads of the library may run until the process ends.
struct State {
  Mutex mu;
  Configuration configuration GUARDED_BY(mu);
  const Library* library GUARDED_BY(mu) = nullptr;
};

State& TheState() {
  static State* const state = new State;  // NOLINT: lives as long as the process
  return *state;
}

Functions& MutableApi() {
  static Functions functions;
  return functions;
}

std::int32_t CoresOrDefault(std::int32_t cores) {
  return cores > 0 ? cores : std::max(1, static_cast<std::int32_t>(std::thread::hardware_concurrency()));
}

Result<int> ThreadCount(const std::map<std::string, std::string>& backend_config, const std::string& key,
                        int default_count) {
  const auto it = backend_config.find(key);
  if (it == backend_config.end()) {
    return default_count;
  }
  ASSIGN_OR_RETURN(const int count, ParseIntValue(it->second));
  return count > 0 ? count : default_count;
}

// What the library has to say, as a line of the log.
void LogLine(void*, LogLevel severity, const char*, const char*, const char* place, const char* message) {
  const std::string text = std::string("ONNX Runtime, ") + place + ": " + message;
  switch (severity) {
    case LogLevel::kVerbose:
      return LogVerbose(1, text);
    case LogLevel::kInfo:
      return LogInfo(text);
    case LogLevel::kWarning:
      return LogWarning(text);
    default:
      return LogError(text);
  }
}

}  // namespace

const Functions& Api() { return MutableApi(); }

Status Take(RawStatus* status) {
  if (status == nullptr) {
    return {};
  }
  std::string text =
      "onnx runtime error " + std::to_string(Api().GetErrorCode(status)) + ": " + Api().GetErrorMessage(status);
  Api().ReleaseStatus(status);
  return Internal(std::move(text));
}

Status Library::Load(const std::string& path) {
  if (path.empty()) {
    return Unavailable(std::string("ONNX Runtime was not found: ") + kHowToInstall);
  }
  // Never closed: its threads and exit handlers may still run.
  void* const handle = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (handle == nullptr) {
    const char* const reason = dlerror();
    return Unavailable("ONNX Runtime at '" + path + "' could not be loaded (" +
                       (reason == nullptr ? "unknown reason" : reason) + "): " + kHowToInstall);
  }
  using GetApiBase = const ApiBase* (*)();
  const auto get_base = reinterpret_cast<GetApiBase>(dlsym(handle, "OrtGetApiBase"));
  if (get_base == nullptr) {
    return Unavailable("'" + path + "' is not ONNX Runtime (it lacks OrtGetApiBase): " + kHowToInstall);
  }
  const ApiBase* const base = get_base();
  version_ = base->GetVersionString();
  const void* const* const table = base->GetApi(kApiVersion);
  if (table == nullptr) {
    return Unavailable("ONNX Runtime " + version_ + " at '" + path + "' is too old, " + kOldestRelease +
                       " or newer is needed: pip install --upgrade onnxruntime-gpu (or onnxruntime)");
  }
#define TL_ORT_LOAD(slot, name, ...) \
  functions_.name = reinterpret_cast<decltype(functions_.name)>(const_cast<void*>(table[slot]));
  TL_ORT_FUNCTIONS(TL_ORT_LOAD)
#undef TL_ORT_LOAD
  path_ = path;
  return {};
}

Status Library::MakeEnv(const std::map<std::string, std::string>& backend_config) {
  int intra = cores_;
  int inter = 1;
  if (const auto it = backend_config.find("enable-global-threadpool"); it != backend_config.end()) {
    ASSIGN_OR_RETURN(global_threads_only_, ParseBoolValue(it->second));
  }
  if (global_threads_only_) {
    ASSIGN_OR_RETURN(intra, ThreadCount(backend_config, "intra_op_thread_count", intra));
    ASSIGN_OR_RETURN(inter, ThreadCount(backend_config, "inter_op_thread_count", cores_));
  }
  ThreadingOptionsHandle options;
  RETURN_IF_ERROR(Take(functions_.CreateThreadingOptions(options.out())));
  RETURN_IF_ERROR(Take(functions_.SetGlobalIntraOpNumThreads(options.get(), intra)));
  RETURN_IF_ERROR(Take(functions_.SetGlobalInterOpNumThreads(options.get(), inter)));
  RETURN_IF_ERROR(Take(functions_.SetGlobalSpinControl(options.get(), 0)));
  RETURN_IF_ERROR(Take(functions_.CreateEnvWithCustomLoggerAndGlobalThreadPools(LogLine, nullptr, LogLevel::kError,
                                                                                "triton_lite", options.get(), &env_)));
  RETURN_IF_ERROR(Take(functions_.GetAllocatorWithDefaultOptions(&allocator_)));
  return Take(functions_.CreateCpuMemoryInfo(AllocatorType::kArena, MemoryType::kDefault, &host_memory_));
}

bool Library::HasProvider(const std::string& name) const {
  char** names = nullptr;
  int count = 0;
  if (!Take(functions_.GetAvailableProviders(&names, &count)).ok()) {
    return false;
  }
  const bool found = std::any_of(names, names + count, [&](const char* each) { return name == each; });
  (void)Take(functions_.ReleaseAvailableProviders(names, count));
  return found;
}

Result<const Library*> Library::Get(const std::map<std::string, std::string>& backend_config) {
  State& state = TheState();
  MutexLock lock(state.mu);
  if (state.library != nullptr) {
    return state.library;
  }
  auto library = std::make_unique<Library>();
  library->cores_ = CoresOrDefault(state.configuration.cores);
  RETURN_IF_ERROR(library->Load(state.configuration.library_path));
  MutableApi() = library->functions_;
  RETURN_IF_ERROR(library->MakeEnv(backend_config));
  state.library = library.release();  // NOLINT: lives as long as the process
  return state.library;
}

}  // namespace ort

void ConfigureOnnxRuntime(std::string library_path, std::int32_t cores) {
  ort::State& state = ort::TheState();
  MutexLock lock(state.mu);
  state.configuration = {std::move(library_path), cores};
}

void PrepareOnnxRuntime(const std::map<std::string, std::string>& backend_config) {
  (void)ort::Library::Get(backend_config);
}

}  // namespace triton_lite
