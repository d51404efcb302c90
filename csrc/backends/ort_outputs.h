// The outputs of one run: only those that somebody asked for are fetched, written straight into the reply's memory
// where their size is known before, else copied there once. On a GPU they stay where the model left them until they are
// copied to where they belong, unless whoever gets them takes them there.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "backends/ort_device.h"
#include "backends/ort_handles.h"
#include "backends/ort_library.h"
#include "backends/ort_plan.h"
#include "backends/ort_strings.h"
#include "core/request.h"
#include "core/status.h"

namespace triton_lite::ort {

// Belongs to one instance, which uses it from one thread at a time.
class RunOutputs {
 public:
  // All outlive the object. `device` is null for an instance on the CPU.
  RunOutputs(const Library* library, const Plan* plan, Device* device)
      : library_(library), plan_(plan), device_(device) {}

  // Chooses the outputs that a request of `batch` wants, and the states, by name, none of them placed.
  void Select(std::span<InferenceRequest* const> batch);

  // Takes memory for the selected outputs whose size is known from the reply's memory of `request`, a batch of its
  // own, for the model to write into. An error is the reply memory's.
  Status Place(InferenceRequest* request);
  // True when Place gave the model memory to write into.
  bool placed() const { return placed_; }

  const char* const* names() const { return names_.data(); }
  std::size_t size() const { return names_.size(); }
  // What Run takes and fills: placed tensors, and null where the library allocates.
  Value** values() { return values_.data(); }

  // On a GPU, in place of names and values: says where each output goes, and takes what a run left there.
  Status BindTo(IoBinding* binding) const;
  Status TakeFrom(IoBinding* binding);

  // After a run: takes what the library made, and ends every request of `batch` with its response or its error.
  void Respond(std::span<InferenceRequest* const> batch);

  // Frees tensors and memory that was not sent.
  void Clear();

 private:
  struct Slot {
    const OutputPlan* plan = nullptr;
    ValueHandle value;
    Buffer placed;  // Memory of the reply under `value`, if any.
    Shape placed_shape;
    std::shared_ptr<ValueHandle> left;  // The value, where it stays on the GPU for whoever gets parts of it.
  };
  // One output of the whole batch, as the model gave it.
  struct Whole {
    Shape shape;
    const std::byte* data = nullptr;  // Null for strings. On the instance's GPU if it has one.
    std::int64_t batch_size = 1;
  };

  Status Split(std::span<InferenceRequest* const> batch, Slot* slot);
  // Keeps the state that each request of `batch` has in `whole`, whose data lie at `data`.
  void KeepStates(std::span<InferenceRequest* const> batch, Slot* slot, const Whole& whole, const std::byte* data);
  Result<Whole> Examine(Slot* slot);
  Whole WholeOf(const Shape& shape, const std::byte* data = nullptr) const;
  // Adds the part of `request` to its response, if it wants that, and moves the offsets behind the part.
  Status Cut(InferenceRequest* request, Slot* slot, const Whole& whole, std::int64_t* batch_offset,
             std::size_t* element_offset, InferenceResponse* response);
  // The same for an output that is divided by the shape of an input.
  Status Scatter(InferenceRequest* request, Slot* slot, const Whole& whole, std::size_t* element_offset,
                 InferenceResponse* response);
  // Adds elements of an output to a response.
  Status AddPart(InferenceRequest* request, Slot* slot, const Whole& whole, std::size_t first, const Shape& shape,
                 InferenceResponse* response);
  Result<Buffer> Copy(InferenceRequest* request, Slot* slot, const Whole& whole, std::size_t first,
                      std::size_t count) const;
  Result<Buffer> CopyFromDevice(InferenceRequest* request, const Slot& slot, const std::byte* data,
                                std::size_t byte_size) const;
  // Places one output whose size is known; where, if anywhere, is left to the reply's memory.
  Result<Buffer> FindPlace(InferenceRequest* request, const std::string& name, std::size_t byte_size) const;

  const Library* library_;
  const Plan* plan_;
  Device* device_;
  bool placed_ = false;
  std::vector<Slot> slots_;
  std::vector<const char*> names_;
  std::vector<Value*> values_;
  std::vector<InferenceResponse> responses_;
  std::vector<Status> errors_;
  StringContent strings_;
};

}  // namespace triton_lite::ort
