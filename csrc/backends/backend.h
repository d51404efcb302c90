// The interface of a backend: what turns the inputs of a batch of requests into outputs.
// Three objects with three lifetimes: Backend (one a process), BackendModel (one a loaded version),
// BackendInstance (one of each instance group's `count`). None of them knows queues, protocols or threads.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "core/model_spec.h"
#include "core/request.h"
#include "core/status.h"

namespace triton_lite {

// Name, type and shape of one tensor as a model's own file states it.
struct SignatureTensor {
  std::string name;
  DataType datatype = DataType::kInvalid;
  Shape dims;             // Every dimension of the file; -1 for a variable one.
  bool optional = false;  // Has a default value in the file.
  bool is_tensor = true;  // False for sequences, maps and other things that cannot be served.

  friend bool operator==(const SignatureTensor&, const SignatureTensor&) = default;
};

struct ModelSignature {
  std::vector<SignatureTensor> inputs;
  std::vector<SignatureTensor> outputs;
  bool known = false;  // False for backends whose files state no signature (identity).

  friend bool operator==(const ModelSignature&, const ModelSignature&) = default;
};

// Where one instance runs.
struct InstancePlacement {
  std::string name;  // "simple_0_0" as Triton names instances.
  InstanceKind kind = InstanceKind::kCpu;
  std::int32_t device_id = 0;         // KIND_GPU only.
  std::int32_t ordinal = 0;           // Counts from 0 over all instances of the model.
  std::int32_t group = 0;             // Its instance group, counted from 0.
  std::int32_t threads = 1;           // Cores this instance may use (DESIGN: CPU defaults).
  RateLimiterSpec rate_limiter = {};  // Of its group.
};

// Told that an instance may be given the next batch. Gets back the requests of the last one, in its order: null in the
// place of those that go on (of decoupled models), and ended the others but for those to be run again.
using ExecutedHook = std::function<void(std::vector<RequestPtr>)>;

// Used by one thread at a time, but not always the same one.
class BackendInstance {
 public:
  virtual ~BackendInstance() = default;

  // Runs `batch` (1..max_batch_size elements in sum; shapes agree but for the batch dimension unless the input
  // is ragged) and ends every request in it through its responder; sets compute_input_end,
  // compute_output_start and, before a response, compute_end unless all of them failed. Never throws. Requests stay
  // owned by the caller, which sets the other timestamps.
  // `request->outputs` says which outputs are wanted: others need not be produced.
  virtual void Execute(std::span<InferenceRequest* const> batch) = 0;

  // Whether the instance runs batches elsewhere: Start is called in the place of Execute then.
  virtual bool starts() const { return false; }
  // Like Execute, but does not wait: `executed` is called once, from any thread, when the batch has run. Takes the
  // requests of `batch`, which are in `view`; what else is there only fills the view up, and is not used after that.
  // False: all of them ended at once. They stay in `batch`, and `executed` is not called.
  virtual bool Start(std::span<InferenceRequest* const> view, std::vector<RequestPtr>* /*batch*/,
                     const ExecutedHook& /*executed*/) {
    Execute(view);
    return false;
  }

  // How many batches may run at the same time, where they are started. Start may come from any threads then.
  virtual std::size_t concurrency() const { return 1; }
  // Whether short batches may be started before the last has run: they wait where they are run.
  virtual bool queues() const { return false; }

  // Whether it would fail whatever it is given, and nobody knows for how long: others of the model run that, if there
  // are any. May change at any time. While it is false, batches that were started end.
  virtual bool down() const { return false; }

  // Whether requests go on here whose batches have run: it is not destroyed before they have ended.
  virtual bool in_use() const { return false; }

  // Whether inputs may lie in the memory of GPU `device_id`; everywhere else they are brought to the host first.
  virtual bool TakesDeviceMemory(std::int32_t /*device_id*/) const { return false; }

  // Stops an Execute that runs, or is about to, as soon as possible, from another thread: it holds until EndInterrupt,
  // since whoever calls cannot know whether Execute has begun. Backends that cannot, do nothing.
  virtual void Interrupt() {}
  virtual void EndInterrupt() {}
};

class BackendModel {
 public:
  virtual ~BackendModel() = default;
  virtual const ModelSignature& signature() const = 0;

  // Whether numbers may change until they are executed upon: the backend copies each before anything looks at it.
  virtual bool copies_inputs() const { return false; }

  // Called once after the configuration is complete and checked, before the first CreateInstance.
  virtual Status Configure(const ModelSpec& spec) = 0;
  // Also while others of its instances run.
  virtual Result<std::unique_ptr<BackendInstance>> CreateInstance(const InstancePlacement& placement) = 0;
};

class Backend {
 public:
  virtual ~Backend() = default;
  virtual std::string_view name() const = 0;

  // Opens the model's file. `spec` may be incomplete: of its fields only name, version, version_directory,
  // model_file, parameters, backend_config, optimization and accelerators are read here.
  // What was opened is reused by CreateInstance, so that a file is parsed once.
  virtual Result<std::unique_ptr<BackendModel>> Open(const ModelSpec& spec) = 0;
};

// Finds a backend by its configured name ("onnxruntime", "identity"); null when there is none.
// The backends are made on first use and live as long as the process.
Backend* FindBackend(std::string_view name);

}  // namespace triton_lite
