// Requests without an engine: inputs from values, a responder that keeps what it gets.
#pragma once

#include <cstring>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "core/model_spec.h"
#include "core/request.h"

namespace triton_lite::testing {

inline TensorSpec Tensor(std::string name, DataType datatype, Shape dims) {
  TensorSpec tensor;
  tensor.name = std::move(name);
  tensor.datatype = datatype;
  tensor.dims = std::move(dims);
  return tensor;
}

class HeapMemory final : public OutputMemory {
 public:
  Result<Buffer> Allocate(std::size_t byte_size) override {
    return spent ? Result<Buffer>(Unavailable("budget spent")) : AllocateHeap(byte_size);
  }
  bool spent = false;
};

struct Outcome {
  InferenceResponse response;
  Status status;
  int ends = 0;
  HeapMemory memory;
};

class KeepingResponder final : public Responder {
 public:
  explicit KeepingResponder(Outcome* outcome) : outcome_(outcome) {}
  OutputMemory& memory() override { return outcome_->memory; }
  void Send(InferenceResponse response, bool last) override {
    outcome_->response = std::move(response);
    outcome_->ends += last ? 1 : 0;
  }
  void Fail(Status status) override {
    outcome_->status = std::move(status);
    ++outcome_->ends;
  }
  void Finish() override { ++outcome_->ends; }

 private:
  Outcome* outcome_;
};

template <typename T>
InputTensor Input(std::string name, DataType datatype, Shape shape, const std::vector<T>& values) {
  InputTensor input;
  input.name = std::move(name);
  input.datatype = datatype;
  input.shape = shape;
  input.model_shape = std::move(shape);
  if (!values.empty()) {
    input.data = AllocateHeap(values.size() * sizeof(T)).value();
    std::memcpy(input.data.data, values.data(), values.size() * sizeof(T));
  }
  return input;
}

inline RequestPtr Request(std::uint32_t batch_size, std::vector<InputTensor> inputs, std::vector<std::string> outputs,
                          Outcome* outcome) {
  auto request = std::make_unique<InferenceRequest>();
  request->batch_size = batch_size;
  request->inputs = std::move(inputs);
  for (std::string& output : outputs) {
    request->outputs.push_back({std::move(output), 0, {}});
  }
  request->cancel = std::make_shared<CancelToken>();
  request->responder = std::make_unique<KeepingResponder>(outcome);
  return request;
}

template <typename T>
std::vector<T> ValuesOf(const OutputTensor& output) {
  std::vector<T> values(output.data.size / sizeof(T));
  if (!values.empty()) {
    std::memcpy(values.data(), output.data.data, values.size() * sizeof(T));
  }
  return values;
}

}  // namespace triton_lite::testing
