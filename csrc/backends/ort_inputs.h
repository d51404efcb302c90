// The inputs of one run: a request's own memory for a batch of one, gathered memory for a larger one.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "backends/ort_device.h"
#include "backends/ort_handles.h"
#include "backends/ort_library.h"
#include "backends/ort_plan.h"
#include "core/buffer.h"
#include "core/request.h"
#include "core/status.h"

namespace triton_lite::ort {

// Belongs to one instance, which uses it from one thread at a time; memory is kept from run to run.
class RunInputs {
 public:
  // All outlive the object. `device` is null for an instance on the CPU.
  RunInputs(const Library* library, const Plan* plan, Device* device);

  // Makes the tensors of `batch` (its elements in sum: `batch_size`). They read the requests' memory, or that of this
  // object, until Clear.
  Status Bind(std::span<InferenceRequest* const> batch, std::int64_t batch_size);
  void Clear();

  const char* const* names() const { return names_.data(); }
  const Value* const* values() const { return values_.data(); }
  std::size_t size() const { return names_.size(); }

 private:
  // Where one input stands in the requests, and the plan for it.
  struct Place {
    const InputPlan* plan = nullptr;
    std::size_t plan_index = 0;
    std::size_t request_index = 0;
  };

  Status BindAll(std::span<InferenceRequest* const> batch, std::int64_t batch_size);
  // Position of `name`, most likely `from` or the next; the number of inputs when there is none.
  std::size_t FindInPlan(const std::string& name, std::size_t from) const;
  Status BindOne(std::span<InferenceRequest* const> batch, std::int64_t batch_size, const Place& place);
  Status BindBatchInput(std::span<InferenceRequest* const> batch, std::size_t index);
  Status MakeStrings(std::span<InferenceRequest* const> batch, const Place& place, const Shape& shape,
                     ValueHandle* value) const;
  // The bytes of all requests in one run of memory fit for the library: on the GPU if some of them are there.
  Result<Buffer> Contiguous(std::span<InferenceRequest* const> batch, const Place& place);
  Result<Buffer> Gather(std::span<InferenceRequest* const> batch, const Place& place, MemoryKind kind);
  Status Reserve(std::size_t byte_size, MemoryKind kind, Buffer* buffer);
  Shape ShapeOf(std::span<InferenceRequest* const> batch, std::int64_t batch_size, const Place& place) const;

  const Library* library_;
  const Plan* plan_;
  Device* device_;
  std::vector<Buffer> scratch_;  // One for each input of the plan, then for each of its batch inputs.
  std::vector<const char*> names_;
  std::vector<ValueHandle> handles_;
  std::vector<const Value*> values_;
};

}  // namespace triton_lite::ort
