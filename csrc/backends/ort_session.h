// Sessions: a model's file parsed and optimised by ONNX Runtime for one kind of place.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "backends/ort_handles.h"
#include "backends/ort_library.h"
#include "backends/ort_settings.h"
#include "core/model_spec.h"

namespace triton_lite::ort {

// How the operators of a session get their threads. Figures behind the choice: docs/backends.md.
enum class Threads : std::uint8_t {
  kCaller,  // The instance's own thread only.
  kGlobal,  // The process's one pool helps.
  kOwn,     // A pool of the session's own, of the size that the configuration names.
};

// What makes two sessions of one model differ.
struct SessionPlace {
  InstanceKind kind = InstanceKind::kCpu;
  std::int32_t device_id = 0;
  Threads threads = Threads::kCaller;

  friend bool operator==(const SessionPlace&, const SessionPlace&) = default;
};

// Threads by the configuration's numbers where it has some, else by the cores that the instance may use.
Threads ChooseThreads(const Library& library, const Settings& settings, std::int32_t cores_of_instance);

// Thread-safe once made; instances may share one.
using SharedSession = std::shared_ptr<const SessionHandle>;

// The file of a model: `model_file` itself, or model.onnx in it when it is a folder. UNAVAILABLE when there is none.
Result<std::string> FindModelFile(const ModelSpec& spec);

// Parses `file`. Errors carry ONNX Runtime's text.
Result<SharedSession> MakeSession(const Library& library, const Settings& settings, const SessionPlace& place,
                                  const std::string& file);

}  // namespace triton_lite::ort
