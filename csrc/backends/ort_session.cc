#include "backends/ort_session.h"

#include <filesystem>
#include <system_error>

#include "backends/host_memory.h"
#include "backends/ort_providers.h"
#include "core/low_priority.h"

namespace triton_lite::ort {
namespace {

Status SetThreads(const Library& library, const Settings& settings, Threads threads, SessionOptions* options) {
  const auto own = [&](int configured) { return configured > 0 ? configured : library.cores(); };
  switch (threads) {
    case Threads::kGlobal:
      return Take(Api().DisablePerSessionThreads(options));
    case Threads::kCaller:
      RETURN_IF_ERROR(Take(Api().SetIntraOpNumThreads(options, 1)));
      return Take(Api().SetInterOpNumThreads(options, 1));
    case Threads::kOwn:
      RETURN_IF_ERROR(Take(Api().SetIntraOpNumThreads(options, own(settings.intra_op_threads))));
      return Take(Api().SetInterOpNumThreads(options, own(settings.inter_op_threads)));
  }
  return {};
}

Status SetMemory(const Settings& settings, SessionOptions* options) {
  if (settings.memory_arena) {
    RETURN_IF_ERROR(
        Take(*settings.memory_arena ? Api().EnableCpuMemArena(options) : Api().DisableCpuMemArena(options)));
  }
  if (settings.memory_pattern) {
    RETURN_IF_ERROR(
        Take(*settings.memory_pattern ? Api().EnableMemPattern(options) : Api().DisableMemPattern(options)));
  }
  return {};
}

Status SetOptions(const Library& library, const Settings& settings, Threads threads, SessionOptions* options) {
  RETURN_IF_ERROR(Take(Api().SetSessionGraphOptimizationLevel(options, settings.optimization_level)));
  RETURN_IF_ERROR(Take(Api().SetSessionExecutionMode(options, settings.execution_mode)));
  RETURN_IF_ERROR(SetThreads(library, settings, threads, options));
  RETURN_IF_ERROR(SetMemory(settings, options));
  // A waiting thread that spins takes a core from other instances; the configuration may still ask for it.
  for (const char* const spin : {"session.intra_op.allow_spinning", "session.inter_op.allow_spinning"}) {
    RETURN_IF_ERROR(Take(Api().AddSessionConfigEntry(options, spin, "0")));
  }
  for (const auto& [name, value] : settings.session_entries) {
    RETURN_IF_ERROR(Take(Api().AddSessionConfigEntry(options, name.c_str(), value.c_str())));
  }
  return {};
}

// Smaller models are made before a thread of low priority could run.
constexpr std::uintmax_t kQuickByteSize = std::uintmax_t{1} << 20;
constexpr int kFilesLookedAt = 64;

// The file and what lies beside it, where ONNX keeps large weights. A repository of bare files is not read for each.
std::uintmax_t ModelByteSize(const std::string& file) {
  std::error_code error;
  const std::uintmax_t own = std::filesystem::file_size(file, error);
  std::uintmax_t byte_size = error ? 0 : own;
  std::filesystem::directory_iterator beside(std::filesystem::path(file).parent_path(), error);
  for (int i = 0; !error && beside != std::filesystem::directory_iterator() && i < kFilesLookedAt; ++i) {
    std::error_code unknown;
    const std::uintmax_t size = beside->is_regular_file(unknown) ? beside->file_size(unknown) : 0;
    byte_size += unknown || beside->path() == file ? 0 : size;
    beside.increment(error);
  }
  return byte_size;
}

}  // namespace

Threads ChooseThreads(const Library& library, const Settings& settings, std::int32_t cores_of_instance) {
  if (library.global_threads_only()) {
    return Threads::kGlobal;
  }
  if (settings.execution_mode == ExecutionMode::kParallel || settings.intra_op_threads > 1) {
    return Threads::kOwn;
  }
  return settings.intra_op_threads == 1 || cores_of_instance <= 1 ? Threads::kCaller : Threads::kGlobal;
}

Result<std::string> FindModelFile(const ModelSpec& spec) {
  std::filesystem::path path = spec.model_file;
  if (path.empty()) {
    path = std::filesystem::path(spec.version_directory) / "model.onnx";
  }
  std::error_code error;
  if (std::filesystem::is_directory(path, error)) {
    path /= "model.onnx";
  }
  if (!std::filesystem::exists(path, error)) {
    return Unavailable("unable to find '" + path.string() + "' for model instance '" + spec.name + "'");
  }
  return path.string();
}

Result<SharedSession> MakeSession(const Library& library, const Settings& settings, const SessionPlace& place,
                                  const std::string& file) {
  SessionOptionsHandle options;
  RETURN_IF_ERROR(Take(Api().CreateSessionOptions(options.out())));
  RETURN_IF_ERROR(SetOptions(library, settings, place.threads, options.get()));
  if (place.kind == InstanceKind::kGpu) {
    RETURN_IF_ERROR(AddGpuProviders(library, settings, place.device_id, options.get()));
  }
  SessionHandle session;
  Status status;
  const std::uintmax_t byte_size = ModelByteSize(file);
  const auto create = [&] {
    const ModelMemoryScope memory(byte_size);
    status = Take(Api().CreateSession(library.env(), file.c_str(), options.get(), session.out()));
  };
  // The threads that a session starts inherit the priority of this one and keep it.
  const bool starts_threads = place.threads == Threads::kOwn || place.kind == InstanceKind::kGpu;
  starts_threads || byte_size < kQuickByteSize ? create() : RunAtLowPriority(create);
  ReturnFreeMemory(byte_size);
  RETURN_IF_ERROR(status);
  // Unmapping tens of megabytes takes as many milliseconds.
  return SharedSession(new SessionHandle(std::move(session)), [byte_size](const SessionHandle* last) {
    byte_size < kQuickByteSize ? delete last : RunAtLowPriority([last] { delete last; });
  });
}

}  // namespace triton_lite::ort
