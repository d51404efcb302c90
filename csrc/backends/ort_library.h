// ONNX Runtime, loaded at run time: one library and one environment a process.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "backends/ort_abi.h"
#include "core/status.h"

namespace triton_lite {

// Says where the library lies (the wheel's onnxruntime/capi/libonnxruntime.so.*; empty: none is installed) and how
// many cores the process may use. To be called before the first model opens; later calls change nothing.
void ConfigureOnnxRuntime(std::string library_path, std::int32_t cores);
// Loads the library, unless that was done, for whoever opens a model next. What is wrong with it is said there.
void PrepareOnnxRuntime(const std::map<std::string, std::string>& backend_config);

}  // namespace triton_lite

namespace triton_lite::ort {

// The loaded library. Lives as long as the process, as the sessions' threads may outlast every model.
class Library {
 public:
  const Functions& functions() const { return functions_; }
  const std::string& version() const { return version_; }
  const std::string& path() const { return path_; }
  Env* env() const { return env_; }
  Allocator* allocator() const { return allocator_; }  // The default one, on the host.
  const MemoryInfo* host_memory() const { return host_memory_; }
  std::int32_t cores() const { return cores_; }
  // --backend-config=onnxruntime,enable-global-threadpool=1: every session runs on the process's one pool.
  bool global_threads_only() const { return global_threads_only_; }
  bool HasProvider(const std::string& name) const;  // "CUDAExecutionProvider", …

  // Loads the library and makes the environment at the first call; later calls return the same, whatever their
  // `backend_config`. UNAVAILABLE with what to install when there is none or too old a one.
  static Result<const Library*> Get(const std::map<std::string, std::string>& backend_config);

 private:
  Status Load(const std::string& path);
  Status MakeEnv(const std::map<std::string, std::string>& backend_config);

  Functions functions_;
  std::string version_;
  std::string path_;
  Env* env_ = nullptr;
  Allocator* allocator_ = nullptr;
  MemoryInfo* host_memory_ = nullptr;
  std::int32_t cores_ = 1;
  bool global_threads_only_ = false;
};

// The library's error as ours, with Triton's text; releases it. Null is OK.
Status Take(RawStatus* status);

}  // namespace triton_lite::ort
